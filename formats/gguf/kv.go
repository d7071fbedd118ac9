package gguf

// ValueType is the type of a key's value, by its number in the file.
type ValueType uint32

const (
	ValueUint8 ValueType = iota
	ValueInt8
	ValueUint16
	ValueInt16
	ValueUint32
	ValueInt32
	ValueFloat32
	ValueBool
	ValueString
	ValueArray
	ValueUint64
	ValueInt64
	ValueFloat64
)

// KV is one key of a GGUF file. Value is a uint8, int8, uint16, int16, uint32, int32, float32, bool,
// string, uint64, int64 or float64, or a slice of one of them.
type KV struct {
	Key   string
	Value any
}

// Tensor is one tensor of a GGUF file.
type Tensor struct {
	Name   string
	Type   Type
	Shape  []int64 // innermost dimension first, as in the file
	Offset int64   // from the start of the data section; set by NewLayout and Open
}
