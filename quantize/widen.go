package quantize

import (
	"encoding/binary"
	"math"
)

// WidenF64 narrows a row of little-endian float64 as torch's conversion to float32 does: to nearest, ties to even,
// infinity beyond float32. NaN and infinity pass; FirstNonFinite finds them. Other floats are codecs: see For.
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
