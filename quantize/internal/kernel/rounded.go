//go:build (amd64 || arm64) && !purego

package kernel

import (
	"iter"
	"math"
	"math/bits"
)

// rounding is what kernels know of the blocks of a chunk. The assembly has the offsets.
type rounding struct {
	inverse [Chunk]float32 // 1/scale; 0 where that is infinite
	shift   [Chunk]float32 // what is added to x·inverse, or subtracted from x; 0 where the inverse would be infinite
	scale   [Chunk]uint32  // half precision, with the offset in the upper half
	odd     uint64         // one bit a block: its bytes depend on the order of its values
}

// EncodeQ4_0 makes blocks of values without weights. It reports false, and does nothing, where kernels do not take so
// many blocks.
func EncodeQ4_0(dst []byte, src []float32) bool {
	blocks := len(src) / 32
	if !Chunked(blocks) {
		return false
	}
	dst, src = dst[:18*blocks], src[:32*blocks]
	var s rounding
	for at, n := range Chunks(blocks, 1) {
		x := src[32*at:][:32*n]
		s.signed(x, n, 8)
		codesQ4_0(dst[18*at:], x, n, &s)
	}
	return true
}

// EncodeQ4_1 is like EncodeQ4_0.
func EncodeQ4_1(dst []byte, src []float32) bool {
	blocks := len(src) / 32
	if !Chunked(blocks) {
		return false
	}
	dst, src = dst[:20*blocks], src[:32*blocks]
	var s rounding
	for at, n := range Chunks(blocks, 1) {
		x := src[32*at:][:32*n]
		s.offset(x, n, 15)
		codesQ4_1(dst[20*at:], x, n, &s)
	}
	return true
}

// EncodeQ5_0 is like EncodeQ4_0.
func EncodeQ5_0(dst []byte, src []float32) bool {
	blocks := len(src) / 32
	if !Chunked(blocks) {
		return false
	}
	dst, src = dst[:22*blocks], src[:32*blocks]
	var s rounding
	for at, n := range Chunks(blocks, 1) {
		x := src[32*at:][:32*n]
		s.signed(x, n, 16)
		codesQ5_0(dst[22*at:], x, n, &s)
	}
	return true
}

// EncodeQ5_1 is like EncodeQ4_0.
func EncodeQ5_1(dst []byte, src []float32) bool {
	blocks := len(src) / 32
	if !Chunked(blocks) {
		return false
	}
	dst, src = dst[:24*blocks], src[:32*blocks]
	var s rounding
	for at, n := range Chunks(blocks, 1) {
		x := src[32*at:][:32*n]
		s.offset(x, n, 31)
		codesQ5_1(dst[24*at:], x, n, &s)
	}
	return true
}

// EncodeQ8_0 is like EncodeQ4_0.
func EncodeQ8_0(dst []byte, src []float32) bool {
	blocks := len(src) / 32
	if !Chunked(blocks) {
		return false
	}
	dst, src = dst[:34*blocks], src[:32*blocks]
	var s rounding
	for at, n := range Chunks(blocks, 1) {
		x := src[32*at:][:32*n]
		s.magnitude(x, n, 127)
		codesQ8_0(dst[34*at:], x, n, &s)
	}
	return true
}

// signed makes scales from the values of largest magnitude, which get the code -top.
func (s *rounding) signed(x []float32, n int, top float32) {
	s.odd = 0
	scaleSigned(x, n, -top, top+0.5, s)
	for b := range s.oddBlocks() { // both signs have it: the kernel took the positive
		if Peak(x[32*b:][:32]) < 0 {
			s.inverse[b] = -s.inverse[b]
			s.scale[b] ^= 0x8000
		}
	}
}

// offset makes scales and offsets from the ranges, whose highest value gets the code top.
func (s *rounding) offset(x []float32, n int, top float32) {
	s.odd = 0
	scaleOffset(x, n, top, s)
	for b := range s.oddBlocks() { // the smallest value is zero, which has the sign of the first zero
		for _, v := range x[32*b:][:32] {
			if v == 0 {
				s.scale[b] = s.scale[b]&0x7fffffff | math.Float32bits(v)
				break
			}
		}
	}
}

// magnitude makes scales from the largest magnitudes, which get the code top.
func (s *rounding) magnitude(x []float32, n int, top float32) { scaleMagnitude(x, n, top, s) }

// oddBlocks yields them.
func (s *rounding) oddBlocks() iter.Seq[int] {
	return func(yield func(int) bool) {
		for odd := s.odd; odd != 0; odd &= odd - 1 {
			if !yield(bits.TrailingZeros64(odd)) {
				return
			}
		}
	}
}
