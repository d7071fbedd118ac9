package gguf

import (
	"encoding/binary"
	"fmt"

	"github.com/qconv/qconv/formats/fault"
)

// valueNames is indexed by ValueType.
var valueNames = [...]string{"u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "str", "arr", "u64", "i64", "f64"}

// valueSizes is the bytes of one value; 0 for strings and arrays.
var valueSizes = [...]int64{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8}

// String gives the reference's short name, such as u32.
func (t ValueType) String() string {
	if int64(t) >= int64(len(valueNames)) {
		return "unknown"
	}
	return valueNames[t]
}

// Types gives the type of the value and, for ValueArray, that of its elements; ok is false for a Go
// type that KV does not list.
func (kv KV) Types() (t, elem ValueType, ok bool) {
	switch kv.Value.(type) {
	case uint8:
		return ValueUint8, 0, true
	case int8:
		return ValueInt8, 0, true
	case uint16:
		return ValueUint16, 0, true
	case int16:
		return ValueInt16, 0, true
	case uint32:
		return ValueUint32, 0, true
	case int32:
		return ValueInt32, 0, true
	case float32:
		return ValueFloat32, 0, true
	case bool:
		return ValueBool, 0, true
	case string:
		return ValueString, 0, true
	case uint64:
		return ValueUint64, 0, true
	case int64:
		return ValueInt64, 0, true
	case float64:
		return ValueFloat64, 0, true
	case []uint8:
		return ValueArray, ValueUint8, true
	case []int8:
		return ValueArray, ValueInt8, true
	case []uint16:
		return ValueArray, ValueUint16, true
	case []int16:
		return ValueArray, ValueInt16, true
	case []uint32:
		return ValueArray, ValueUint32, true
	case []int32:
		return ValueArray, ValueInt32, true
	case []float32:
		return ValueArray, ValueFloat32, true
	case []bool:
		return ValueArray, ValueBool, true
	case []string:
		return ValueArray, ValueString, true
	case []uint64:
		return ValueArray, ValueUint64, true
	case []int64:
		return ValueArray, ValueInt64, true
	case []float64:
		return ValueArray, ValueFloat64, true
	}
	return 0, 0, false
}

// Len gives the number of elements of an array; ok is false for anything else.
func (kv KV) Len() (n int, ok bool) {
	switch v := kv.Value.(type) {
	case []uint8:
		return len(v), true
	case []int8:
		return len(v), true
	case []uint16:
		return len(v), true
	case []int16:
		return len(v), true
	case []uint32:
		return len(v), true
	case []int32:
		return len(v), true
	case []float32:
		return len(v), true
	case []bool:
		return len(v), true
	case []string:
		return len(v), true
	case []uint64:
		return len(v), true
	case []int64:
		return len(v), true
	case []float64:
		return len(v), true
	}
	return 0, false
}

// badKey says what is wrong with a key; "" when nothing is. Keys are printable ASCII.
func badKey(key string) string {
	if key == "" {
		return "is empty"
	}
	for i := range len(key) {
		if key[i] < ' ' || key[i] > '~' {
			return "is not printable ASCII"
		}
	}
	return ""
}

func appendString(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint64(b, uint64(len(s))), s...)
}

// append writes key, type and value.
func (kv KV) append(b []byte) ([]byte, error) {
	if msg := badKey(kv.Key); msg != "" {
		return nil, fault.New(fault.Malformed, "", "key %q %s", kv.Key, msg)
	}
	t, elem, ok := kv.Types()
	if !ok {
		return nil, fault.New(fault.Malformed, "", "key %q: a value of Go type %T has no GGUF type", kv.Key, kv.Value)
	}
	b = appendString(b, kv.Key)
	b = binary.LittleEndian.AppendUint32(b, uint32(t))
	if n, isArray := kv.Len(); isArray {
		b = binary.LittleEndian.AppendUint32(b, uint32(elem))
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	switch v := kv.Value.(type) {
	case string:
		return appendString(b, v), nil
	case []string:
		for _, s := range v {
			b = appendString(b, s)
		}
		return b, nil
	}
	b, err := binary.Append(b, binary.LittleEndian, kv.Value)
	if err != nil {
		return nil, fault.New(fault.Malformed, "", "key %q: %w", kv.Key, err)
	}
	return b, nil
}

// typeText prints the type for messages.
func (kv KV) typeText() string {
	t, elem, ok := kv.Types()
	switch {
	case !ok:
		return fmt.Sprintf("%T", kv.Value)
	case t == ValueArray:
		return "arr of " + elem.String()
	}
	return t.String()
}
