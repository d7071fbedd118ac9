package hf

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

// Pairs gives the keys in the order in which the reference writes them, from general.sampling.* to
// general.languages. general.type and general.architecture are not among them.
func (m *Metadata) Pairs() []Pair { return m.pairs }

// build turns the fields into pairs. Empty text and empty lists are not written.
func (m *Metadata) build() ([]Pair, error) {
	var w pairWriter
	for _, s := range samplingKeys {
		w.put(s.key, m.fields[s.key], s.write)
	}
	for _, key := range textKeys {
		if key == keyLicense {
			w.put(key, m.fields[key], licenseValue)
			continue
		}
		w.put(key, m.fields[key], textValue)
	}
	w.origins("general.base_model.", m.bases)
	w.origins("general.dataset.", m.datasets)
	for _, key := range listKeys {
		w.put(key, m.fields[key], listValue)
	}
	return w.pairs, w.err
}

// pairWriter appends pairs until the first error.
type pairWriter struct {
	pairs []Pair
	err   error
}

// put appends what write makes of v: nil is not written.
func (w *pairWriter) put(key string, v strictjson.Value, write func(string, strictjson.Value) (any, error)) {
	if w.err != nil || !v.Present() {
		return
	}
	out, err := write(key, v)
	if err != nil {
		w.err = err
	} else if out != nil {
		w.pairs = append(w.pairs, Pair{key, out})
	}
}

func (w *pairWriter) origins(prefix string, list *[]strictjson.Value) {
	if list == nil {
		return
	}
	w.pairs = append(w.pairs, Pair{prefix + "count", uint32(len(*list))})
	for i, item := range *list {
		for _, field := range originFields {
			w.put(prefix+strconv.Itoa(i)+"."+field, item.Get(field), textValue)
		}
	}
}

func badValue(key string, v strictjson.Value, want string) error {
	found := v.Kind.String()
	switch {
	case isTyped(v):
		found = v.Pairs[0].Value.Text
	case v.Kind == strictjson.Number, v.Kind == strictjson.Bool:
		found = v.Text
	}
	return fault.New(fault.Malformed, "", "%s would be %s, expected %s; correct it in README.md (quote text that looks like a number or a date) or generation_config.json, or give it as metadata override", key, fault.Printable(clip(found)), want)
}

// falsy is Python's: such a value is not written where text is due.
func falsy(v strictjson.Value) bool {
	switch v.Kind {
	case strictjson.String:
		return v.Text == ""
	case strictjson.Number:
		f, err := strconv.ParseFloat(v.Text, 64)
		return err == nil && f == 0
	case strictjson.Bool:
		return v.Text == "false"
	case strictjson.Array:
		return len(v.Items) == 0
	case strictjson.Object:
		return len(v.Pairs) == 0
	}
	return true
}

// textValue gives a string, or nil when nothing is written.
func textValue(key string, v strictjson.Value) (any, error) {
	if falsy(v) {
		return nil, nil
	}
	s, ok := v.Str()
	if !ok {
		return nil, badValue(key, v, "text")
	}
	if !utf8.ValidString(s) {
		return nil, badValue(key, v, "UTF-8 text")
	}
	return s, nil
}

// licenseValue joins a list with commas.
func licenseValue(key string, v strictjson.Value) (any, error) {
	if v.Kind != strictjson.Array {
		return textValue(key, v)
	}
	names := make([]string, len(v.Items))
	for i, item := range v.Items {
		s, ok := item.Str()
		if !ok {
			return nil, badValue(key, item, "text")
		}
		names[i] = s
	}
	return textValue(key, text(strings.Join(names, ",")))
}

// intValue gives an int32. It takes integers and, as Python does, booleans.
func intValue(key string, v strictjson.Value) (any, error) {
	if b, ok := v.Boolean(); ok {
		return map[bool]int32{true: 1}[b], nil
	}
	n, ok := v.Int64()
	if !v.IsInt() || !ok || n < math.MinInt32 || n > math.MaxInt32 {
		return nil, badValue(key, v, "a 32-bit integer")
	}
	return int32(n), nil
}

// floatValue gives a float32, rounded to float64 first, as the reference does.
func floatValue(key string, v strictjson.Value) (any, error) {
	if b, ok := v.Boolean(); ok {
		return map[bool]float32{true: 1}[b], nil
	}
	f, ok := v.Float64()
	if !ok || math.IsInf(float64(float32(f)), 0) {
		return nil, badValue(key, v, "a finite number")
	}
	return float32(f), nil
}

// listValue gives a []string, []bool, []int32 or []float32, or nil when the list is empty. The items
// must be of one kind, where 1 and 1.0 are of two.
func listValue(key string, v strictjson.Value) (any, error) {
	if v.Kind != strictjson.Array {
		return nil, badValue(key, v, "a list of text")
	}
	if len(v.Items) == 0 {
		return nil, nil
	}
	var (
		texts  []string
		truths []bool
		ints   []int32
		floats []float32
	)
	for _, item := range v.Items {
		var one any
		var err error
		switch {
		case item.Kind == strictjson.Bool:
			one = item.Text == "true"
		case item.Kind == strictjson.Number && strings.ContainsAny(item.Text, ".eENI"):
			one, err = floatValue(key, item)
		case item.Kind == strictjson.Number:
			one, err = intValue(key, item)
		case item.Kind == strictjson.String && item.Text == "":
			one = ""
		default:
			one, err = textValue(key, item)
		}
		if err != nil {
			return nil, err
		}
		switch x := one.(type) {
		case string:
			texts = append(texts, x)
		case bool:
			truths = append(truths, x)
		case int32:
			ints = append(ints, x)
		case float32:
			floats = append(floats, x)
		}
	}
	switch len(v.Items) {
	case len(texts):
		return texts, nil
	case len(truths):
		return truths, nil
	case len(ints):
		return ints, nil
	case len(floats):
		return floats, nil
	}
	return nil, badValue(key, v, "a list whose items are all text")
}
