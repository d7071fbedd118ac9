package gguf

import (
	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/wire"
)

// RowBytes gives the bytes of n consecutive elements; ok is false when n is negative or no multiple
// of the block, the type is unknown, or the size exceeds an int64.
func (t Type) RowBytes(n int64) (bytes int64, ok bool) {
	elems, size, ok := t.Block()
	if !ok || n < 0 || n%elems != 0 {
		return 0, false
	}
	return wire.Mul(n/elems, size)
}

// Elems gives the number of elements. Like Bytes and Rows it is valid for a tensor that NewLayout or
// Open has checked.
func (t *Tensor) Elems() int64 {
	n, _ := wire.Product(t.Shape)
	return n
}

// Bytes gives the size of the data, without padding.
func (t *Tensor) Bytes() int64 {
	n, _ := t.Type.RowBytes(t.Elems())
	return n
}

// Rows gives the number of rows, a row being the first dimension. A tensor of no dimension is one row.
func (t *Tensor) Rows() int64 {
	if len(t.Shape) == 0 {
		return 1
	}
	n, _ := wire.Product(t.Shape[1:])
	return n
}

// size checks shape and type and gives the bytes of the data.
func (t *Tensor) size(file string) (int64, error) {
	block, _, ok := t.Type.Block()
	if !ok {
		return 0, t.unknownType(file)
	}
	elems, ok := wire.Product(t.Shape)
	if !ok {
		return 0, fault.New(fault.Malformed, file, "shape %v has more elements than any file", t.Shape).In(t.Name)
	}
	row := int64(1)
	if len(t.Shape) > 0 {
		row = t.Shape[0]
	}
	if row%block != 0 {
		return 0, fault.New(fault.Malformed, file, "shape %v: rows of %d do not fit %v, whose blocks hold %d", t.Shape, row, t.Type, block).In(t.Name)
	}
	n, ok := t.Type.RowBytes(elems)
	if !ok {
		return 0, fault.New(fault.Malformed, file, "shape %v of %v is larger than any file", t.Shape, t.Type).In(t.Name)
	}
	return n, nil
}

// unknownType tells a number that once was a type, or may become one, from nonsense.
func (t *Tensor) unknownType(file string) error {
	switch n := int32(t.Type); {
	case n < 0:
		return fault.New(fault.Malformed, file, "type %d is no ggml type", n).In(t.Name)
	case n <= int32(TypeQ2_0):
		return fault.New(fault.Unsupported, file, "type %d was retired by ggml: make the file again with a current version", n).In(t.Name)
	default:
		return fault.New(fault.Unsupported, file, "type %d is unknown, the last one known is %d (%v): the file may be newer than this program", n, TypeQ2_0, TypeQ2_0).In(t.Name)
	}
}
