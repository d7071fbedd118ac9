package chat

import (
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// quote puts a name from the template into a message; long ones are cut.
func quote(s string) string {
	if len(s) > 60 {
		s = s[:60] + "..."
	}
	return strconv.Quote(s)
}

// str is Python's str(v): what {{ v }} prints.
func (f *frame) str(line int, v value) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case markup:
		return string(v), nil
	case undefined:
		return "", nil
	}
	var b strings.Builder
	err := f.repr(line, &b, v)
	return b.String(), err
}

// repr appends Python's repr(v).
func (f *frame) repr(line int, b *strings.Builder, v value) error {
	if err := f.tick(line, 1); err != nil {
		return err
	}
	if err := f.enter(line); err != nil {
		return err
	}
	defer func() { f.depth-- }()
	from := b.Len()
	if err := f.grown(line, from); err != nil {
		return err
	}
	switch v := v.(type) {
	case nil:
		b.WriteString("None")
	case bool:
		b.WriteString(map[bool]string{true: "True", false: "False"}[v])
	case int64:
		b.WriteString(strconv.FormatInt(v, 10))
	case float64:
		b.WriteString(floatText(v))
	case string:
		if err := f.make(line, 4*len(v)); err != nil {
			return err
		}
		reprString(b, v)
	case undefined:
		b.WriteString("Undefined")
	case *list:
		marks := "[]"
		if v.tuple {
			marks = "()"
		}
		b.WriteByte(marks[0])
		if err := f.reprAll(line, b, v.items); err != nil {
			return err
		}
		if v.tuple && len(v.items) == 1 {
			b.WriteByte(',')
		}
		b.WriteByte(marks[1])
	case *view:
		if v.name == "range" {
			return unsupported(line, "printing a range")
		}
		b.WriteString(v.name + "([")
		if err := f.reprAll(line, b, v.items); err != nil {
			return err
		}
		b.WriteString("])")
	case *dict:
		b.WriteByte('{')
		for i := range v.keys {
			if i > 0 {
				b.WriteString(", ")
			}
			if err := f.repr(line, b, v.keys[i]); err != nil {
				return err
			}
			b.WriteString(": ")
			if err := f.repr(line, b, v.vals[i]); err != nil {
				return err
			}
		}
		b.WriteByte('}')
	default:
		return unsupported(line, "printing a %s", typeName(v))
	}
	if b.Len()-from < 32 { // a container's elements were counted one by one
		return f.make(line, b.Len()-from)
	}
	return nil
}

func (f *frame) reprAll(line int, b *strings.Builder, items []value) error {
	for i, item := range items {
		if i > 0 {
			b.WriteString(", ")
		}
		if err := f.repr(line, b, item); err != nil {
			return err
		}
	}
	return f.make(line, 2*len(items))
}

// reprString writes a string as Python's repr does: in single quotes unless only single quotes are inside.
func reprString(b *strings.Builder, s string) {
	q := '\''
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		q = '"'
	}
	b.WriteRune(q)
	for _, r := range s {
		switch {
		case r == q || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x100:
			b.WriteString(`\x` + hexRune(r, 2))
		case r < 0x10000:
			b.WriteString(`\u` + hexRune(r, 4))
		default:
			b.WriteString(`\U` + hexRune(r, 8))
		}
	}
	b.WriteRune(q)
}

func hexRune(r rune, n int) string {
	s := strconv.FormatInt(int64(r), 16)
	return strings.Repeat("0", max(0, n-len(s))) + s
}

// floatText is Python's repr of a float: the shortest digits that give it back, with an exponent below 1e-4 and from 1e16.
func floatText(x float64) string {
	switch {
	case math.IsNaN(x):
		return "nan"
	case math.IsInf(x, 1):
		return "inf"
	case math.IsInf(x, -1):
		return "-inf"
	}
	if a := math.Abs(x); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(x, 'e', -1, 64)
	}
	s := strconv.FormatFloat(x, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// recase changes the case of a string rune by rune. Characters whose case depends on their neighbours, or whose other
// case is several characters, are refused: Go's tables do not have them.
func (c *call) recase(s string, to func(rune) rune) (string, error) {
	if err := c.f.make(c.line, 2*len(s)); err != nil {
		return "", err
	}
	for _, r := range s {
		if r >= utf8.RuneSelf && unicode.Is(specialCase, r) {
			return "", unsupported(c.line, "changing the case of %q", r)
		}
	}
	return strings.Map(to, s), nil
}

// specialCase are the characters with a case mapping of more than one character, and capital sigma.
var specialCase = &unicode.RangeTable{R16: []unicode.Range16{
	{0xdf, 0xdf, 1}, {0x130, 0x130, 1}, {0x149, 0x149, 1}, {0x1f0, 0x1f0, 1}, {0x390, 0x390, 1}, {0x3a3, 0x3a3, 1},
	{0x3b0, 0x3b0, 1}, {0x587, 0x587, 1}, {0x1e96, 0x1e9a, 1}, {0x1f50, 0x1f56, 2}, {0x1f80, 0x1faf, 1},
	{0x1fb2, 0x1fb4, 1}, {0x1fb6, 0x1fb7, 1}, {0x1fbc, 0x1fbc, 1}, {0x1fc2, 0x1fc4, 1}, {0x1fc6, 0x1fc7, 1},
	{0x1fcc, 0x1fcc, 1}, {0x1fd2, 0x1fd3, 1}, {0x1fd6, 0x1fd7, 1}, {0x1fe2, 0x1fe4, 1}, {0x1fe6, 0x1fe7, 1},
	{0x1ff2, 0x1ff4, 1}, {0x1ff6, 0x1ff7, 1}, {0x1ffc, 0x1ffc, 1}, {0xfb00, 0xfb06, 1}, {0xfb13, 0xfb17, 1},
}, LatinOffset: 1}

// titled makes the first letter of each word large and the others small. inWord tells whether a letter that comes after
// prev belongs to a word that has begun.
func (c *call) titled(s string, large func(rune) rune, inWord func(prev rune) bool) (string, error) {
	prev := rune(-1)
	return c.recase(s, func(r rune) rune {
		to := large
		if prev >= 0 && inWord(prev) {
			to = unicode.ToLower
		}
		prev = r
		return to(r)
	})
}

// isCased is Unicode's property Cased.
func isCased(r rune) bool {
	return unicode.In(r, unicode.Lu, unicode.Ll, unicode.Lt, unicode.Other_Lowercase, unicode.Other_Uppercase)
}

// elements gives what a for loop over v would visit.
func (f *frame) elements(line int, v value) ([]value, error) {
	var items []value
	switch v := v.(type) {
	case *list:
		items = v.items
	case *view:
		items = v.items
	case *dict:
		items = v.keys
	case *iterator:
		items, v.rest = v.rest, nil
	case undefined:
	case string:
		if err := f.make(line, slot*len(v)); err != nil {
			return nil, err
		}
		items = make([]value, 0, len(v))
		for at, r := range v {
			items = append(items, v[at:at+utf8.RuneLen(r)])
		}
	case markup:
		return nil, unsupported(line, "the characters of a string marked safe")
	default:
		return nil, syntax(line, "%s has no elements to go through", typeName(v))
	}
	return items, f.tick(line, 1+len(items)/16)
}

// size is Python's len(v).
func (f *frame) size(line int, v value) (int64, error) {
	switch v := v.(type) {
	case string:
		return int64(utf8.RuneCountInString(v)), f.look(line, len(v))
	case markup:
		return int64(utf8.RuneCountInString(string(v))), f.look(line, len(v))
	case *list:
		return int64(len(v.items)), nil
	case *view:
		return int64(len(v.items)), nil
	case *dict:
		return int64(len(v.keys)), nil
	case *loop:
		return int64(len(v.items)), nil
	case undefined:
		return 0, nil
	}
	return 0, syntax(line, "%s has no length", typeName(v))
}
