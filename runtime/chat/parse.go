package chat

import "slices"

// parser builds statements from tokens by the grammar of jinja2.
type parser struct {
	toks  []token
	at    int
	depth int // statements and expressions inside each other
	loops int // for loops around, inside the innermost macro
}

func parse(toks []token) ([]stmt, error) {
	p := &parser{toks: toks}
	body, _, err := p.body(nil)
	return body, err
}

func (p *parser) cur() token  { return p.toks[p.at] }
func (p *parser) look() token { return p.toks[min(p.at+1, len(p.toks)-1)] }

func (p *parser) next() token {
	t := p.toks[p.at]
	if p.at < len(p.toks)-1 {
		p.at++
	}
	return t
}

func (p *parser) is(k tokenKind, text string) bool { return p.cur().kind == k && p.cur().text == text }
func (p *parser) isOp(op string) bool              { return p.is(tokOp, op) }
func (p *parser) isName(name string) bool          { return p.is(tokName, name) }

// skip passes the operator or keyword if it is there.
func (p *parser) skip(k tokenKind, text string) bool {
	if p.is(k, text) {
		p.next()
		return true
	}
	return false
}

func (p *parser) expectOp(op string) error {
	if !p.skip(tokOp, op) {
		return p.unexpected("%q", op)
	}
	return nil
}

func (p *parser) expect(k tokenKind, what string) (token, error) {
	if p.cur().kind != k {
		return token{}, p.unexpected("%s", what)
	}
	return p.next(), nil
}

// unexpected says what was found where something else had to be.
func (p *parser) unexpected(format string, args ...any) error {
	t := p.cur()
	found := map[tokenKind]string{
		tokEnd: "the end of the template", tokData: "text", tokBlockBegin: `"{%"`, tokBlockEnd: `"%}"`,
		tokPrintBegin: `"{{"`, tokPrintEnd: `"}}"`, tokString: "a string",
	}[t.kind]
	if found == "" {
		found = quote(t.text)
	}
	args = append([]any{found}, args...)
	return syntax(t.line, "found %s, expected "+format, args...)
}

// enter counts one more level of nesting; the caller defers leave.
func (p *parser) enter() error {
	if p.depth == maxNesting {
		return limit(p.cur().line, "more than %d statements and expressions inside each other", maxNesting)
	}
	p.depth++
	return nil
}

func (p *parser) leave() { p.depth-- }

// body reads statements up to a block that begins with one of ends, and tells which; nil means the end of the template.
// The block's name is passed, the rest of it is not.
func (p *parser) body(ends []string) (out []stmt, end string, err error) {
	if err := p.enter(); err != nil {
		return nil, "", err
	}
	defer p.leave()
	for {
		t := p.next()
		switch t.kind {
		case tokEnd:
			if ends != nil {
				return nil, "", syntax(t.line, "the template ends before {%% %s %%}", ends[len(ends)-1])
			}
			return out, "", nil
		case tokData:
			out = append(out, &textStmt{pos(t.line), t.text})
		case tokPrintBegin:
			x, err := p.tuple(tupleRules{})
			if err != nil {
				return nil, "", err
			}
			if _, err := p.expect(tokPrintEnd, `"}}"`); err != nil {
				return nil, "", err
			}
			out = append(out, &printStmt{pos(t.line), x})
		case tokBlockBegin:
			name, err := p.expect(tokName, "the name of a statement")
			if err != nil {
				return nil, "", err
			}
			if slices.Contains(ends, name.text) {
				return out, name.text, nil
			}
			s, err := p.statement(name)
			if err != nil {
				return nil, "", err
			}
			if _, err := p.expect(tokBlockEnd, `"%}"`); err != nil {
				return nil, "", err
			}
			out = append(out, s)
		}
	}
}

// block reads "%}" and the statements up to one of ends.
func (p *parser) block(ends ...string) ([]stmt, string, error) {
	p.skip(tokOp, ":")
	if _, err := p.expect(tokBlockEnd, `"%}"`); err != nil {
		return nil, "", err
	}
	return p.body(ends)
}

// statement reads a statement whose name is passed, up to before the "%}" that ends it.
func (p *parser) statement(name token) (stmt, error) {
	at := pos(name.line)
	switch name.text {
	case "if":
		return p.ifStatement(at)
	case "for":
		return p.forStatement(at)
	case "set":
		return p.setStatement(at)
	case "with":
		return p.withStatement(at)
	case "macro":
		return p.macroStatement(at)
	case "filter":
		f, err := p.filter(nil, true)
		if err != nil {
			return nil, err
		}
		body, _, err := p.block("endfilter")
		return &filterStmt{at, f.(*filterExpr), body}, err
	case "generation":
		body, _, err := p.function("endgeneration")
		return &scopeStmt{at, body}, err
	case "break", "continue":
		if p.loops == 0 {
			return nil, syntax(name.line, "{%% %s %%} outside of a loop", name.text)
		}
		return &jumpStmt{at, map[string]jump{"break": toBreak, "continue": toContinue}[name.text]}, nil
	case "include", "import", "from", "extends":
		return nil, unsupported(name.line, "{%% %s %%}: a chat template may not load others, and", name.text)
	case "block", "call", "print", "autoescape", "do", "trans", "debug":
		return nil, unsupported(name.line, "{%% %s %%}", name.text)
	}
	return nil, syntax(name.line, "unknown statement %s", quote(name.text))
}

// function reads a body that is a function of its own: break and continue do not reach out of it.
func (p *parser) function(ends ...string) ([]stmt, string, error) {
	loops := p.loops
	p.loops = 0
	defer func() { p.loops = loops }()
	return p.block(ends...)
}

func (p *parser) ifStatement(at pos) (stmt, error) {
	s := &ifStmt{pos: at}
	for {
		test, err := p.tuple(tupleRules{noCond: true})
		if err != nil {
			return nil, err
		}
		body, end, err := p.block("elif", "else", "endif")
		if err != nil {
			return nil, err
		}
		s.tests, s.bodies = append(s.tests, test), append(s.bodies, body)
		switch end {
		case "endif":
			return s, nil
		case "else":
			body, _, err := p.block("endif")
			s.bodies = append(s.bodies, body)
			return s, err
		}
	}
}

func (p *parser) forStatement(at pos) (stmt, error) {
	s := &forStmt{pos: at}
	var err error
	if s.target, err = p.targets(); err != nil {
		return nil, err
	}
	if s.target.hasAttr() {
		return nil, syntax(at.line(), "a loop cannot assign to an attribute")
	}
	if !p.skip(tokName, "in") {
		return nil, p.unexpected(`"in"`)
	}
	if s.iter, err = p.tuple(tupleRules{noCond: true}); err != nil {
		return nil, err
	}
	if p.skip(tokName, "if") {
		if s.test, err = p.expression(); err != nil {
			return nil, err
		}
	}
	if p.isName("recursive") {
		return nil, unsupported(p.cur().line, "a recursive loop")
	}
	p.loops++
	body, end, err := p.block("else", "endfor")
	p.loops--
	if err != nil {
		return nil, err
	}
	s.body = body
	if end == "else" {
		s.orElse, _, err = p.block("endfor")
	}
	return s, err
}

func (p *parser) setStatement(at pos) (stmt, error) {
	t, err := p.targets()
	if err != nil {
		return nil, err
	}
	if p.skip(tokOp, "=") {
		x, err := p.tuple(tupleRules{})
		return &setStmt{at, t, x}, err
	}
	s := &setBlockStmt{pos: at, target: t}
	if p.isOp("|") {
		f, err := p.filter(nil, false)
		if err != nil {
			return nil, err
		}
		s.filter = f.(*filterExpr)
	}
	s.body, _, err = p.block("endset")
	return s, err
}

func (p *parser) withStatement(at pos) (stmt, error) {
	s := &withStmt{pos: at}
	for p.cur().kind != tokBlockEnd {
		if len(s.targets) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
		}
		t, err := p.oneTarget()
		if err != nil {
			return nil, err
		}
		if t.hasAttr() {
			return nil, syntax(at.line(), "{%% with %%} cannot assign to an attribute")
		}
		if err := p.expectOp("="); err != nil {
			return nil, err
		}
		x, err := p.expression()
		if err != nil {
			return nil, err
		}
		s.targets, s.vals = append(s.targets, t), append(s.vals, x)
	}
	var err error
	s.body, _, err = p.block("endwith")
	return s, err
}

func (p *parser) macroStatement(at pos) (stmt, error) {
	name, err := p.storeName()
	if err != nil {
		return nil, err
	}
	s := &macroStmt{pos: at, name: name}
	if err := p.expectOp("("); err != nil {
		return nil, err
	}
	for !p.isOp(")") {
		if len(s.params) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
		}
		param, err := p.storeName()
		if err != nil {
			return nil, err
		}
		if slices.Contains(s.params, param) {
			return nil, syntax(p.cur().line, "macro %s has two parameters %s", quote(name), quote(param))
		}
		s.params = append(s.params, param)
		if p.skip(tokOp, "=") {
			x, err := p.expression()
			if err != nil {
				return nil, err
			}
			s.defaults = append(s.defaults, x)
		} else if len(s.defaults) > 0 {
			return nil, syntax(p.cur().line, "macro %s: parameter %s needs a default, as the one before has", quote(name), quote(param))
		}
	}
	p.next()
	s.body, _, err = p.function("endmacro")
	return s, err
}

// storeName reads a name that can be assigned to.
func (p *parser) storeName() (string, error) {
	t, err := p.expect(tokName, "a name")
	if err != nil {
		return "", err
	}
	if constant, _ := constantName(t.text); constant {
		return "", syntax(t.line, "cannot assign to %s", quote(t.text))
	}
	return t.text, nil
}

// oneTarget reads a name, an attribute of a name, or targets in brackets.
func (p *parser) oneTarget() (target, error) {
	if p.skip(tokOp, "(") {
		if err := p.enter(); err != nil {
			return target{}, err
		}
		defer p.leave()
		t, err := p.targets()
		if err != nil {
			return t, err
		}
		return t, p.expectOp(")")
	}
	t := target{pos: pos(p.cur().line)}
	var err error
	if t.name, err = p.storeName(); err != nil || !p.skip(tokOp, ".") {
		return t, err
	}
	attr, err := p.expect(tokName, "the name of an attribute")
	t.attr = attr.text
	return t, err
}

// targets reads targets with commas between them; more than one, or a comma at the end, makes a tuple.
func (p *parser) targets() (target, error) {
	all := target{pos: pos(p.cur().line)}
	for {
		if len(all.items) > 0 && (p.isOp(")") || p.cur().kind == tokBlockEnd) {
			break
		}
		t, err := p.oneTarget()
		if err != nil {
			return all, err
		}
		all.items = append(all.items, t)
		if !p.skip(tokOp, ",") {
			break
		}
		all.tuple = true
	}
	if !all.tuple {
		return all.items[0], nil
	}
	return all, nil
}

// hasAttr tells whether an attribute is among the targets, which only {% set %} allows.
func (t *target) hasAttr() bool {
	return t.attr != "" || slices.ContainsFunc(t.items, func(t target) bool { return t.hasAttr() })
}
