package chat

import (
	"slices"
	"strconv"
)

// tupleRules are the places where jinja2 reads a tuple differently.
type tupleRules struct {
	noCond bool // no "x if y" without brackets
	parens bool // inside brackets: may be empty
}

// tuple reads expressions with commas between them; a single one without a comma is itself.
func (p *parser) tuple(r tupleRules) (expr, error) {
	at := pos(p.cur().line)
	var items []expr
	isTuple := false
	for {
		k := p.cur().kind
		if k == tokPrintEnd || k == tokBlockEnd || p.isOp(")") {
			break
		}
		read := p.expression
		if r.noCond {
			read = p.or
		}
		x, err := read()
		if err != nil {
			return nil, err
		}
		items = append(items, x)
		if !p.skip(tokOp, ",") {
			break
		}
		isTuple = true
	}
	switch {
	case !isTuple && len(items) == 1:
		return items[0], nil
	case !isTuple && !r.parens:
		return nil, p.unexpected("an expression")
	}
	return &tupleExpr{at, items}, nil
}

// expression reads one expression, "x if test else y" included.
func (p *parser) expression() (expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	at := pos(p.cur().line)
	x, err := p.or()
	if err != nil {
		return nil, err
	}
	for p.skip(tokName, "if") {
		c := &condExpr{pos: at, x: x}
		if c.test, err = p.or(); err != nil {
			return nil, err
		}
		if p.skip(tokName, "else") {
			if c.y, err = p.expression(); err != nil {
				return nil, err
			}
		}
		x = c
	}
	return x, nil
}

// chain reads operands with operators of one rank between them, from left to right.
func (p *parser) chain(operand func() (expr, error), k tokenKind, ops ...string) (expr, error) {
	at := pos(p.cur().line)
	x, err := operand()
	for err == nil && p.cur().kind == k && slices.Contains(ops, p.cur().text) {
		op := p.next().text
		var y expr
		y, err = operand()
		x = &binaryExpr{at, op, x, y}
	}
	return x, err
}

func (p *parser) or() (expr, error)  { return p.chain(p.and, tokName, "or") }
func (p *parser) and() (expr, error) { return p.chain(p.not, tokName, "and") }

func (p *parser) not() (expr, error) {
	if !p.isName("not") {
		return p.compare()
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	at := pos(p.next().line)
	x, err := p.not()
	return &unaryExpr{at, "not", x}, err
}

func (p *parser) compare() (expr, error) {
	x, err := p.sum()
	if err != nil {
		return nil, err
	}
	c := &compareExpr{pos: pos(x.line()), x: x}
	for {
		var op string
		switch t := p.cur(); {
		case t.kind == tokOp && slices.Contains([]string{"==", "!=", "<", "<=", ">", ">="}, t.text):
			op = t.text
		case p.isName("in"):
			op = "in"
		case p.isName("not") && p.look() == (token{tokName, "in", p.look().line}):
			p.next()
			op = "not in"
		default:
			if len(c.ops) == 0 {
				return x, nil
			}
			return c, nil
		}
		p.next()
		y, err := p.sum()
		if err != nil {
			return nil, err
		}
		c.ops, c.ys = append(c.ops, op), append(c.ys, y)
	}
}

func (p *parser) sum() (expr, error) { return p.chain(p.concat, tokOp, "+", "-") }

func (p *parser) concat() (expr, error) {
	x, err := p.product()
	if err != nil || !p.isOp("~") {
		return x, err
	}
	c := &concatExpr{pos(x.line()), []expr{x}}
	for p.skip(tokOp, "~") {
		y, err := p.product()
		if err != nil {
			return nil, err
		}
		c.items = append(c.items, y)
	}
	return c, nil
}

func (p *parser) product() (expr, error) { return p.chain(p.power, tokOp, "*", "/", "//", "%") }

func (p *parser) power() (expr, error) {
	return p.chain(func() (expr, error) { return p.unary(true) }, tokOp, "**")
}

// unary reads a sign or an atom with what follows it. Filters and tests bind tighter than a sign in front of them only
// where jinja2 lets them: -x|f is (-x)|f.
func (p *parser) unary(filters bool) (x expr, err error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	if p.isOp("-") || p.isOp("+") {
		t := p.next()
		if x, err = p.unary(false); err != nil {
			return nil, err
		}
		x = &unaryExpr{pos(t.line), t.text, x}
	} else if x, err = p.atom(); err != nil {
		return nil, err
	}
	for {
		switch {
		case p.isOp("."), p.isOp("["):
			x, err = p.subscript(x)
		case p.isOp("("):
			x, err = p.call(x)
		default:
			if !filters {
				return x, nil
			}
			return p.filtersAndTests(x)
		}
		if err != nil {
			return nil, err
		}
	}
}

func (p *parser) filtersAndTests(x expr) (expr, error) {
	for {
		var err error
		switch {
		case p.isOp("|"):
			x, err = p.filter(x, false)
		case p.isName("is"):
			x, err = p.test(x)
		case p.isOp("("):
			x, err = p.call(x)
		default:
			return x, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// constantName tells whether a name stands for a constant, and for which.
func constantName(name string) (bool, value) {
	switch name {
	case "true", "True":
		return true, true
	case "false", "False":
		return true, false
	case "none", "None":
		return true, nil
	}
	return false, nil
}

func (p *parser) atom() (expr, error) {
	t := p.cur()
	at := pos(t.line)
	switch t.kind {
	case tokName:
		p.next()
		if ok, v := constantName(t.text); ok {
			return &constExpr{at, v}, nil
		}
		return &nameExpr{at, t.text}, nil
	case tokString:
		text := ""
		for p.cur().kind == tokString {
			text += p.next().text
		}
		return &constExpr{at, text}, nil
	case tokInt:
		p.next()
		n, err := strconv.ParseInt(t.text, 0, 64)
		if err != nil {
			return nil, unsupported(t.line, "the integer %s", t.text)
		}
		return &constExpr{at, n}, nil
	case tokFloat:
		p.next()
		x, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			return nil, unsupported(t.line, "the number %s", t.text)
		}
		return &constExpr{at, x}, nil
	case tokOp:
		switch t.text {
		case "(":
			p.next()
			x, err := p.tuple(tupleRules{parens: true})
			if err != nil {
				return nil, err
			}
			return x, p.expectOp(")")
		case "[":
			p.next()
			items, err := p.items("]")
			return &listExpr{at, items}, err
		case "{":
			return p.dict()
		}
	}
	return nil, p.unexpected("an expression")
}

// items reads expressions up to the bracket end, which is passed. A comma may stand before it.
func (p *parser) items(end string) (items []expr, err error) {
	for !p.isOp(end) {
		if len(items) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
			if p.isOp(end) {
				break
			}
		}
		x, err := p.expression()
		if err != nil {
			return nil, err
		}
		items = append(items, x)
	}
	p.next()
	return items, nil
}

func (p *parser) dict() (expr, error) {
	d := &dictExpr{pos: pos(p.next().line)}
	for !p.isOp("}") {
		if len(d.keys) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
			if p.isOp("}") {
				break
			}
		}
		k, err := p.expression()
		if err != nil {
			return nil, err
		}
		if err := p.expectOp(":"); err != nil {
			return nil, err
		}
		v, err := p.expression()
		if err != nil {
			return nil, err
		}
		d.keys, d.vals = append(d.keys, k), append(d.vals, v)
	}
	p.next()
	return d, nil
}

func (p *parser) subscript(x expr) (expr, error) {
	t := p.next()
	at := pos(t.line)
	if t.text == "." {
		switch name := p.cur(); name.kind {
		case tokName:
			p.next()
			return &attrExpr{at, x, name.text}, nil
		case tokInt:
			key, err := p.atom()
			return &itemExpr{at, x, key}, err
		}
		return nil, p.unexpected("a name or number")
	}
	var parts [3]expr
	colons := 0
	for !p.isOp("]") {
		switch {
		case p.isOp(":") && colons < 2:
			p.next()
			colons++
		case p.isOp(",") && (parts[0] != nil || colons > 0):
			return nil, unsupported(t.line, "a subscript with a comma")
		case parts[colons] != nil:
			return nil, p.unexpected(`"]"`)
		default:
			var err error
			if parts[colons], err = p.expression(); err != nil {
				return nil, err
			}
		}
	}
	p.next()
	switch {
	case colons > 0:
		return &sliceExpr{at, x, parts[0], parts[1], parts[2]}, nil
	case parts[0] == nil:
		return nil, syntax(t.line, "empty subscript")
	}
	return &itemExpr{at, x, parts[0]}, nil
}

func (p *parser) call(x expr) (expr, error) {
	at := pos(p.cur().line)
	a, err := p.args()
	return &callExpr{at, x, a}, err
}

// args reads arguments in brackets.
func (p *parser) args() (a args, err error) {
	p.next()
	for n := 0; !p.isOp(")"); n++ {
		if n > 0 {
			if err := p.expectOp(","); err != nil {
				return a, err
			}
			if p.isOp(")") {
				break
			}
		}
		if p.isOp("*") || p.isOp("**") {
			return a, unsupported(p.cur().line, "an argument with %s", p.cur().text)
		}
		name := ""
		if t := p.cur(); t.kind == tokName && p.look().kind == tokOp && p.look().text == "=" {
			name = t.text
			p.next()
			p.next()
		}
		x, err := p.expression()
		switch {
		case err != nil:
			return a, err
		case name == "" && len(a.named) > 0:
			return a, syntax(x.line(), "an argument without name after one with name")
		case name == "":
			a.items = append(a.items, x)
		case slices.Contains(a.names, name):
			return a, syntax(x.line(), "argument %s twice", quote(name))
		default:
			a.names, a.named = append(a.names, name), append(a.named, x)
		}
	}
	p.next()
	return a, nil
}

// filter reads "|name(args)" once or, in a block, "name(args)|name(args)..." on the text of the block.
func (p *parser) filter(x expr, block bool) (expr, error) {
	chain := block || x == nil
	for first := true; first || chain && p.isOp("|"); first = false {
		if !(block && first) {
			p.next()
		}
		name, err := p.expect(tokName, "the name of a filter")
		if err != nil {
			return nil, err
		}
		f := &filterExpr{pos: pos(name.line), x: x, name: name.text}
		if p.isOp("(") {
			if f.args, err = p.args(); err != nil {
				return nil, err
			}
		}
		x = f
	}
	return x, nil
}

func (p *parser) test(x expr) (expr, error) {
	p.next()
	not := p.skip(tokName, "not")
	name, err := p.expect(tokName, "the name of a test")
	if err != nil {
		return nil, err
	}
	t := &testExpr{pos: pos(name.line), x: x, name: name.text, not: not}
	switch c := p.cur(); {
	case p.isOp("("):
		t.args, err = p.args()
	case c.kind == tokName && !slices.Contains([]string{"else", "or", "and"}, c.text),
		c.kind == tokString, c.kind == tokInt, c.kind == tokFloat, p.isOp("["), p.isOp("{"):
		if p.isName("is") {
			return nil, syntax(c.line, "two tests in a row")
		}
		var arg expr
		if arg, err = p.atom(); err != nil {
			return nil, err
		}
		for err == nil && (p.isOp(".") || p.isOp("[") || p.isOp("(")) {
			if p.isOp("(") {
				arg, err = p.call(arg)
			} else {
				arg, err = p.subscript(arg)
			}
		}
		t.args.items = []expr{arg}
	}
	return t, err
}
