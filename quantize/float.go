package quantize

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/x448/float16"
)

// toF16 rounds to the nearest half, ties to even; beyond 65504 it gives infinity.
func toF16(x float32) uint16 { return float16.Fromfloat32(x).Bits() }

func fromF16(h uint16) float32 { return float16.Frombits(h).Float32() }

// toBF16 rounds to the nearest, ties to even; a NaN stays one.
func toBF16(x float32) uint16 {
	b := math.Float32bits(x)
	if b&0x7fffffff > 0x7f800000 {
		return uint16(b>>16) | 64
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

func fromBF16(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

func put16(b []byte, v uint16)   { binary.LittleEndian.PutUint16(b, v) }
func get16(b []byte) uint16      { return binary.LittleEndian.Uint16(b) }
func putF16(b []byte, x float32) { put16(b, toF16(x)) }
func getF16(b []byte) float32    { return fromF16(get16(b)) }

// finite32 is false for NaN and infinity.
func finite32(x float32) bool { return math.Float32bits(x)&0x7f800000 != 0x7f800000 }

func finite16(h uint16) bool { return h&0x7c00 != 0x7c00 }

// FirstNonFinite gives the index of the first NaN or infinity of a row, or -1.
func FirstNonFinite(row []float32) int {
	for i, x := range row {
		if !finite32(x) {
			return i
		}
	}
	return -1
}

// WidenF64 decodes a row of little-endian float64, rounding each to the nearest float32.
func WidenF64(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:])))
	}
}

// checkScales says which block has a half at one of the offsets that is NaN or infinite.
func checkScales(row []byte, blockBytes int, offsets ...int) error {
	for b := 0; b+blockBytes <= len(row); b += blockBytes {
		for _, o := range offsets {
			if h := get16(row[b+o:]); !finite16(h) {
				return fmt.Errorf("block %d has the scale %v", b/blockBytes, fromF16(h))
			}
		}
	}
	return nil
}

func abs32(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }

// sqrt32 is sqrtf: the double square root of a float32 rounds to the correct single one.
func sqrt32(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// inverse is 1/d, or 0 for 0.
func inverse(d float32) float32 {
	if d == 0 {
		return 0
	}
	return 1 / d
}

// truncTo8 is C's conversion of a float to int8 through int32, as x86 does it: what does not fit is 0.
func truncTo8(x float32) int8 {
	if !(x > -2147483904 && x < 2147483648) {
		return 0
	}
	return int8(int32(x))
}
