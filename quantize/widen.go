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
func FirstNonFinite(row []float32) int { return firstAbove(row, kernel.FiniteBits) }

// FirstBeyond gives the index of the first value whose magnitude reaches limit, which is positive, or that is NaN; -1 when
// there is none.
func FirstBeyond(row []float32, limit float32) int { return firstAbove(row, math.Float32bits(limit)-1) }

// firstAbove looks for a magnitude with bits above most: they order as magnitudes do.
func firstAbove(row []float32, most uint32) int {
	for i := kernel.Within(row, most); i < len(row); i++ {
		if math.Float32bits(row[i])&^(1<<31) > most {
			return i
		}
	}
	return -1
}
