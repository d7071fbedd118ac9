package verify

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strings"
)

// MarshalJSON writes figures that are not finite, which JSON does not have, as null, and lists that are nil as empty.
// Damaged models have such figures, and they are what their reader looks for. Otherwise it is what package json writes.
func (r Report) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	if err := encode(&b, reflect.ValueOf(r)); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func encode(b *bytes.Buffer, v reflect.Value) error {
	switch v.Kind() {
	case reflect.Struct:
		b.WriteByte('{')
		if err := encodeFields(b, v); err != nil {
			return err
		}
		b.WriteByte('}')
		return nil
	case reflect.Slice:
		b.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := encode(b, v.Index(i)); err != nil {
				return err
			}
		}
		b.WriteByte(']')
		return nil
	case reflect.Pointer:
		if !v.IsNil() {
			return encode(b, v.Elem())
		}
	case reflect.Float64:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			b.WriteString("null")
			return nil
		}
	}
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false) // whoever encodes the report decides
	if err := e.Encode(v.Interface()); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1) // the encoder's line end
	return nil
}

// encodeFields writes a struct's fields, those of embedded structs among them, as package json does.
func encodeFields(b *bytes.Buffer, v reflect.Value) error {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if options == "omitempty" && empty(v.Field(i)) {
			continue
		}
		if field.Anonymous {
			if err := encodeFields(b, v.Field(i)); err != nil {
				return err
			}
			continue
		}
		if s := b.Bytes(); s[len(s)-1] != '{' {
			b.WriteByte(',')
		}
		b.WriteString(`"` + name + `":`)
		if err := encode(b, v.Field(i)); err != nil {
			return err
		}
	}
	return nil
}

func empty(v reflect.Value) bool { return v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0 }
