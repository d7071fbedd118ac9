package chat

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/qconv/qconv/formats/fault"
)

// value is what an expression gives: nil (none), bool, int64, float64, string, or one of the types below.
// All but namespace are never changed after they are made, iterators aside.
type value any

type (
	// undefined is a name, attribute or element that does not exist: prints as nothing, and most uses are errors.
	undefined struct{ what string }
	// markup is a string marked safe. It prints as it is; operations that would escape other strings are refused.
	markup string
	list   struct {
		items []value
		tuple bool
	}
	// view is what dict.items(), keys(), values() and range() give: a sequence that is not a list.
	view struct {
		name  string // "dict_items", "range", ...
		items []value
	}
	// iterator is what lazy filters give: it can be passed through once, and has no length.
	iterator struct{ rest []value }
	dict     struct {
		keys  []value
		vals  []value
		index map[any]int // by key as hashKey gives it
	}
	namespace struct{ attrs *dict }
	// function is a global function, or a method of the value self.
	function struct {
		name string
		self value
		call func(c *call) (value, error)
	}
	macro struct {
		def   *macroStmt
		scope *scope
	}
	// loop is the variable of that name inside a for loop.
	loop struct {
		items []value
		at    int
		depth int
	}
)

func newDict() *dict { return &dict{index: map[any]int{}} }

// get looks up a string key.
func (d *dict) get(key string) (value, bool) {
	i, ok := d.index[key]
	if !ok {
		return nil, false
	}
	return d.vals[i], true
}

// set stores v under a key whose hashKey is known. The first spelling of equal keys stays, as in Python.
func (d *dict) set(hash any, key, v value) {
	if i, ok := d.index[hash]; ok {
		d.vals[i] = v
		return
	}
	d.index[hash] = len(d.keys)
	d.keys, d.vals = append(d.keys, key), append(d.vals, v)
}

func (d *dict) pairs() []value {
	out := make([]value, len(d.keys))
	for i := range out {
		out[i] = &list{items: []value{d.keys[i], d.vals[i]}, tuple: true}
	}
	return out
}

// hashKey gives the form in which equal keys are equal in Go; ok is false for what cannot be a key here.
func hashKey(v value) (key any, ok bool) {
	switch v := v.(type) {
	case nil, string, int64:
		return v, true
	case markup:
		return string(v), true
	case bool:
		if v {
			return int64(1), true
		}
		return int64(0), true
	case float64:
		if i := int64(v); v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return i, true
		}
		return v, v == v
	}
	return nil, false
}

// typeName is Python's name for the type of v, for messages.
func typeName(v value) string {
	switch v := v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case int64:
		return "int"
	case float64:
		return "float"
	case string, markup:
		return "str"
	case *list:
		if v.tuple {
			return "tuple"
		}
		return "list"
	case *view:
		return v.name
	case *dict:
		return "dict"
	case *namespace:
		return "namespace"
	case *iterator:
		return "generator"
	case undefined:
		return "undefined"
	case *loop:
		return "loop"
	case *macro:
		return "macro"
	}
	return "function"
}

// truth is Python's bool(v).
func truth(v value) bool {
	switch v := v.(type) {
	case nil, undefined:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case markup:
		return v != ""
	case *list:
		return len(v.items) > 0
	case *view:
		return len(v.items) > 0
	case *dict:
		return len(v.keys) > 0
	case *loop:
		return len(v.items) > 0
	}
	return true
}

// number gives v as a float, and as an integer when it is one. bool counts as 0 or 1, as in Python.
func asNumber(v value) (f float64, i int64, isInt, ok bool) {
	switch v := v.(type) {
	case bool:
		if v {
			return 1, 1, true, true
		}
		return 0, 0, true, true
	case int64:
		return float64(v), v, true, true
	case float64:
		return v, 0, false, true
	}
	return 0, 0, false, false
}

// asString gives the text of a string, marked or not.
func asString(v value) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case markup:
		return string(v), true
	}
	return "", false
}

// converter makes values of what the caller gives, and bounds their size.
type converter struct {
	run  *run
	size int
}

// text checks a string from outside.
func (c *converter) text(s string) (value, error) {
	if c.size += len(s) + 16; c.size > MaxInput {
		return nil, fault.New(fault.Limit, "", "more than %d bytes of messages and variables", MaxInput)
	}
	if !utf8.ValidString(s) {
		return nil, fault.New(fault.Malformed, "", "not valid UTF-8")
	}
	return s, nil
}

func (c *converter) any(x any, depth int) (value, error) {
	if c.size += 16; c.size > MaxInput || depth > maxNesting {
		return nil, fault.New(fault.Limit, "", "more than %d bytes or %d levels", MaxInput, maxNesting)
	}
	switch x := x.(type) {
	case nil, bool, int64:
		return x, nil
	case float64:
		return x, nil
	case int:
		return int64(x), nil
	case json.Number:
		if n, err := x.Int64(); err == nil && !strings.ContainsAny(x.String(), ".eE") {
			return n, nil
		}
		f, err := x.Float64()
		if err != nil {
			return nil, fault.New(fault.Usage, "", "%q is not a number", x.String())
		}
		return f, nil
	case string:
		return c.text(x)
	case []any:
		l := &list{items: make([]value, len(x))}
		for i, e := range x {
			var err error
			if l.items[i], err = c.any(e, depth+1); err != nil {
				return nil, err
			}
		}
		return l, nil
	case map[string]any:
		d := newDict()
		for _, k := range slices.Sorted(maps.Keys(x)) {
			if _, err := c.text(k); err != nil {
				return nil, err
			}
			v, err := c.any(x[k], depth+1)
			if err != nil {
				return nil, err
			}
			d.set(k, k, v)
		}
		return d, nil
	}
	return nil, fault.New(fault.Usage, "", "a value of type %T", x)
}
