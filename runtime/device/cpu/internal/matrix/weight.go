package matrix

import (
	"math"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize"
)

// Weight is a matrix in the blocks of a GGUF file, row after row. NewWeight makes it; it must not be changed.
type Weight struct {
	Type       gguf.Type
	Rows, Cols int
	Blocks     []byte

	format   *format
	rowBytes int
	woven    int // how many rows are: see Weave
}

// NewWeight makes a weight of blocks, which it keeps. It fails when the type cannot be multiplied, or when rows and
// columns are not those of the blocks.
func NewWeight(t gguf.Type, rows, cols int, blocks []byte) (*Weight, error) {
	f := formatOf(t)
	if f == nil {
		return nil, fault.New(fault.Unsupported, "", "a weight of type %v cannot be multiplied", t)
	}
	elems, size, _ := t.Block()
	if rows < 1 || cols < 1 || int64(cols)%elems != 0 {
		return nil, fault.New(fault.Mismatch, "", "a weight of type %v has %d rows of %d columns, rows must be blocks of %d", t, rows, cols, elems)
	}
	if row := int64(cols) / elems; row > math.MaxInt/size || int64(rows) > math.MaxInt/(row*size) || int64(rows)*row*size != int64(len(blocks)) {
		return nil, fault.New(fault.Mismatch, "", "a weight of type %v has %d bytes for %d rows of %d columns, %d bytes for %d values", t, len(blocks), rows, cols, size, elems)
	}
	return &Weight{Type: t, Rows: rows, Cols: cols, Blocks: blocks, format: f, rowBytes: len(blocks) / rows}, nil
}

// Exact lets products be made as those of types without integers: values are widened, and nothing is rounded but in float32.
func (w *Weight) Exact() {
	if w.format.group == 0 {
		return
	}
	codec, _ := quantize.For(w.Type) // every format has one
	w.format = &format{elems: w.format.elems, bytes: w.format.bytes, widen: codec.Decode, exact: true}
}

// row gives the blocks of columns from … to-1 of a row that is not woven.
func (w *Weight) row(r, from, to int) []byte {
	b := w.Blocks[r*w.rowBytes:][:w.rowBytes]
	return b[from/w.format.elems*w.format.bytes : to/w.format.elems*w.format.bytes]
}
