package chat

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// call holds the evaluated arguments of a function, filter, test or method.
type call struct {
	f     *frame
	line  int
	name  string
	args  []value
	named map[string]value
	order []string // the names in named as they were written
}

// eval evaluates an expression.
func (f *frame) eval(x expr) (value, error) {
	line := x.line()
	if err := f.tick(line, 1); err != nil {
		return nil, err
	}
	if err := f.enter(line); err != nil {
		return nil, err
	}
	defer func() { f.depth-- }()
	switch x := x.(type) {
	case *constExpr:
		return x.val, nil
	case *nameExpr:
		return f.name(x)
	case *tupleExpr:
		items, err := f.evalAll(x.items)
		if err != nil {
			return nil, err
		}
		return &list{items: items, tuple: true}, f.make(line, slot*(len(items)+4))
	case *listExpr:
		items, err := f.evalAll(x.items)
		if err != nil {
			return nil, err
		}
		return f.newList(line, items)
	case *dictExpr:
		return f.dictionary(x)
	case *unaryExpr:
		v, err := f.eval(x.x)
		if err != nil {
			return nil, err
		}
		if x.op == "not" {
			return !truth(v), nil
		}
		return sign(line, x.op, v)
	case *binaryExpr:
		return f.binary(x)
	case *concatExpr:
		return f.concat(x)
	case *compareExpr:
		return f.compareChain(x)
	case *condExpr:
		test, err := f.eval(x.test)
		switch {
		case err != nil:
			return nil, err
		case truth(test):
			return f.eval(x.x)
		case x.y != nil:
			return f.eval(x.y)
		}
		return undefined{`the value of an "if" without "else"`}, nil
	case *attrExpr:
		v, err := f.eval(x.x)
		if err != nil {
			return nil, err
		}
		return f.attribute(line, v, x.name)
	case *itemExpr:
		v, err := f.eval(x.x)
		if err != nil {
			return nil, err
		}
		key, err := f.eval(x.key)
		if err != nil {
			return nil, err
		}
		return f.item(line, v, key)
	case *sliceExpr:
		return f.slice(x)
	case *callExpr:
		return f.evalCall(x)
	case *filterExpr:
		v, err := f.eval(x.x)
		if err != nil {
			return nil, err
		}
		return f.filterBy(x, v)
	case *testExpr:
		v, err := f.eval(x.x)
		if err != nil {
			return nil, err
		}
		c, err := f.arguments(line, x.name, &x.args)
		if err != nil {
			return nil, err
		}
		ok, err := f.test(c, v)
		return ok != x.not, err
	}
	return nil, unsupported(line, "this expression")
}

func (f *frame) evalAll(xs []expr) ([]value, error) {
	out := make([]value, len(xs))
	for i, x := range xs {
		var err error
		if out[i], err = f.eval(x); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (f *frame) name(x *nameExpr) (value, error) {
	if v, ok := f.scope.get(x.name); ok {
		return v, nil
	}
	if fn, ok := globals[x.name]; ok {
		return &function{name: x.name, call: fn}, nil
	}
	switch x.name {
	case "self", "super", "caller", "varargs", "kwargs", "lipsum", "cycler", "joiner", "gettext", "ngettext", "_":
		return nil, unsupported(x.line(), "%s", quote(x.name))
	}
	return undefined{quote(x.name)}, nil
}

func (f *frame) dictionary(x *dictExpr) (value, error) {
	d := newDict()
	if err := f.make(x.line(), 4*slot*(len(x.keys)+1)); err != nil {
		return nil, err
	}
	for i := range x.keys {
		k, err := f.eval(x.keys[i])
		if err != nil {
			return nil, err
		}
		v, err := f.eval(x.vals[i])
		if err != nil {
			return nil, err
		}
		hash, ok := hashKey(k)
		if !ok {
			return nil, unsupported(x.line(), "a key of type %s in a dict", typeName(k))
		}
		d.set(hash, k, v)
	}
	return d, nil
}

func (f *frame) concat(x *concatExpr) (value, error) {
	vals, err := f.evalAll(x.items)
	if err != nil {
		return nil, err
	}
	parts, n := make([]string, len(vals)), 0
	for i, v := range vals {
		if parts[i], err = f.str(x.line(), v); err != nil {
			return nil, err
		}
		n += len(parts[i])
	}
	if err := f.make(x.line(), n); err != nil {
		return nil, err
	}
	return strings.Join(parts, ""), nil
}

// attribute is x.name: a method or attribute of the value, else an element with that key.
func (f *frame) attribute(line int, v value, name string) (value, error) {
	switch v := v.(type) {
	case undefined:
		return nil, syntax(line, "%s is undefined, it has no attribute %s", v.what, quote(name))
	case *namespace:
		if x, ok := v.attrs.get(name); ok {
			return x, nil
		}
	case *loop:
		return f.loopAttribute(line, v, name)
	}
	if strings.HasPrefix(name, "__") {
		return nil, unsupported(line, "the attribute %s: names that begin with underscores lead out of the template, access", quote(name))
	}
	if m, err := method(line, v, name); m != nil || err != nil {
		return m, err
	}
	if d, ok := v.(*dict); ok {
		if x, ok := d.get(name); ok {
			return x, nil
		}
	}
	return undefined{typeName(v) + " attribute " + quote(name)}, nil
}

// item is v[key]: an element, else a method or attribute of that name.
func (f *frame) item(line int, v, key value) (value, error) {
	if u, ok := v.(undefined); ok {
		return nil, syntax(line, "%s is undefined, it has no elements", u.what)
	}
	missing := undefined{typeName(v) + " element"}
	switch v := v.(type) {
	case *dict:
		hash, ok := hashKey(key)
		if !ok {
			break
		}
		if i, ok := v.index[hash]; ok {
			return v.vals[i], nil
		}
	case *list:
		if i, ok := index(key, len(v.items)); ok {
			return v.items[i], nil
		}
	case *view:
		if i, ok := index(key, len(v.items)); ok && v.name == "range" {
			return v.items[i], nil
		}
	case string:
		if err := f.look(line, len(v)); err != nil {
			return nil, err
		}
		if i, ok := index(key, utf8.RuneCountInString(v)); ok {
			return runeAt(v, i), nil
		}
	case markup:
		return nil, unsupported(line, "an element of a string marked safe")
	}
	if name, ok := asString(key); ok {
		if _, isDict := v.(*dict); !isDict || isMethod(v, name) {
			return f.attribute(line, v, name)
		}
		missing.what = "dict element " + quote(name)
	}
	return missing, nil
}

// index gives the place in a sequence of n elements that an integer key means.
func index(key value, n int) (int, bool) {
	_, i, isInt, _ := asNumber(key)
	if !isInt {
		return 0, false
	}
	if i < 0 {
		i += int64(n)
	}
	return int(i), i >= 0 && i < int64(n)
}

// runeAt gives the i-th character of s.
func runeAt(s string, i int) string {
	for at, r := range s {
		if i == 0 {
			return s[at : at+utf8.RuneLen(r)]
		}
		i--
	}
	return ""
}

// slice is v[from:to:step] with Python's rules.
func (f *frame) slice(x *sliceExpr) (value, error) {
	line := x.line()
	v, err := f.eval(x.x)
	if err != nil {
		return nil, err
	}
	var bounds [3]*int64
	for i, b := range [...]expr{x.from, x.to, x.step} {
		if b == nil {
			continue
		}
		k, err := f.eval(b)
		if err != nil {
			return nil, err
		}
		if _, n, isInt, _ := asNumber(k); isInt {
			bounds[i] = &n
		} else if k != nil {
			return nil, syntax(line, "a slice needs integers, got %s", typeName(k))
		}
	}
	switch v := v.(type) {
	case string:
		if err := f.make(line, 5*len(v)); err != nil {
			return nil, err
		}
		runes := []rune(v)
		at, err := places(line, len(runes), bounds)
		if err != nil {
			return nil, err
		}
		return string(pick(runes, at)), nil
	case *list:
		if err := f.make(line, 2*slot*(len(v.items)+2)); err != nil {
			return nil, err
		}
		at, err := places(line, len(v.items), bounds)
		if err != nil {
			return nil, err
		}
		return &list{pick(v.items, at), v.tuple}, nil
	case undefined:
		return nil, syntax(line, "%s is undefined, it has no elements", v.what)
	case markup, *view:
		return nil, unsupported(line, "a slice of %s", typeName(v))
	}
	return nil, syntax(line, "%s has no slices", typeName(v))
}

func pick[T any](from []T, at []int) []T {
	out := make([]T, len(at))
	for i, j := range at {
		out[i] = from[j]
	}
	return out
}

// places gives the indices that a slice of n elements takes, in order.
func places(line, n int, bounds [3]*int64) ([]int, error) {
	step := int64(1)
	if bounds[2] != nil {
		step = *bounds[2]
	}
	if step == 0 {
		return nil, syntax(line, "the step of a slice is zero")
	}
	size := int64(n)
	clamp := func(b *int64, missing int64) int64 {
		low, high := int64(0), size
		if step < 0 {
			low, high = -1, size-1
		}
		if b == nil {
			return missing
		}
		i := *b
		if i < 0 {
			i += size
		}
		return max(low, min(high, i))
	}
	var at []int
	if step > 0 {
		for i, end := clamp(bounds[0], 0), clamp(bounds[1], size); i < end; {
			at = append(at, int(i))
			if step >= size {
				break
			}
			i += step
		}
		return at, nil
	}
	for i, end := clamp(bounds[0], size-1), clamp(bounds[1], -1); i > end; {
		at = append(at, int(i))
		if step <= -size {
			break
		}
		i += step
	}
	return at, nil
}

// arguments evaluates what stands in the brackets of a call.
func (f *frame) arguments(line int, name string, a *args) (*call, error) {
	c := &call{f: f, line: line, name: name}
	var err error
	if c.args, err = f.evalAll(a.items); err != nil || len(a.named) == 0 {
		return c, err
	}
	c.named, c.order = make(map[string]value, len(a.named)), a.names
	for i, x := range a.named {
		if c.named[a.names[i]], err = f.eval(x); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (f *frame) evalCall(x *callExpr) (value, error) {
	v, err := f.eval(x.x)
	if err != nil {
		return nil, err
	}
	c, err := f.arguments(x.line(), "", &x.args)
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case *function:
		c.name = v.name
		out, err := v.call(c)
		if err == nil {
			err = c.rest()
		}
		return out, err
	case *macro:
		return f.callMacro(x.line(), v, c)
	case *loop:
		return nil, unsupported(x.line(), "a recursive loop")
	case undefined:
		return nil, syntax(x.line(), "%s is undefined, it cannot be called", v.what)
	}
	return nil, syntax(x.line(), "%s cannot be called", typeName(v))
}

// take gives the argument at place i or of that name, and marks it as used.
func (c *call) take(i int, name string) (value, bool) {
	if i < len(c.args) {
		v := c.args[i]
		c.args[i] = taken{}
		return v, true
	}
	v, ok := c.named[name]
	delete(c.named, name)
	return v, ok
}

// taken stands in the place of arguments that were used.
type taken struct{}

// rest refuses arguments that nobody took.
func (c *call) rest() error {
	for i, v := range c.args {
		if v != (taken{}) {
			return syntax(c.line, "%s: argument %d is one too many", quote(c.name), i+1)
		}
	}
	if len(c.named) > 0 {
		names := make([]string, 0, len(c.named))
		for name := range c.named {
			names = append(names, name)
		}
		return syntax(c.line, "%s has no argument %s here", quote(c.name), quote(slices.Min(names)))
	}
	return nil
}
