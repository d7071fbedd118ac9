// Package pipeline plans a conversion from headers alone and then moves the data once: rows are read,
// widened to float32, checked, quantized and written at offsets that the plan fixed.
//
// The bytes written are a function of the input, the options and the version: not of threads, memory
// budget, order, interruption or clock.
package pipeline

import (
	"github.com/qconv/qconv/formats/arch"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize"
	"github.com/qconv/qconv/quantize/imatrix"
	"github.com/qconv/qconv/quantize/mix"
	"github.com/qconv/qconv/quantize/packed"
)

// Options say what to make. The zero value of a field means its default.
type Options struct {
	Recipe *mix.Recipe
	Mix    mix.Options // Importance is set by the plan

	Importance     *imatrix.Matrix // weights of the columns; nil: none
	ImportanceFile string          // what quantize.imatrix.file says: the path as it was given
	Calibration    *Calibration    // Importance comes while a job runs, which needs Held; nil: it does not
	Correct        bool            // write right blocks where the reference has a defect

	// Types are the tensors' types in a file that exists, in place of those that the recipe would choose: the plan then makes
	// that file's data again. Tensors that are not named stay in the form that they have before they are quantized. Columns
	// count all the same for types that need importance when there is none.
	Types map[string]gguf.Type
	Via   *gguf.Type // 16-bit form of a checkpoint's two-step route, or F32 for none; nil: the checkpoint's own

	Pre          string // GGUF name of the pre-tokenizer, when it cannot be found out
	ModelName    string // overrides general.name
	MetadataJSON []byte // overrides general.* values, keyed by GGUF key

	SplitMaxBytes   int64 // 0: no limit
	SplitMaxTensors int   // 0: no limit

	FileName string // of the output; "": from the metadata
	Held     *Held  // what of the source is in memory; nil: nothing

	// GGUF sources only.
	AllowRequantize bool      // quantized tensors may be dequantized and encoded again
	KeepSplit       bool      // a tensor stays in the part that it comes from; no other split limit counts
	Prune           []int64   // layers to leave out; those behind them move up
	Overrides       []gguf.KV // keys to set, in order: each goes to the end, whether it was there or not

	Threads int   // 0: all cores
	RAM     int64 // bytes for all buffers and the plan itself; 0: DefaultRAM
	Buffers int64 // bytes for all buffers, raised to what one worker needs; 0: what RAM leaves
}

// DefaultRAM is the memory budget when none is given.
const DefaultRAM = 1 << 30

// Step makes one output tensor.
type Step struct {
	Name   string
	Shape  []int64 // innermost dimension first, as written
	From   string  // type of the source, such as BF16 or F8_E4M3
	Type   gguf.Type
	Reason string // why the type is not the one that the recipe wanted; "" when it is
	Part   int    // output file
	Offset int64  // in that file
	Bytes  int64

	op      arch.Op
	target  arch.Target // sources, heads and slabs; Src and Scale index the origin's tensors
	codec   *quantize.Codec
	largest float32 // magnitude from which the type's sums overflow and blocks silently become zero; 0: none

	sourceName string          // name before layers were pruned, by which importance knows the tensor
	needWeight bool            // the reference refuses to make the tensor without importance
	weight     []float32       // importance: one value a column, slab after slab; nil: none, or late
	late       bool            // importance comes while a job runs
	even       []float32       // ones, for a type that cannot do without importance when there is none
	raw        bool            // bytes are copied, not decoded: the source has the output's type already
	via        *quantize.Codec // 16-bit type that the row is rounded to first; nil for none
	viaBytes   int64
	blocks     packed.Blocks // which scale belongs to which weight of an FP8 source
	rows       int64         // all rows
	slab       int64         // rows in one slab (dimension 2)
	cols       int64
}

// unit is a range of rows of one slab, made in one go.
type unit struct {
	step       int
	slab       int64
	row, nRows int64 // within the slab
	srcBytes   int64
	off, len   int64 // in the part
	index      int   // among the part's units
}

// Part is one output file.
type Part struct {
	Name   string // file name without directory
	Layout *gguf.Layout
	units  []unit
}

// Plan is everything that headers can tell. It is immutable.
type Plan struct {
	Name   string // of the source
	Arch   string
	Block  *arch.Block // the source's forward recipe; nil for a GGUF source without Options.Held, whose keys have it
	Recipe *mix.Recipe
	Via    string // 16-bit form that every quantized row passes through, as the two-step route does; "" for none

	KVs    []gguf.KV
	Steps  []Step
	Parts  []Part
	Digest string // identifies (input, options, version): a partial output is resumed only under the same digest

	Notices     []string
	SourceBytes int64
	Bytes       int64 // all parts
	Elements    int64
	Memory      Memory

	origin      origin
	held        *Held
	calibration *Calibration // nil: importance is there, or none is wanted
	correct     bool
	pruned      []string // tensors of the source that are left out
	align       int64    // of tensor data
}

// BitsPerWeight is the average over all tensors.
func (p *Plan) BitsPerWeight() float64 {
	var n int64
	for i := range p.Steps {
		n += p.Steps[i].Bytes
	}
	if p.Elements == 0 {
		return 0
	}
	return float64(n) * 8 / float64(p.Elements)
}
