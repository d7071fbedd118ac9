package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"
)

// same compares with encoding/json's tree, numbers as their literals.
func same(v Value, std any) bool {
	switch std := std.(type) {
	case nil:
		return v.Kind == Null
	case bool:
		b, ok := v.Boolean()
		return ok && b == std
	case json.Number:
		return v.Kind == Number && v.Text == string(std)
	case string:
		return v.Kind == String && v.Text == std
	case []any:
		if v.Kind != Array || len(v.Items) != len(std) {
			return false
		}
		for i := range std {
			if !same(v.Items[i], std[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		if v.Kind != Object || len(v.Pairs) != len(std) {
			return false
		}
		for _, m := range v.Pairs {
			x, ok := std[m.Name]
			if !ok || !same(m.Value, x) {
				return false
			}
		}
		return true
	}
	return false
}

// FuzzStrictJSON: what is accepted is JSON, and means what encoding/json says that it means.
func FuzzStrictJSON(f *testing.F) {
	for _, doc := range []string{
		``, ` {} `, `[]`, `{"a":[1,-2.5e+3,0.1],"b":{"c":null,"d":true,"e":false}}`, `"\u00e9\ud83d\ude00\"\\\/\b\f\n\r\t"`,
		`"\ud800"`, `"\udc00\ud800"`, "\"\xff\"", `{"a":1,"a":2}`, `{"a":1}{}`, `[1,]`, `01`, `-`, `1.`, `1e`, `-0`, `1E400`,
		`NaN`, `-Infinity`, `tru`, `nulll`, `[[[[[[[[[[]]]]]]]]]]`, "\"\x7f\u2028\"", "\x00", `{"":0}`, "\ufeff1", `"\u0000"`,
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		const depth = 100
		v, err := tree(string(doc), depth)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Off < 0 || e.Off > len(doc) {
				t.Fatalf("error without a place in the document: %v", err)
			}
			return
		}
		d := json.NewDecoder(bytes.NewReader(doc))
		d.UseNumber()
		var std any
		if err := d.Decode(&std); err != nil {
			t.Fatalf("accepted %q, encoding/json says %v", doc, err)
		}
		if _, err := d.Token(); err != io.EOF {
			t.Fatalf("accepted %q, encoding/json sees more: %v", doc, err)
		}
		if !same(v, std) {
			t.Fatalf("%q read as %v, encoding/json reads %v", doc, v, std)
		}
		if w, err := Parse(doc, depth); err != nil || !same(w, std) {
			t.Fatalf("Parse(%q) differs from the scanner: %v, %v", doc, w, err)
		}
		s, err := NewScanner(string(doc), depth, false)
		if err == nil {
			err = s.Skip()
		}
		if err == nil {
			err = s.End()
		}
		if err != nil {
			t.Fatalf("Skip refuses %q: %v", doc, err)
		}
	})
}
