// Package packed decodes weights that others stored in few bits.
package packed

import (
	"math"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/quantize/internal/kernel"
)

// FP8 is an 8-bit float.
type FP8 struct {
	value [256]float32 // of every code

	// Kernels do values from the first on and give how many: without a scale, and with one.
	widen func(dst []float32, src []byte) int
	scale func(dst []float32, src []byte, scale float32) int
}

// E4M3 is F8_E4M3 of safetensors (E4M3FN of the OCP specification): sign, four bits of exponent with bias
// 7, three of mantissa. There is no infinity; codes 0x7F and 0xFF are NaN, the largest value is 448.
//
// E5M2 is F8_E5M2: sign, five bits of exponent with bias 15, two of mantissa, with infinities and NaN as
// in IEEE 754; the largest value is 57344.
var (
	E4M3 = &FP8{newFP8(3, 7, func(code int) bool { return code == 0x7f }, func(int) bool { return false }), kernel.WidenE4M3, kernel.ScaleE4M3}
	E5M2 = &FP8{newFP8(2, 15, func(code int) bool { return code > 0x7c }, func(code int) bool { return code == 0x7c }), kernel.WidenE5M2, kernel.ScaleE5M2}
)

func newFP8(mantissaBits, bias int, isNaN, isInf func(code int) bool) (value [256]float32) {
	for code := range 0x80 {
		exp, m := code>>mantissaBits, code&(1<<mantissaBits-1)
		x := math.Ldexp(float64(1<<mantissaBits+m), exp-bias-mantissaBits)
		switch {
		case isNaN(code):
			x = math.NaN()
		case isInf(code):
			x = math.Inf(1)
		case exp == 0:
			x = math.Ldexp(float64(m), 1-bias-mantissaBits)
		}
		value[code] = float32(x)
		value[code|0x80] = float32(math.Copysign(x, -1))
	}
	return value
}

// Decode gives the values of codes, without scale. NaN and infinity pass; the caller refuses them.
// len(dst) is len(src).
func (f *FP8) Decode(dst []float32, src []byte) {
	dst = dst[:len(src)]
	for i := f.widen(dst, src); i < len(src); i++ {
		dst[i] = f.value[src[i]]
	}
}

// Blocks says which scale belongs to which weight: one scale covers Rows × Cols weights, and the blocks
// at the right and lower edge may be cut.
type Blocks struct {
	Rows, Cols int64
}

// NewBlocks finds the blocks of a weight of rows × cols from the shape of its scales, outermost dimension
// first. size is the checkpoint's weight_block_size [rows, cols]; without it there is one scale for the
// tensor (shape [] or [1]), or one a row ([rows] or [rows,1]), and so on by the rule of broadcasting.
// The error is Mismatch.
func NewBlocks(size []int64, rows, cols int64, shape []int64) (Blocks, error) {
	no := func() (Blocks, error) {
		return Blocks{}, fault.New(fault.Mismatch, "", "scales of shape %v do not cover weights [%d,%d] in blocks %v", shape, rows, cols, size)
	}
	if rows < 1 || cols < 1 || len(shape) > 2 {
		return no()
	}
	grid := [2]int64{1, 1}
	copy(grid[:], shape)
	if size == nil {
		b := Blocks{rows, cols}
		if grid[0] == rows {
			b.Rows = 1
		} else if grid[0] != 1 {
			return no()
		}
		if grid[1] == cols {
			b.Cols = 1
		} else if grid[1] != 1 {
			return no()
		}
		return b, nil
	}
	if len(size) != 2 || size[0] < 1 || size[1] < 1 || len(shape) != 2 {
		return no()
	}
	b := Blocks{min(size[0], rows), min(size[1], cols)}
	if grid[0] != 1+(rows-1)/b.Rows || grid[1] != 1+(cols-1)/b.Cols {
		return no()
	}
	return b, nil
}

// ScaleRow gives the row of scales that belongs to a row of weights.
func (b Blocks) ScaleRow(row int64) int64 { return row / b.Rows }

// ScaleCols gives how many scales cover a row of cols weights.
func (b Blocks) ScaleCols(cols int64) int64 { return 1 + (cols-1)/b.Cols }

// Decode gives the weights of whole rows: value times scale, both float32, rounded once. src holds the
// codes of rows row0 and following, cols each; scale holds the scales from row ScaleRow(row0) on,
// ScaleCols(cols) each.
func (b Blocks) Decode(f *FP8, dst []float32, src []byte, row0, cols int64, scale []float32) {
	n, width := int(cols), int(b.ScaleCols(cols))
	first := b.ScaleRow(row0)
	for r := row0; len(src) >= n && n > 0; r++ {
		at := int(b.ScaleRow(r)-first) * width
		b.row(f, dst[:n], src[:n], scale[at:at+width])
		src, dst = src[n:], dst[n:]
	}
}

// row decodes one row under its scales.
func (b Blocks) row(f *FP8, dst []float32, src []byte, scale []float32) {
	for _, s := range scale {
		n := min(int(b.Cols), len(src))
		for i := f.scale(dst[:n], src, s); i < n; i++ {
			dst[i] = f.value[src[i]] * s
		}
		src, dst = src[n:], dst[n:]
	}
}
