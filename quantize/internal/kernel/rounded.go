//go:build amd64 && !purego

package kernel

import "math"

// Types whose codes are roundings under a scale that the extremes of a block give are made by two kernels. One makes
// the scales of many blocks, a register full at a time, which share divisions and shuffles. The other makes codes.
// Between them plain Go decides what depends on the order of values in a block: few blocks have equal extremes.

// chunk is how many blocks of 32 go through the kernels at a time: their values stay in the first cache.
const chunk = 64

// rounding is what the kernels know of the blocks of a chunk.
type rounding struct {
	inverse [chunk]float32 // 1/scale; 0 where that is infinite
	shift   [chunk]float32 // what is added to x·inverse, or subtracted from x; 0 where the inverse would be infinite
	scale   [chunk]uint32  // half precision, with the offset in the upper half
	odd     uint64         // one bit a block
}

// rounded is a type: its blocks take size bytes.
type rounded struct {
	kind int
	size int
}

const (
	kindQ4_0 = iota
	kindQ4_1
	kindQ5_0
	kindQ5_1
	kindQ8_0
)

// EncodeQ4_0 and the others make blocks of whole groups of values. They report false, and do nothing, when the tier
// in use has no kernel.
func EncodeQ4_0(dst []byte, src []float32) bool { return rounded{kindQ4_0, 18}.encode(dst, src) }
func EncodeQ4_1(dst []byte, src []float32) bool { return rounded{kindQ4_1, 20}.encode(dst, src) }
func EncodeQ5_0(dst []byte, src []float32) bool { return rounded{kindQ5_0, 22}.encode(dst, src) }
func EncodeQ5_1(dst []byte, src []float32) bool { return rounded{kindQ5_1, 24}.encode(dst, src) }
func EncodeQ8_0(dst []byte, src []float32) bool { return rounded{kindQ8_0, 34}.encode(dst, src) }

func (r rounded) encode(dst []byte, src []float32) bool {
	if tier == Plain {
		return false
	}
	var s rounding
	blocks, step := len(src)/32, groupLanes()
	dst, src = dst[:blocks*r.size], src[:blocks*32]
	for blocks >= step {
		n := min(chunk, blocks/step*step)
		r.blocks(dst[:n*r.size], src[:n*32], &s)
		dst, src = dst[n*r.size:], src[n*32:]
		blocks -= n
	}
	if blocks > 0 {
		var x [Lanes * 32]float32
		var b [Lanes * 34]byte
		copy(x[:], src)
		r.blocks(b[:step*r.size], x[:step*32], &s)
		copy(dst, b[:])
	}
	return true
}

// blocks encodes up to a chunk, in whole groups.
func (r rounded) blocks(dst []byte, src []float32, s *rounding) {
	n := len(src) / 32
	r.scales(src, s)
	if s.odd != 0 && r.kind != kindQ8_0 {
		for b := range n {
			if s.odd>>b&1 != 0 {
				r.settle(s, b, src[32*b:][:32])
			}
		}
	}
	r.codes(dst, src, s)
}

// settle gives a block whose extremes are not unique the sign of the first.
func (r rounded) settle(s *rounding, b int, x []float32) {
	switch r.kind {
	case kindQ4_0, kindQ5_0: // the kernel took the positive
		if Peak(x) < 0 {
			s.inverse[b] = -s.inverse[b]
			s.scale[b] ^= 0x8000
		}
	case kindQ4_1, kindQ5_1: // the smallest value is a zero
		for _, v := range x {
			if v == 0 {
				s.scale[b] = s.scale[b]&0x7fffffff | math.Float32bits(v)
				break
			}
		}
	}
}
