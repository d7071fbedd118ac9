package quantize

import (
	"encoding/binary"
	"math"
)

// Widening makes float32 rows of a source's bytes, little-endian. len(src) is len(dst) elements. F32,
// F16 and BF16 are exact; F64 rounds to nearest, ties to even, and becomes infinity beyond float32.
// NaN and infinity pass: FirstNonFinite finds them.

// WidenF32 widens float32 bytes.
func WidenF32(dst []float32, src []byte) { decodeF32(dst, src) }

// WidenF16 widens IEEE half bytes.
func WidenF16(dst []float32, src []byte) { decodeF16(dst, src) }

// WidenBF16 widens bfloat16 bytes.
func WidenBF16(dst []float32, src []byte) { decodeBF16(dst, src) }

// WidenF64 narrows float64 bytes, as torch's conversion to float32 does.
func WidenF64(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:])))
	}
}

// FirstNonFinite gives the index of the first NaN or infinity in a row, -1 when there is none.
func FirstNonFinite(row []float32) int {
	for i, x := range row {
		if math.Float32bits(x)&0x7f800000 == 0x7f800000 {
			return i
		}
	}
	return -1
}
