package strictjson

import (
	"encoding/json"
	"math"
	"strconv"
)

// Kind is the kind of a JSON value.
type Kind uint8

const (
	Null Kind = iota + 1
	Bool
	Number
	String
	Array
	Object
)

func (k Kind) String() string {
	return [...]string{"nothing", "null", "a boolean", "a number", "a string", "an array", "an object"}[k]
}

// Value is a JSON value. The zero Value is absent: its Kind is 0 and every accessor says !ok.
type Value struct {
	Kind  Kind
	Text  string   // String: the string; Number, Bool: the literal
	Items []Value  // Array
	Pairs []Member // Object, in file order
}

// Member is one key of an object.
type Member struct {
	Name  string
	Value Value
}

// Parse reads one document whole. Numbers may be NaN or Infinity, as Python writes them; reading
// such a number through Int64 or Float64 says !ok.
func Parse(doc []byte, maxDepth int) (Value, error) {
	s, err := NewScanner(string(doc), maxDepth, true)
	if err != nil {
		return Value{}, err
	}
	v, err := s.Value()
	if err == nil {
		err = s.End()
	}
	if err != nil {
		return Value{}, err
	}
	return v, nil
}

// Value consumes any value into a tree.
func (s *Scanner) Value() (v Value, err error) {
	if v.Kind, err = s.Peek(); err != nil {
		return Value{}, err
	}
	switch v.Kind {
	case Object:
		err = s.Object(func(name string) error {
			m, err := s.Value()
			v.Pairs = append(v.Pairs, Member{name, m})
			return err
		})
	case Array:
		err = s.Array(func(int) error {
			e, err := s.Value()
			v.Items = append(v.Items, e)
			return err
		})
	case String:
		v.Text, err = s.String()
	case Number:
		v.Text, err = s.Number()
	default:
		v.Text, err = s.Literal()
	}
	return v, err
}

// Get gives the member called name of an object, or the absent Value. It searches linearly: range
// over Pairs for large objects.
func (v Value) Get(name string) Value {
	for _, m := range v.Pairs {
		if m.Name == name {
			return m.Value
		}
	}
	return Value{}
}

// Present is true unless the value is absent or null.
func (v Value) Present() bool { return v.Kind > Null }

// Str gives a string.
func (v Value) Str() (string, bool) { return v.Text, v.Kind == String }

// Boolean gives true or false.
func (v Value) Boolean() (b, ok bool) { return v.Text == "true", v.Kind == Bool }

// IsInt is true for a number written without fraction or exponent, which Python reads as int.
func (v Value) IsInt() bool {
	if v.Kind != Number {
		return false
	}
	_, err := strconv.ParseInt(v.Text, 10, 64)
	return err == nil
}

// Int64 gives a number whose value is an integer that fits; 4096.0 and 1e3 count.
func (v Value) Int64() (int64, bool) {
	if v.Kind != Number {
		return 0, false
	}
	if n, err := strconv.ParseInt(v.Text, 10, 64); err == nil {
		return n, true
	}
	f, ok := v.Float64()
	if !ok || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int64(f), true
}

// Float64 gives a finite number.
func (v Value) Float64() (float64, bool) {
	if v.Kind != Number {
		return 0, false
	}
	f, err := strconv.ParseFloat(v.Text, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return 0, false
	}
	return f, true
}

// Any gives the value in the types that encoding/json writes. Numbers that JSON cannot say (NaN,
// Infinity) become strings.
func (v Value) Any() any {
	switch v.Kind {
	case String:
		return v.Text
	case Bool:
		return v.Text == "true"
	case Number:
		if _, ok := v.Float64(); ok {
			return json.Number(v.Text)
		}
		return v.Text
	case Array:
		list := make([]any, len(v.Items))
		for i := range list {
			list[i] = v.Items[i].Any()
		}
		return list
	case Object:
		m := make(map[string]any, len(v.Pairs))
		for _, p := range v.Pairs {
			m[p.Name] = p.Value.Any()
		}
		return m
	}
	return nil
}
