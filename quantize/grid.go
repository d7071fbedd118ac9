package quantize

import (
	"math"
	"math/bits"
	"sync"

	"github.com/qconv/qconv/quantize/internal/kernel"
)

// The IQ types with one to three bits store numbers of points instead of codes of single values. The points are
// facts of the format (see NOTICE); the lists of neighbours are made of them when a type is first encoded.
var (
	gridIQ1    = sync.OnceValue(func() *kernel.Grid { return kernel.NewGrid(2, 3, 3, codesIQ1[:]) })
	gridIQ2XXS = sync.OnceValue(func() *kernel.Grid { return kernel.NewGrid(2, 3, 2, codesIQ2XXS[:]) })
	gridIQ2XS  = sync.OnceValue(func() *kernel.Grid { return kernel.NewGrid(2, 3, 2, codesIQ2XS[:]) })
	gridIQ2S   = sync.OnceValue(func() *kernel.Grid { return kernel.NewGrid(2, 3, 1, codesIQ2S[:]) })
	gridIQ3XXS = sync.OnceValue(func() *kernel.Grid { return kernel.NewGrid(3, 8, 2, codesIQ3XXS[:]) })
	gridIQ3S   = sync.OnceValue(func() *kernel.Grid { return kernel.NewGrid(3, 8, 3, codesIQ3S[:]) })
)

// gridSearch says how an IQ2 or IQ3 type finds the points of a sub-block.
type gridSearch struct {
	grid  func() *kernel.Grid
	even  bool    // of eight signs seven are stored, see evenSigns
	zero  float32 // a sub-block with all magnitudes below it counts as zero
	sweep kernel.GridSweep
}

// subBlock is what a search finds.
type subBlock struct {
	scale float32   // NaN where the reference ends the program
	signs [4]uint8  // of eight values each
	codes [8]uint16 // of the points
}

// find searches 16 or 32 values. It is false for a sub-block that counts as zero, of which the types store nothing.
func (s *gridSearch) find(b *subBlock, x, w []float32) bool {
	var magnitudes [32]float32
	m := magnitudes[:len(x)]
	peak := s.split(b, m, x, w)
	if peak < s.zero {
		return false
	}
	s.points(b, m, w, peak, peak/float32(2*s.grid().Levels-1))
	return true
}

// split puts magnitudes into m, finds the signs and gives the largest magnitude.
func (s *gridSearch) split(b *subBlock, m, x, w []float32) (peak float32) {
	for i := 0; i < len(x); i += 8 {
		to, from := (*[8]float32)(m[i:]), (*[8]float32)(x[i:])
		if s.even {
			b.signs[i/8] = evenSigns(to, from, (*[8]float32)(w[i:]))
		} else {
			b.signs[i/8] = splitSigns(to, from)
		}
	}
	for _, v := range m[:len(x)] {
		if v > peak { // max would also look for NaN
			peak = v
		}
	}
	return peak
}

// points finds points and scale. scale is the one to begin with, and peak the value of the highest level under it.
func (s *gridSearch) points(b *subBlock, m, w []float32, peak, scale float32) {
	g := s.grid()
	b.scale = kernel.SearchGrid(b.codes[:len(m)<<g.Bits/32], g, m, w, peak, scale, &s.sweep)
	if b.scale < 0 { // possible with very uneven weights
		b.scale = -b.scale
		for i := range b.signs {
			b.signs[i] = ^b.signs[i]
			if s.even {
				b.signs[i] &= 127
			}
		}
	}
}

// splitSigns puts magnitudes of eight values into m and gives their signs, the first in bit 0. Zero counts as
// positive.
func splitSigns(m, x *[8]float32) (signs uint8) {
	for i, v := range x {
		sign := negative(v)
		m[i] = math.Float32frombits(math.Float32bits(v) ^ sign<<31)
		signs |= uint8(sign << i)
	}
	return signs
}

// evenSigns is splitSigns for types that store seven signs of eight: the eighth makes the number of negative ones
// even. Where it is odd, the value that weighs least changes its sign, and its magnitude becomes negative.
func evenSigns(m, x, w *[8]float32) (signs uint8) {
	signs = splitSigns(m, x)
	if bits.OnesCount8(signs)%2 == 0 {
		return signs & 127
	}
	least, at := w[0]*x[0]*x[0], 0
	for i, v := range x {
		if e := w[i] * v * v; e < least {
			least, at = e, i
		}
	}
	m[at] = -m[at]
	return (signs ^ 1<<at) & 127
}

// eighthSign gives all signs of seven that evenSigns left.
func eighthSign(signs uint8) uint8 { return signs&127 | uint8(bits.OnesCount8(signs&127))<<7 }

// largest is the maximum.
func largest(x []float32) float32 {
	top := x[0]
	for _, v := range x {
		top = max(top, v)
	}
	return top
}

// oddNibble rounds a scale to one of 1, 3 … 31 units, stored as 0 … 15; inv is 1/unit.
func oddNibble(scale, inv float32) uint8 {
	return uint8(kernel.Clamp(kernel.Nearest(0.5*(float32(inv*scale)-1)), 0, 15))
}

// putEight gives the values of a point of eight levels. v holds the bits of a level's magnitude.
func putEight(x []float32, code uint16, signs uint8, v *[4]uint32) {
	for i := range x[:8] {
		x[i] = math.Float32frombits(v[code&3] ^ uint32(signs)<<31)
		code >>= 2
		signs >>= 1
	}
}

// putFour gives the values of a point of four levels.
func putFour(x []float32, code uint16, signs uint8, v *[8]uint32) {
	for i := range x[:4] {
		x[i] = math.Float32frombits(v[code&7] ^ uint32(signs)<<31)
		code >>= 3
		signs >>= 1
	}
}

// valuesIQ2 gives the bits of the magnitudes that the levels of the IQ2 types stand for.
func valuesIQ2(scale float32) [4]uint32 {
	return [4]uint32{math.Float32bits(scale * 8), math.Float32bits(scale * 25), math.Float32bits(scale * 43)}
}
