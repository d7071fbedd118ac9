package chat

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// jsonWriter is Python's json.dumps.
type jsonWriter struct {
	f          *frame
	line       int
	b          strings.Builder
	ascii      bool
	sorted     bool
	indent     string
	indented   bool
	item, pair string // what stands between items, and between key and value
}

// toJSON is the filter as transformers defines it: HTML is not escaped.
func toJSON(c *call, v value) (value, error) {
	w := &jsonWriter{f: c.f, line: c.line, item: ", ", pair: ": "}
	if x, ok := c.take(0, "ensure_ascii"); ok {
		w.ascii = truth(x)
	}
	if x, ok := c.take(1, "indent"); ok && x != nil {
		w.indented, w.item = true, ","
		switch x := x.(type) {
		case int64:
			if x > 100 {
				return nil, unsupported(c.line, "tojson with an indent of %d", x)
			}
			w.indent = strings.Repeat(" ", int(max(x, 0)))
		case string:
			w.indent = x
		default:
			return nil, unsupported(c.line, "tojson with an indent of type %s", typeName(x))
		}
	}
	if x, ok := c.take(2, "separators"); ok && x != nil {
		l, ok := x.(*list)
		if !ok || len(l.items) != 2 {
			return nil, syntax(c.line, "tojson: separators are two strings")
		}
		var ok1, ok2 bool
		w.item, ok1 = l.items[0].(string)
		w.pair, ok2 = l.items[1].(string)
		if !ok1 || !ok2 {
			return nil, syntax(c.line, "tojson: separators are two strings")
		}
	}
	if x, ok := c.take(3, "sort_keys"); ok {
		w.sorted = truth(x)
	}
	if err := w.value(v, 0); err != nil {
		return nil, err
	}
	return w.b.String(), nil
}

// put writes text, counted.
func (w *jsonWriter) put(s string) error {
	if err := w.f.grown(w.line, w.b.Len()+len(s)); err != nil {
		return err
	}
	w.b.WriteString(s)
	return w.f.make(w.line, len(s))
}

// newline begins a line at the given level, if lines are asked for.
func (w *jsonWriter) newline(level int) error {
	if !w.indented {
		return nil
	}
	if err := w.f.grown(w.line, w.b.Len()+level*len(w.indent)); err != nil {
		return err
	}
	if err := w.f.make(w.line, level*len(w.indent)); err != nil {
		return err
	}
	w.b.WriteByte('\n')
	for range level {
		w.b.WriteString(w.indent)
	}
	return nil
}

func (w *jsonWriter) value(v value, level int) error {
	if err := w.f.tick(w.line, 1); err != nil {
		return err
	}
	if err := w.f.enter(w.line); err != nil {
		return err
	}
	defer func() { w.f.depth-- }()
	switch v := v.(type) {
	case string, markup:
		s, _ := asString(v)
		return w.text(s)
	case *list:
		return w.sequence("[", "]", len(v.items), level, func(i int) error { return w.value(v.items[i], level+1) })
	case *dict:
		return w.object(v, level)
	}
	s, ok := scalar(v)
	if !ok {
		return syntax(w.line, "tojson: a value of type %s is not JSON", typeName(v))
	}
	return w.put(s)
}

// scalar is the JSON of what is not a string, list or dict.
func scalar(v value) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "null", true
	case bool:
		return strconv.FormatBool(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		switch {
		case math.IsNaN(v):
			return "NaN", true
		case math.IsInf(v, 1):
			return "Infinity", true
		case math.IsInf(v, -1):
			return "-Infinity", true
		}
		return floatText(v), true
	}
	return "", false
}

// sequence writes n things between brackets.
func (w *jsonWriter) sequence(open, end string, n, level int, each func(i int) error) error {
	if n == 0 {
		return w.put(open + end)
	}
	if err := w.put(open); err != nil {
		return err
	}
	for i := range n {
		if i > 0 {
			if err := w.put(w.item); err != nil {
				return err
			}
		}
		if err := w.newline(level + 1); err != nil {
			return err
		}
		if err := each(i); err != nil {
			return err
		}
	}
	if err := w.newline(level); err != nil {
		return err
	}
	return w.put(end)
}

func (w *jsonWriter) object(d *dict, level int) error {
	order := make([]int, len(d.keys))
	names := make([]string, len(d.keys))
	for i, k := range d.keys {
		order[i] = i
		s, isText := asString(k)
		if !isText {
			if w.sorted {
				return unsupported(w.line, "tojson with sort_keys and keys that are not strings")
			}
			s, _ = scalar(k)
		}
		names[i] = s
	}
	if w.sorted {
		slices.SortFunc(order, func(i, j int) int { return strings.Compare(names[i], names[j]) })
	}
	return w.sequence("{", "}", len(order), level, func(i int) error {
		if err := w.text(names[order[i]]); err != nil {
			return err
		}
		if err := w.put(w.pair); err != nil {
			return err
		}
		return w.value(d.vals[order[i]], level+1)
	})
}

var jsonEscapes = map[rune]string{'"': `\"`, '\\': `\\`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '\f': `\f`, '\b': `\b`}

func (w *jsonWriter) text(s string) error {
	if err := w.f.grown(w.line, w.b.Len()+len(s)); err != nil {
		return err
	}
	if err := w.f.make(w.line, 2*len(s)); err != nil {
		return err
	}
	w.b.WriteByte('"')
	for _, r := range s {
		escaped, ok := jsonEscapes[r]
		switch {
		case ok:
			w.b.WriteString(escaped)
		case r < 0x20 || w.ascii && r > 0x7e && r <= 0xffff:
			w.b.WriteString(`\u` + hexRune(r, 4))
		case w.ascii && r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			w.b.WriteString(`\u` + hexRune(hi, 4) + `\u` + hexRune(lo, 4))
		default:
			w.b.WriteRune(r)
		}
	}
	w.b.WriteByte('"')
	return nil
}
