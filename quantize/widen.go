package quantize

import (
	"encoding/binary"
	"math"

	"github.com/qconv/qconv/quantize/internal/kernel"
)

// WidenF64 narrows a row of little-endian float64 as torch's conversion to float32 does: to nearest, ties to even,
// infinity beyond float32. NaN and infinity pass; FirstNonFinite finds them. Other floats are codecs: see For.
func WidenF64(dst []float32, src []byte) {
	for i := kernel.NarrowF64(dst, src); i < len(dst); i++ {
		dst[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:])))
	}
}

// FirstNonFinite gives the index of the first NaN or infinity in a row, -1 when there is none.
func FirstNonFinite(row []float32) int {
	for i := kernel.FiniteRow(row); i < len(row); i++ {
		if math.Float32bits(row[i])&0x7f800000 == 0x7f800000 {
			return i
		}
	}
	return -1
}
