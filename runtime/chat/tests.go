package chat

import (
	"slices"
	"strings"
	"unicode"
)

// testFunc is a test of v with the arguments of c.
type testFunc func(c *call, v value) (bool, error)

var lackingTests = []string{"escaped", "filter", "test"}

var tests = map[string]testFunc{
	"defined":   is(func(v value) bool { _, missing := v.(undefined); return !missing }),
	"undefined": is(func(v value) bool { _, missing := v.(undefined); return missing }),
	"none":      is(func(v value) bool { return v == nil }),
	"boolean":   is(func(v value) bool { _, ok := v.(bool); return ok }),
	"true":      is(func(v value) bool { return v == true }),
	"false":     is(func(v value) bool { return v == false }),
	"integer":   is(func(v value) bool { _, ok := v.(int64); return ok }),
	"float":     is(func(v value) bool { _, ok := v.(float64); return ok }),
	"number":    is(func(v value) bool { _, _, _, ok := asNumber(v); return ok }),
	"string":    is(func(v value) bool { _, ok := asString(v); return ok }),
	"mapping":   is(func(v value) bool { _, ok := v.(*dict); return ok }),
	"iterable":  is(isIterable),
	"sequence":  is(isSequence),
	"callable":  is(isCallable),
	"odd":       parity(1),
	"even":      parity(0),
	"lower":     allCase(unicode.IsLower, unicode.IsUpper),
	"upper":     allCase(unicode.IsUpper, unicode.IsLower),
	"in":        inTest,
	"sameas":    sameAs,
	"eq":        comparing("=="), "equalto": comparing("=="),
	"ne": comparing("!="), "lt": comparing("<"), "lessthan": comparing("<"), "le": comparing("<="),
	"gt": comparing(">"), "greaterthan": comparing(">"), "ge": comparing(">="),
	"==": comparing("=="), "!=": comparing("!="), "<": comparing("<"), "<=": comparing("<="), ">": comparing(">"), ">=": comparing(">="),
	"divisibleby": func(c *call, v value) (bool, error) {
		n, _ := c.take(0, "num")
		m, err := c.f.arithmetic(c.line, "%", v, n)
		return m == int64(0) || m == 0.0, err
	},
}

// test applies the test of c's name.
func (f *frame) test(c *call, v value) (bool, error) {
	if err := f.tick(c.line, 1); err != nil {
		return false, err
	}
	fn, ok := tests[c.name]
	if !ok {
		if slices.Contains(lackingTests, c.name) {
			return false, unsupported(c.line, "the test %s", quote(c.name))
		}
		return false, syntax(c.line, "no test is named %s", quote(c.name))
	}
	holds, err := fn(c, v)
	if err == nil {
		err = c.rest()
	}
	return holds, err
}

// is makes a test without arguments.
func is(fn func(v value) bool) testFunc {
	return func(_ *call, v value) (bool, error) { return fn(v), nil }
}

func isIterable(v value) bool {
	switch v.(type) {
	case string, markup, *list, *view, *dict, *iterator, *loop, undefined:
		return true
	}
	return false
}

// isSequence holds for what has a length and elements; in jinja2 that is true of dicts and of undefined.
func isSequence(v value) bool {
	switch v := v.(type) {
	case string, markup, *list, *dict, undefined:
		return true
	case *view:
		return v.name == "range"
	}
	return false
}

func isCallable(v value) bool {
	switch v.(type) {
	case *function, *macro, *loop, undefined:
		return true
	}
	return false
}

func parity(want int64) testFunc {
	return func(c *call, v value) (bool, error) {
		m, err := c.f.arithmetic(c.line, "%", v, int64(2))
		if err != nil {
			return false, err
		}
		x, _, _, _ := asNumber(m)
		return x == float64(want), nil
	}
}

// allCase is Python's islower or isupper: some letter has the case, none the other.
func allCase(has, not func(rune) bool) testFunc {
	return func(c *call, v value) (bool, error) {
		s, err := c.f.str(c.line, v)
		if err != nil {
			return false, err
		}
		if strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 && isCased(r) && !has(r) && !not(r) }) {
			return false, unsupported(c.line, "the case of %s", quote(s))
		}
		return strings.ContainsFunc(s, has) && !strings.ContainsFunc(s, not), c.f.look(c.line, len(s))
	}
}

func comparing(op string) testFunc {
	return func(c *call, v value) (bool, error) {
		x, ok := c.take(0, "other")
		if !ok {
			return false, syntax(c.line, "the test %s needs something to compare with", quote(c.name))
		}
		return c.f.compare(c.line, op, v, x)
	}
}

func inTest(c *call, v value) (bool, error) {
	x, ok := c.take(0, "seq")
	if !ok {
		return false, syntax(c.line, "the test %s needs something to look in", quote(c.name))
	}
	return c.f.contains(c.line, x, v)
}

// sameAs is identity, which is only certain for constants and for values that hold others.
func sameAs(c *call, v value) (bool, error) {
	x, ok := c.take(0, "other")
	if !ok {
		return false, syntax(c.line, "the test %s needs something to compare with", quote(c.name))
	}
	for _, side := range [...]value{v, x} {
		switch side.(type) {
		case int64, float64, string, markup, undefined, *function, *loop:
			if typeName(v) == typeName(x) {
				return false, unsupported(c.line, "sameas on %ss", typeName(side))
			}
			return false, nil
		}
	}
	return v == x, nil
}
