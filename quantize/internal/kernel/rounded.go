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

// These make blocks of values without weights. They report false, and do nothing, where kernels do not take so many
// blocks.
func EncodeQ4_0(dst []byte, src []float32) bool { return encodeRounded(dst, src, 18, formQ4_0) }
func EncodeQ4_1(dst []byte, src []float32) bool { return encodeRounded(dst, src, 20, formQ4_1) }
func EncodeQ5_0(dst []byte, src []float32) bool { return encodeRounded(dst, src, 22, formQ5_0) }
func EncodeQ5_1(dst []byte, src []float32) bool { return encodeRounded(dst, src, 24, formQ5_1) }
func EncodeQ8_0(dst []byte, src []float32) bool { return encodeRounded(dst, src, 34, formQ8_0) }

// roundedForm chooses among the assembly: a variable of function type would send what it gets to the heap.
type roundedForm uint8

const (
	formQ4_0 roundedForm = iota
	formQ4_1
	formQ5_0
	formQ5_1
	formQ8_0
)

// encodeRounded makes blocks of size bytes.
func encodeRounded(dst []byte, src []float32, size int, form roundedForm) bool {
	blocks := len(src) / 32
	if !Chunked(blocks) {
		return false
	}
	dst, src = dst[:size*blocks], src[:32*blocks]
	var s rounding
	for at, n := range Chunks(blocks, 1) {
		x, to := src[32*at:][:32*n], dst[size*at:]
		switch form {
		case formQ4_0:
			s.signed(x, n, 8)
			codesQ4_0(to, x, n, &s)
		case formQ4_1:
			s.offset(x, n, 15)
			codesQ4_1(to, x, n, &s)
		case formQ5_0:
			s.signed(x, n, 16)
			codesQ5_0(to, x, n, &s)
		case formQ5_1:
			s.offset(x, n, 31)
			codesQ5_1(to, x, n, &s)
		case formQ8_0:
			scaleMagnitude(x, n, 127, &s)
			codesQ8_0(to, x, n, &s)
		}
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
