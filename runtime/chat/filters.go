package chat

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// filterFunc is a filter on v with the arguments of c.
type filterFunc func(c *call, v value) (value, error)

var filters map[string]filterFunc

// lackingFilters are jinja2's filters that are not here.
var lackingFilters = []string{
	"attr", "batch", "center", "e", "escape", "filesizeformat", "forceescape", "format", "groupby", "max", "min",
	"pprint", "random", "round", "slice", "striptags", "truncate", "urlencode", "urlize", "wordcount", "wordwrap", "xmlattr",
}

func init() { // not a literal, because map and select look filters and tests up
	filters = map[string]filterFunc{
		"abs": absolute, "capitalize": onText(capitalize), "count": length, "d": orDefault, "default": orDefault,
		"dictsort": dictSort, "first": first, "float": toFloat, "indent": indent, "int": toInt, "items": items,
		"join": join, "last": last, "length": length, "list": toList, "lower": onText(lower), "map": mapped,
		"reject": selecting(false, false), "rejectattr": selecting(false, true), "replace": replace, "reverse": reverse,
		"safe": safe, "select": selecting(true, false), "selectattr": selecting(true, true), "sort": sorted,
		"string": toString, "sum": sum, "title": onText(titleFilter), "tojson": toJSON, "trim": trim, "unique": unique,
		"upper": onText(upper),
	}
}

// filterBy applies a filter whose arguments are not evaluated yet.
func (f *frame) filterBy(x *filterExpr, v value) (value, error) {
	c, err := f.arguments(x.line(), x.name, &x.args)
	if err != nil {
		return nil, err
	}
	return c.filter(v)
}

// filterChain applies the filters of a block to its text.
func (f *frame) filterChain(x *filterExpr, text value) (value, error) {
	var chain []*filterExpr
	for ; ; x = x.x.(*filterExpr) {
		chain = append(chain, x)
		if x.x == nil {
			break
		}
	}
	for _, x := range slices.Backward(chain) {
		var err error
		if text, err = f.filterBy(x, text); err != nil {
			return nil, err
		}
	}
	return text, nil
}

// filter applies the filter of c's name.
func (c *call) filter(v value) (value, error) {
	fn, ok := filters[c.name]
	if !ok {
		if slices.Contains(lackingFilters, c.name) {
			return nil, unsupported(c.line, "the filter %s", quote(c.name))
		}
		return nil, syntax(c.line, "no filter is named %s", quote(c.name))
	}
	out, err := fn(c, v)
	if err == nil {
		err = c.rest()
	}
	return out, err
}

// soft is str(v) that keeps the mark of a safe string.
func (c *call) soft(v value) (string, func(string) value, error) {
	s, err := c.f.str(c.line, v)
	if _, ok := v.(markup); ok {
		return s, func(s string) value { return markup(s) }, err
	}
	return s, func(s string) value { return s }, err
}

// onText makes a filter of a function on text.
func onText(fn func(c *call, s string) (string, error)) filterFunc {
	return func(c *call, v value) (value, error) {
		s, as, err := c.soft(v)
		if err != nil {
			return nil, err
		}
		if s, err = fn(c, s); err != nil {
			return nil, err
		}
		return as(s), nil
	}
}

func upper(c *call, s string) (string, error) { return c.recase(s, unicode.ToUpper) }
func lower(c *call, s string) (string, error) { return c.recase(s, unicode.ToLower) }

func capitalize(c *call, s string) (string, error) {
	return c.titled(s, unicode.ToTitle, func(rune) bool { return true })
}

// titleFilter is the filter, whose words end at blanks, hyphens and opening brackets; the method differs.
func titleFilter(c *call, s string) (string, error) {
	return c.titled(s, unicode.ToUpper, func(prev rune) bool { return !isSpace(prev) && !strings.ContainsRune("-({[<", prev) })
}

func trim(c *call, v value) (value, error) {
	s, as, err := c.soft(v)
	if err != nil {
		return nil, err
	}
	set, err := c.charSet(0, "chars")
	if err != nil {
		return nil, err
	}
	return as(strings.TrimFunc(s, set)), c.f.make(c.line, len(s))
}

func toString(c *call, v value) (value, error) {
	s, as, err := c.soft(v)
	return as(s), err
}

func safe(c *call, v value) (value, error) {
	s, err := c.f.str(c.line, v)
	return markup(s), err
}

func replace(c *call, v value) (value, error) {
	var parts [2]string
	for i, name := range [...]string{"old", "new"} {
		x, ok := c.take(i, name)
		if !ok {
			return nil, syntax(c.line, "replace: the argument %q is missing", name)
		}
		var err error
		if parts[i], err = c.f.str(c.line, x); err != nil {
			return nil, err
		}
		if _, marked := x.(markup); marked {
			return nil, unsupported(c.line, "replace with a string marked safe")
		}
	}
	count := int64(-1)
	if x, ok := c.take(2, "count"); ok && x != nil {
		if count, ok = x.(int64); !ok {
			return nil, syntax(c.line, "replace: count is an integer")
		}
	}
	if _, marked := v.(markup); marked {
		return nil, unsupported(c.line, "replace on a string marked safe")
	}
	s, err := c.f.str(c.line, v)
	if err != nil {
		return nil, err
	}
	return c.replace(s, parts[0], parts[1], count)
}

func length(c *call, v value) (value, error) { return c.f.size(c.line, v) }

func orDefault(c *call, v value) (value, error) {
	instead, ok := c.take(0, "default_value")
	if !ok {
		instead = ""
	}
	falsy, _ := c.take(1, "boolean")
	if _, missing := v.(undefined); missing || truth(falsy) && !truth(v) {
		return instead, nil
	}
	return v, nil
}

func items(c *call, v value) (value, error) {
	switch v := v.(type) {
	case undefined:
		return &iterator{}, nil
	case *dict:
		return &iterator{v.pairs()}, c.f.make(c.line, 8*slot*len(v.keys))
	}
	return nil, syntax(c.line, "items: %s is not a dict", typeName(v))
}

func join(c *call, v value) (value, error) {
	sep := ""
	if x, ok := c.take(0, "d"); ok {
		var err error
		if sep, err = c.f.str(c.line, x); err != nil {
			return nil, err
		}
	}
	get, err := c.getter(1)
	if err != nil {
		return nil, err
	}
	elems, err := c.f.elements(c.line, v)
	if err != nil {
		return nil, err
	}
	parts := make([]string, len(elems))
	for i, e := range elems {
		if e, err = get(e); err != nil {
			return nil, err
		}
		if parts[i], err = c.f.str(c.line, e); err != nil {
			return nil, err
		}
	}
	return c.joined(sep, parts)
}

// joined is strings.Join, counted.
func (c *call) joined(sep string, parts []string) (value, error) {
	n := len(sep) * len(parts)
	for _, p := range parts {
		n += len(p)
	}
	if err := c.f.make(c.line, n); err != nil {
		return nil, err
	}
	return strings.Join(parts, sep), nil
}

func toList(c *call, v value) (value, error) {
	elems, err := c.f.elements(c.line, v)
	if err != nil {
		return nil, err
	}
	return c.f.newList(c.line, elems)
}

func first(c *call, v value) (value, error) {
	if it, ok := v.(*iterator); ok {
		if len(it.rest) == 0 {
			return undefined{"the first of nothing"}, nil
		}
		x := it.rest[0]
		it.rest = it.rest[1:]
		return x, nil
	}
	elems, err := c.f.elements(c.line, v)
	if err != nil || len(elems) == 0 {
		return undefined{"the first of nothing"}, err
	}
	return elems[0], nil
}

func last(c *call, v value) (value, error) {
	if _, ok := v.(*iterator); ok {
		return nil, syntax(c.line, "last: a generator has no end to begin from, pass it through list")
	}
	elems, err := c.f.elements(c.line, v)
	if err != nil || len(elems) == 0 {
		return undefined{"the last of nothing"}, err
	}
	return elems[len(elems)-1], nil
}

func reverse(c *call, v value) (value, error) {
	elems, err := c.f.elements(c.line, v)
	if err != nil {
		return nil, err
	}
	if err := c.f.make(c.line, slot*len(elems)); err != nil {
		return nil, err
	}
	out := slices.Clone(elems)
	slices.Reverse(out)
	switch v.(type) {
	case string:
		parts := make([]string, len(out))
		for i := range out {
			parts[i] = out[i].(string)
		}
		return strings.Join(parts, ""), nil
	case *iterator:
		return &list{items: out}, nil
	}
	return &iterator{out}, nil
}

func absolute(c *call, v value) (value, error) {
	x, i, isInt, ok := asNumber(v)
	switch {
	case !ok:
		return nil, badOperand(c.line, "abs", v)
	case !isInt:
		return math.Abs(x), nil
	case i < 0:
		return sign(c.line, "-", i)
	}
	return i, nil
}

// parseFloat reads a number as Python's float(s) does; infinities and NaN are left out.
func parseFloat(s string) (float64, bool) {
	s = strings.TrimFunc(s, isSpace)
	if strings.Trim(s, "0123456789+-.eE") != "" {
		return 0, false
	}
	x, err := strconv.ParseFloat(s, 64)
	return x, err == nil
}

func toInt(c *call, v value) (value, error) {
	instead, ok := c.take(0, "default")
	if !ok {
		instead = int64(0)
	}
	if base, ok := c.take(1, "base"); ok && base != int64(10) {
		return nil, unsupported(c.line, "int with a base")
	}
	x, i, isInt, ok := asNumber(v)
	if isInt {
		return i, nil
	}
	if s, isText := asString(v); isText {
		if n, err := strconv.ParseInt(strings.TrimFunc(s, isSpace), 10, 64); err == nil {
			return n, nil
		}
		if strings.Contains(s, "_") {
			return nil, unsupported(c.line, "int of %s", quote(s))
		}
		x, ok = parseFloat(s)
	}
	if u, missing := v.(undefined); missing {
		return nil, syntax(c.line, "%s is undefined, it is no number", u.what)
	}
	switch {
	case !ok || math.IsNaN(x) || math.IsInf(x, 0):
		return instead, nil
	case math.Abs(x) >= 1<<63:
		return nil, bigInteger(c.line)
	}
	return int64(x), nil
}

func toFloat(c *call, v value) (value, error) {
	instead, ok := c.take(0, "default")
	if !ok {
		instead = 0.0
	}
	x, _, _, ok := asNumber(v)
	if s, isText := asString(v); isText {
		if x, ok = parseFloat(s); !ok && strings.ContainsAny(strings.ToLower(s), "_in") {
			return nil, unsupported(c.line, "float of %s", quote(s))
		}
	}
	if u, missing := v.(undefined); missing {
		return nil, syntax(c.line, "%s is undefined, it is no number", u.what)
	}
	if !ok {
		return instead, nil
	}
	return x, nil
}

func indent(c *call, v value) (value, error) {
	s, ok := v.(string)
	if !ok {
		return nil, unsupported(c.line, "indent on %s", typeName(v))
	}
	by := "    "
	if x, ok := c.take(0, "width"); ok {
		switch x := x.(type) {
		case int64:
			if x > 1000 {
				return nil, limit(c.line, "an indent of %d", x)
			}
			by = strings.Repeat(" ", int(max(x, 0)))
		case string:
			by = x
		default:
			return nil, syntax(c.line, "indent: width is an integer or a string")
		}
	}
	firstToo, _ := c.take(1, "first")
	blank, _ := c.take(2, "blank")
	lines := splitLines(s+"\n", false)
	if err := c.f.make(c.line, 2*len(s)+slot*len(lines)); err != nil {
		return nil, err
	}
	for i := range lines {
		if i == 0 && !truth(firstToo) || i > 0 && lines[i] == "" && !truth(blank) {
			continue
		}
		if err := c.f.make(c.line, len(by)+len(lines[i])); err != nil {
			return nil, err
		}
		lines[i] = by + lines[i]
	}
	return strings.Join(lines, "\n"), nil
}
