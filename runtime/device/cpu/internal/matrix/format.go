package matrix

import (
	"encoding/binary"
	"math"

	"github.com/qconv/qconv/formats/gguf"
)

// format says how the blocks of a type become integers:
//
//	weight = scale·(code-offset) - minimum
//
// with codes from 0 to 255, and scales and minima for groups of 16 or 32 columns. Types without integers are widened to
// float32 instead.
type format struct {
	elems, bytes int  // of a block
	group        int  // columns of a scale, 0 for types without integers
	minima       bool // if so the offset is 0, else it is 128
	most         int  // with minima: the largest code

	// unpack fills codes, a scale and a minimum (where the type has them) for each group, from whole blocks.
	unpack func(codes []uint8, scales, minima []float32, blocks []byte)
	// widen gives the values of a type without integers.
	widen func(dst []float32, src []byte)
	half  bool // it is F16
	exact bool // it has integers, but is widened
}

// formatOf gives the format of a type, nil for types that are no weights.
func formatOf(t gguf.Type) *format {
	f := formatTable(t)
	if f.unpack == nil && f.widen == nil {
		return nil
	}
	elems, size, _ := t.Block()
	f.elems, f.bytes = int(elems), int(size)
	return &f
}

func formatTable(t gguf.Type) format {
	switch t {
	case gguf.TypeF32:
		return format{widen: widenF32}
	case gguf.TypeF16:
		return format{widen: widenF16, half: true}
	case gguf.TypeBF16:
		return format{widen: widenBF16}
	case gguf.TypeQ4_0:
		return format{group: 32, unpack: unpackQ4_0}
	case gguf.TypeQ4_1:
		return format{group: 32, minima: true, most: 15, unpack: unpackQ4_1}
	case gguf.TypeQ5_0:
		return format{group: 32, unpack: unpackQ5_0}
	case gguf.TypeQ5_1:
		return format{group: 32, minima: true, most: 31, unpack: unpackQ5_1}
	case gguf.TypeQ8_0:
		return format{group: 32, unpack: unpackQ8_0}
	case gguf.TypeQ2_K:
		return format{group: 16, minima: true, most: 3, unpack: unpackQ2_K}
	case gguf.TypeQ3_K:
		return format{group: 16, unpack: unpackQ3_K}
	case gguf.TypeQ4_K:
		return format{group: 32, minima: true, most: 15, unpack: unpackQ4_K}
	case gguf.TypeQ5_K:
		return format{group: 32, minima: true, most: 31, unpack: unpackQ5_K}
	case gguf.TypeQ6_K:
		return format{group: 16, unpack: unpackQ6_K}
	case gguf.TypeIQ1_S:
		return format{group: 32, unpack: unpackIQ1_S}
	case gguf.TypeIQ1_M:
		return format{group: 16, unpack: unpackIQ1_M}
	case gguf.TypeIQ2_XXS:
		return format{group: 32, unpack: unpackIQ2_XXS}
	case gguf.TypeIQ2_XS:
		return format{group: 16, unpack: unpackIQ2_XS}
	case gguf.TypeIQ2_S:
		return format{group: 16, unpack: unpackIQ2_S}
	case gguf.TypeIQ3_XXS:
		return format{group: 32, unpack: unpackIQ3_XXS}
	case gguf.TypeIQ3_S:
		return format{group: 32, unpack: unpackIQ3_S}
	case gguf.TypeIQ4_NL:
		return format{group: 32, unpack: unpackIQ4_NL}
	case gguf.TypeIQ4_XS:
		return format{group: 32, unpack: unpackIQ4_XS}
	case gguf.TypeMXFP4:
		return format{group: 32, unpack: unpackMXFP4}
	case gguf.TypeNVFP4:
		return format{group: 16, unpack: unpackNVFP4}
	case gguf.TypeTQ1_0:
		return format{group: 32, unpack: unpackTQ1_0}
	case gguf.TypeTQ2_0:
		return format{group: 32, unpack: unpackTQ2_0}
	case gguf.TypeQ1_0:
		return format{group: 32, unpack: unpackQ1_0}
	case gguf.TypeQ2_0:
		return format{group: 32, unpack: unpackQ2_0}
	}
	return format{}
}

// Eight codes are handled at once, as the bytes of a uint64.
const (
	ones    = 0x0101010101010101
	nibbles = 0x0f * ones
	pairs   = 0x03 * ones
	zero    = 0x80 * ones // eight times the code of 0 in signed types
)

func put8(codes []uint8, v uint64) { binary.LittleEndian.PutUint64(codes, v) }
func get8(p []byte) uint64         { return binary.LittleEndian.Uint64(p) }
func get16(p []byte) uint16        { return binary.LittleEndian.Uint16(p) }
func get32(p []byte) uint32        { return binary.LittleEndian.Uint32(p) }
func getHalf(p []byte) float32     { return half(get16(p)) }
func fill(x []float32, v float32) {
	for i := range x {
		x[i] = v
	}
}

// bits makes eight bytes 0 or 1 of eight bits, the lowest first.
func bits(b uint8) uint64 {
	return (uint64(b)*ones&0x8040201008040201 + 0x7f*ones) >> 7 & ones
}

// half widens an IEEE half.
func half(h uint16) float32 {
	sign, b := uint32(h&0x8000)<<16, uint32(h&0x7fff)<<13
	switch {
	case b >= 0x7c00<<13: // infinity and NaN
		return math.Float32frombits(sign | 0x7f800000 | b)
	case b < 0x0400<<13: // subnormal
		return math.Float32frombits(sign | math.Float32bits(float32(h&0x3ff)*0x1p-24))
	}
	return math.Float32frombits(sign | (b + 112<<23))
}

func widenF32(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = math.Float32frombits(get32(src[4*i:]))
	}
}

func widenF16(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = getHalf(src[2*i:])
	}
}

func widenBF16(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = math.Float32frombits(uint32(get16(src[2*i:])) << 16)
	}
}
