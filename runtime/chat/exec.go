package chat

import (
	"maps"
	"slices"

	"github.com/qconv/qconv/formats/fault"
)

// exec carries out statements. A jump other than onward asks the loop around to break or continue.
func (f *frame) exec(body []stmt) (jump, error) {
	for _, s := range body {
		j, err := f.one(s)
		if err != nil || j != onward {
			return j, err
		}
	}
	return onward, nil
}

func (f *frame) one(s stmt) (jump, error) {
	line := s.line()
	if err := f.tick(line, 1); err != nil {
		return onward, err
	}
	if err := f.enter(line); err != nil {
		return onward, err
	}
	defer func() { f.depth-- }()
	switch s := s.(type) {
	case *textStmt:
		return onward, f.out.write(line, s.text)
	case *printStmt:
		v, err := f.eval(s.x)
		if err != nil {
			return onward, err
		}
		text, err := f.str(line, v)
		if err != nil {
			return onward, err
		}
		return onward, f.out.write(line, text)
	case *ifStmt:
		for i, test := range s.tests {
			v, err := f.eval(test)
			if err != nil {
				return onward, err
			}
			if truth(v) {
				return f.exec(s.bodies[i])
			}
		}
		if len(s.bodies) > len(s.tests) {
			return f.exec(s.bodies[len(s.tests)])
		}
		return onward, nil
	case *forStmt:
		return onward, f.forLoop(s)
	case *setStmt:
		v, err := f.eval(s.x)
		if err != nil {
			return onward, err
		}
		return onward, f.assign(&s.target, v)
	case *setBlockStmt:
		in := f.capture()
		v, err := in.filtered(s.body, s.filter)
		if err != nil {
			return onward, err
		}
		return onward, f.assign(&s.target, v)
	case *filterStmt:
		v, err := f.capture().filtered(s.body, s.filter)
		if err != nil {
			return onward, err
		}
		text, ok := asString(v)
		if !ok {
			return onward, syntax(line, "the filter of a block gave %s, not text", typeName(v))
		}
		return onward, f.out.write(line, text)
	case *withStmt:
		in := f.inner()
		for i := range s.targets {
			v, err := f.eval(s.vals[i])
			if err != nil {
				return onward, err
			}
			if err := in.assign(&s.targets[i], v); err != nil {
				return onward, err
			}
		}
		return in.exec(s.body)
	case *scopeStmt:
		return f.inner().exec(s.body)
	case *macroStmt:
		f.scope.set(s.name, &macro{s, f.scope})
		return onward, nil
	case *jumpStmt:
		return s.to, nil
	}
	return onward, unsupported(line, "this statement")
}

// filtered gives the text of body, passed through filter if there is one. A break or continue in it throws the text
// away, as it does in jinja2, but loops that far out are refused.
func (f *frame) filtered(body []stmt, filter *filterExpr) (value, error) {
	j, err := f.exec(body)
	if err != nil {
		return nil, err
	}
	if j != onward {
		return nil, unsupported(body[0].line(), "break or continue out of a block that collects text")
	}
	if filter == nil {
		return f.out.text.String(), nil
	}
	return f.filterChain(filter, f.out.text.String())
}

// forLoop runs a loop. Each round has a scope of its own.
func (f *frame) forLoop(s *forStmt) error {
	v, err := f.eval(s.iter)
	if err != nil {
		return err
	}
	items, err := f.elements(s.iter.line(), v)
	if err != nil {
		return err
	}
	if s.test != nil {
		if items, err = f.chosen(s, items); err != nil {
			return err
		}
	}
	l := &loop{items: items, depth: 1}
	if outer, ok := f.scope.get("loop"); ok {
		if o, ok := outer.(*loop); ok {
			l.depth = o.depth + 1
		}
	}
	whole := false // some round came to its end; jinja2 runs "else" when none did, not only when there were no rounds
	for i, item := range items {
		if err := f.tick(s.line(), 1); err != nil {
			return err
		}
		l.at = i
		in := f.inner()
		in.scope.set("loop", l)
		if err := in.assign(&s.target, item); err != nil {
			return err
		}
		j, err := in.exec(s.body)
		if err != nil {
			return err
		}
		if j == toBreak {
			break
		}
		whole = whole || j == onward
	}
	if whole {
		return nil
	}
	_, err = f.inner().exec(s.orElse)
	return err
}

// chosen keeps the items for which the loop's test holds. With several targets they become tuples of what the targets
// got, as in jinja2: loop.previtem shows it.
func (f *frame) chosen(s *forStmt, items []value) ([]value, error) {
	var keep []value
	for _, item := range items {
		in := f.inner()
		if err := in.assign(&s.target, item); err != nil {
			return nil, err
		}
		v, err := in.eval(s.test)
		if err != nil {
			return nil, err
		}
		if truth(v) {
			keep = append(keep, in.got(&s.target))
			if err := f.make(s.line(), 8*slot); err != nil {
				return nil, err
			}
		}
	}
	return keep, nil
}

// got gives the value that was assigned to t.
func (f *frame) got(t *target) value {
	if !t.tuple {
		v, _ := f.scope.get(t.name)
		return v
	}
	l := &list{tuple: true}
	for i := range t.items {
		l.items = append(l.items, f.got(&t.items[i]))
	}
	return l
}

// assign stores v in a target.
func (f *frame) assign(t *target, v value) error {
	line := t.line()
	switch {
	case t.tuple:
		items, err := f.elements(line, v)
		if err != nil {
			return err
		}
		if len(items) != len(t.items) {
			return syntax(line, "%d values for %d names", len(items), len(t.items))
		}
		for i := range items {
			if err := f.assign(&t.items[i], items[i]); err != nil {
				return err
			}
		}
		return nil
	case t.attr != "":
		x, ok := f.scope.get(t.name)
		ns, isNS := x.(*namespace)
		if !ok || !isNS {
			return syntax(line, "cannot assign to an attribute of %s, which is not a namespace", quote(t.name))
		}
		if err := f.make(line, slot); err != nil {
			return err
		}
		ns.attrs.set(t.attr, t.attr, v)
		return nil
	}
	if err := f.make(line, slot); err != nil {
		return err
	}
	f.scope.set(t.name, v)
	return nil
}

// callMacro runs a macro and gives its text.
func (f *frame) callMacro(line int, m *macro, c *call) (value, error) {
	def := m.def
	in := (&frame{f.run, m.scope, nil}).capture()
	if len(c.args) > len(def.params) {
		return nil, syntax(line, "macro %s takes at most %d arguments, got %d", quote(def.name), len(def.params), len(c.args))
	}
	for i, p := range def.params {
		switch v, named := c.named[p]; {
		case i < len(c.args) && named:
			return nil, syntax(line, "macro %s: argument %s twice", quote(def.name), quote(p))
		case i < len(c.args):
			in.scope.set(p, c.args[i])
		case named:
			in.scope.set(p, v)
		case i < len(def.params)-len(def.defaults):
			in.scope.set(p, undefined{"parameter " + quote(p)})
		default:
			v, err := in.eval(def.defaults[i-len(def.params)+len(def.defaults)])
			if err != nil {
				return nil, err
			}
			in.scope.set(p, v)
		}
		delete(c.named, p)
	}
	if len(c.named) > 0 {
		return nil, syntax(line, "macro %s has no parameter %s", quote(def.name), quote(slices.Min(slices.Collect(maps.Keys(c.named)))))
	}
	if _, err := in.exec(def.body); err != nil {
		return nil, err
	}
	return in.out.text.String(), nil
}

// raise is the error of raise_exception.
func raise(line int, text string) error {
	return at(fault.Mismatch, line, "the template refuses this conversation: %s", fault.Printable(text))
}
