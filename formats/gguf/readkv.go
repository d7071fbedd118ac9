package gguf

import (
	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/wire"
)

// minKV is the bytes of the shortest key-value: key length, one byte of key, type, one byte of value.
const minKV = 8 + 1 + 4 + 1

// keyValues reads n key-values.
func (c *cursor) keyValues(n int64, lim Limits) ([]KV, error) {
	end, ok := wire.Add(c.pos, lim.KVBytes)
	if ok {
		c.end = min(c.size, end)
	}
	kvs := make([]KV, 0, n) // n times minKV bytes are there
	c.record = "key"
	for i := range n {
		c.recordNo = i
		key, err := c.text("key", lim.Key)
		if err != nil {
			return nil, err
		}
		if msg := badKey(key); msg != "" {
			return nil, c.fail(fault.Malformed, "key %q %s", key, msg)
		}
		c.key = key
		v, err := c.value(lim)
		if err != nil {
			return nil, err
		}
		kvs = append(kvs, KV{key, v})
		c.key = ""
	}
	c.record, c.end = "", c.size
	return kvs, uniqueKeys(kvs, c.file)
}

// value reads a type and a value of it. Arrays of arrays are refused, so nothing recurses.
func (c *cursor) value(lim Limits) (any, error) {
	raw, err := c.u32("type")
	if err != nil {
		return nil, err
	}
	t, n := ValueType(raw), int64(-1)
	if t == ValueArray {
		if raw, err = c.u32("element type"); err != nil {
			return nil, err
		}
		if t = ValueType(raw); t == ValueArray {
			return nil, c.fail(fault.Malformed, "arrays of arrays are not part of GGUF")
		}
		if n, err = c.count("array length"); err != nil {
			return nil, err
		}
	}
	if int64(t) >= int64(len(valueSizes)) {
		return nil, c.fail(fault.Malformed, "type %d is no value type, the last one is %d", int32(raw), ValueFloat64)
	}
	if n < 0 {
		return c.scalar(t, lim)
	}
	width := max(valueSizes[t], 1)
	if t == ValueString {
		width = 8 // its length
	}
	if err := c.room(n, width, "array length"); err != nil {
		return nil, err
	}
	if n > lim.ArrayElems {
		return nil, c.fail(fault.Limit, "array of %d elements exceeds the limit of %d", n, lim.ArrayElems)
	}
	return c.array(t, n, lim)
}

func (c *cursor) scalar(t ValueType, lim Limits) (any, error) {
	if t == ValueString {
		return c.text("string", lim.String)
	}
	v, err := c.array(t, 1, lim)
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case []uint8:
		return v[0], nil
	case []int8:
		return v[0], nil
	case []uint16:
		return v[0], nil
	case []int16:
		return v[0], nil
	case []uint32:
		return v[0], nil
	case []int32:
		return v[0], nil
	case []float32:
		return v[0], nil
	case []bool:
		return v[0], nil
	case []uint64:
		return v[0], nil
	case []int64:
		return v[0], nil
	case []float64:
		return v[0], nil
	}
	return nil, c.fail(fault.Malformed, "type %v has no scalar", t)
}

// array reads n elements, whose bytes are known to be there.
func (c *cursor) array(t ValueType, n int64, lim Limits) (any, error) {
	switch t {
	case ValueUint8:
		return numbers[uint8](c, n, 1)
	case ValueInt8:
		return numbers[int8](c, n, 1)
	case ValueUint16:
		return numbers[uint16](c, n, 2)
	case ValueInt16:
		return numbers[int16](c, n, 2)
	case ValueUint32:
		return numbers[uint32](c, n, 4)
	case ValueInt32:
		return numbers[int32](c, n, 4)
	case ValueFloat32:
		return numbers[float32](c, n, 4)
	case ValueUint64:
		return numbers[uint64](c, n, 8)
	case ValueInt64:
		return numbers[int64](c, n, 8)
	case ValueFloat64:
		return numbers[float64](c, n, 8)
	case ValueBool:
		out := make([]bool, n)
		return out, decodeChunks(c, out, 1, func(b []byte) error {
			for _, x := range b {
				if x > 1 {
					return c.fail(fault.Malformed, "bool is the byte %d, expected 0 or 1", x)
				}
			}
			return nil
		})
	}
	out := make([]string, n)
	for i := range out {
		var err error
		if out[i], err = c.text("string", lim.String); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func numbers[T any](c *cursor, n int64, width int) (any, error) {
	out := make([]T, n)
	return out, decodeChunks(c, out, width, nil)
}
