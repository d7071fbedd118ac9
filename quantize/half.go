package quantize

import (
	"encoding/binary"
	"math"
)

// f16 rounds to IEEE half precision, ties to even: too large becomes infinity, too small a subnormal
// or zero with its sign, NaN the quiet NaN of the same sign.
func f16(x float32) uint16 {
	b := math.Float32bits(x)
	sign := uint16(b >> 16 & 0x8000)
	b &= 0x7fffffff
	switch {
	case b > 0x7f800000:
		return sign | 0x7e00
	case b >= 0x47800000: // 65536 and more; what lies between 65520 and it carries into infinity below
		return sign | 0x7c00
	case b < 0x38800000: // below 2^-14: 0.5 has the unit 2^-24, so adding it rounds to that
		return sign | uint16(math.Float32bits(math.Float32frombits(b)+0.5)-0x3f000000)
	}
	return sign | uint16((b-0x38000000+0x0fff+b>>13&1)>>13)
}

// f32 widens a half; exact.
func f32(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	b := uint32(h&0x7fff) << 13
	switch {
	case b >= 0x7c00<<13:
		if b != 0x7c00<<13 {
			b |= 0x400000 // quiet
		}
		return math.Float32frombits(sign | b | 0x7f800000)
	case b < 0x0400<<13:
		m := float32(h&0x3ff) * (1.0 / (1 << 24))
		return math.Float32frombits(sign | math.Float32bits(m))
	}
	return math.Float32frombits(sign | (b + 112<<23))
}

// bf16 rounds to the upper half of a float32, ties to even; NaN becomes quiet.
func bf16(x float32) uint16 {
	b := math.Float32bits(x)
	if b&0x7fffffff > 0x7f800000 {
		return uint16(b>>16) | 64
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

func put16(p []byte, v uint16) { binary.LittleEndian.PutUint16(p, v) }
func get16(p []byte) uint16    { return binary.LittleEndian.Uint16(p) }

// putF16 stores a scale. NaN, which only overflow makes, has a sign of the processor's choice: it gets
// that of x86-64, so that even blocks which Check refuses are the same everywhere.
func putF16(p []byte, x float32) {
	if x != x {
		put16(p, 0xfe00)
		return
	}
	put16(p, f16(x))
}

func getF16(p []byte) float32 { return f32(get16(p)) }

func abs32(x float32) float32  { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }
func sqrt32(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// inverse gives 1/d, and 0 for 0.
func inverse(d float32) float32 {
	if d == 0 {
		return 0
	}
	return 1 / d
}

// isInf tells an inverse that overflowed, which leaves every code of its block 0.
func isInf(x float32) bool { return math.Float32bits(x)&0x7fffffff == 0x7f800000 }
