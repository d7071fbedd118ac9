package pipeline

import (
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/formats/hf"
	"github.com/qconv/qconv/quantize"
	"github.com/qconv/qconv/quantize/packed"
)

// origin is where rows come from: a checkpoint or a GGUF file.
type origin interface {
	tensor(i int) *grid
	readAt(i int, p []byte, off int64) error // len(p) bytes of tensor i from its byte off
	unchanged() error
}

// grid is one source tensor as rows.
type grid struct {
	name, file string
	form       string // type as the source spells it
	typ        gguf.Type
	shape      []int64 // outermost dimension first
	rows, cols int64
	rowBytes   int64
	decode     func(dst []float32, src []byte) // one row; nil when the form has no codec
	check      func(row []byte) error          // of a row in blocks, before it is decoded; nil for others
	fp8        *packed.FP8                     // set for 8-bit floats, whose scale is another tensor
}

type checkpointOrigin struct {
	ck    *hf.Checkpoint
	grids []grid
}

func (o *checkpointOrigin) tensor(i int) *grid { return &o.grids[i] }
func (o *checkpointOrigin) readAt(i int, p []byte, off int64) error {
	return o.ck.ReadAt(&o.ck.Tensors[i], p, off)
}
func (o *checkpointOrigin) unchanged() error { return o.ck.Unchanged() }

// newCheckpointOrigin sees each tensor as rows. Dtypes without a decoder stay: the plan refuses them
// only when a tensor of that dtype is used.
func newCheckpointOrigin(ck *hf.Checkpoint) *checkpointOrigin {
	o := &checkpointOrigin{ck: ck, grids: make([]grid, len(ck.Tensors))}
	for i := range ck.Tensors {
		t := &ck.Tensors[i]
		g := &o.grids[i]
		g.name, g.file, g.form, g.shape = t.Name, ck.Files[t.File].Name, string(t.Dtype), t.Shape
		g.rows, g.cols = 1, 1
		if n := len(t.Shape); n > 0 {
			g.cols = t.Shape[n-1]
			for _, d := range t.Shape[:n-1] {
				g.rows *= d
			}
		}
		if g.rows > 0 {
			g.rowBytes = t.Bytes / g.rows
		}
		switch g.form {
		case "F32", "F16", "BF16":
			g.typ, _ = gguf.ParseType(g.form)
			c, _ := quantize.For(g.typ)
			g.decode = c.Decode
		case "F64":
			g.decode = quantize.WidenF64
		case "F8_E4M3":
			g.fp8 = packed.E4M3
		case "F8_E5M2":
			g.fp8 = packed.E5M2
		}
	}
	return o
}
