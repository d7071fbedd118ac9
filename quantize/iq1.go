package quantize

import (
	"math"

	"github.com/qconv/qconv/quantize/internal/kernel"
)

// foundIQ1 is what a search found for a group: codes of eight levels, the scale, and the shift of each code in a bit.
type foundIQ1 struct {
	codes  [4]uint16
	scale  float32
	shifts uint8
}

// settle turns a negative scale around and replaces codes off the grid by near ones under the scale, which then must be
// fitted again: it tells whether there were any. The scale becomes NaN where the errors of all near points overflow: the
// reference ends the program there, and Check refuses the block.
func (f *foundIQ1) settle(codes []uint16, x, w []float32) (moved bool) {
	if f.scale < 0 {
		f.scale, f.shifts = -f.scale, ^f.shifts
		kernel.MirrorIQ1(codes)
	}
	var values [4][4]float32
	for k := range codes {
		for l, v := range kernel.LevelsIQ1[f.shifts>>k&1] {
			values[k][l] = float32(f.scale * v)
		}
	}
	moved, ok := gridIQ1().Snap(codes, x, w, &values)
	if !ok {
		f.scale = float32(math.NaN())
		clear(codes)
		return false
	}
	return moved
}

// refit gives the group the scale of the sums Σ w·q·x and Σ w·q², if they have one.
func (f *foundIQ1) refit(qx, qq float32) {
	if qx > 0 && qq > 0 {
		f.scale = qx / qq
	}
}

// fit adds up what refit needs.
func (f *foundIQ1) fit(codes []uint16, x, w []float32) (qx, qq float32) {
	for k, c := range codes {
		addFitIQ1(&qx, &qq, x[8*k:][:8], w[8*k:][:8], c, &kernel.LevelsIQ1[f.shifts>>k&1], 1)
	}
	return qx, qq
}

// point gives the number of the point of code k, and the code's shift.
func (f *foundIQ1) point(k int) (p, shift uint16) {
	return uint16(gridIQ1().Map[f.codes[k]]), uint16(f.shifts >> k & 1)
}

// row is code k with its shift where the kernel that fits all lanes wants it.
func (f *foundIQ1) row(k int) uint32 {
	return uint32(f.codes[k]) | uint32(f.shifts>>k&1)<<kernel.ShiftBit
}

// settleLanes takes what the search for codes of n groups of eight found in each lane, settles it and fits the scales
// again. It tells in bits which lanes have a scale: the others count as zero, or nothing in them has weight.
func settleLanes(t *kernel.Tile, found *[kernel.Lanes]foundIQ1, x, w []float32, n int, zero float32) (used int) {
	var codes [4][kernel.Lanes]uint32
	var moved [kernel.Lanes]bool
	for l := range found {
		f := &found[l]
		scale, shift, ok := t.Shifted.Found(f.codes[:n], l)
		if !ok || t.Shifted.Largest[l] < zero {
			*f = foundIQ1{}
			continue
		}
		used |= 1 << l
		f.scale, f.shifts = scale, -uint8(shift)
		if n == 2 {
			f.shifts = halvesIQ1(shift)
		}
		var xl, wl [32]float32
		kernel.Gather(xl[:], x, l, 8*n)
		kernel.Gather(wl[:], w, l, 8*n)
		moved[l] = f.settle(f.codes[:n], xl[:], wl[:])
		for k := range n {
			codes[k][l] = f.row(k)
		}
	}
	var sums [2]kernel.Row
	kernel.FitShiftedRows(&sums, x, w, codes[:n], &onesIQ1)
	for l, m := range moved {
		if m {
			found[l].refit(sums[0][l], sums[1][l])
		}
	}
	return used
}

var onesIQ1 = kernel.Row{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}

// addFitIQ1 adds w·q·x and w·q² of eight values, where q is what the levels of a code stand for, times a factor.
func addFitIQ1(qx, qq *float32, x, w []float32, code uint16, values *[3]float32, factor float32) {
	w = w[:len(x)]
	for j, v := range x {
		q := values[code>>(2*j)&3] * factor
		wq := w[j] * q
		*qx += float32(wq * v)
		*qq += float32(wq * q)
	}
}

// oddEighth rounds a scale to one of 1, 3 … 15 units, stored as 0 … 7; inv is 1/unit.
func oddEighth(scale, inv float32) uint8 {
	return uint8(kernel.Clamp(kernel.Nearest(0.5*(float32(inv*scale)-1)), 0, 7))
}

// putIQ1 gives the eight values of a point.
func putIQ1(x []float32, point uint16, scale float32, values *[3]float32) {
	v := [4]float32{scale * values[0], scale * values[1], scale * values[2]}
	code := codesIQ1[point&2047]
	for j := range x[:8] {
		x[j] = v[code>>(2*j)&3]
	}
}
