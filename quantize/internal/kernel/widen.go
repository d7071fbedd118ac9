package kernel

// The functions of this file turn rows of one kind of float into another, bytes being little-endian, or look for NaN
// and infinity. They give how many values they did, from the first on: the kernels take 32 (scans 128 bytes) at a time,
// and where there are none it is 0. The rest is the caller's, in plain Go.

// WidenBF16 gives the values of bfloat16.
func WidenBF16(dst []float32, src []byte) int { return widenBF16(dst, src[:2*len(dst)]) }

// WidenF16 gives the values of halves; NaN becomes quiet.
func WidenF16(dst []float32, src []byte) int { return widenF16(dst, src[:2*len(dst)]) }

// NarrowF64 rounds float64 to even.
func NarrowF64(dst []float32, src []byte) int { return narrowF64(dst, src[:8*len(dst)]) }

// RoundF16 rounds to halves, ties to even; NaN becomes the quiet one of its sign without payload.
func RoundF16(dst []byte, src []float32) int { return roundF16(dst[:2*len(src)], src) }

// RoundBF16 rounds to bfloat16, ties to even; NaN becomes quiet.
func RoundBF16(dst []byte, src []float32) int { return roundBF16(dst[:2*len(src)], src) }

// WidenE4M3 gives the values of 8-bit floats with four bits of exponent.
func WidenE4M3(dst []float32, src []byte) int { return widenE4M3(dst, src[:len(dst)]) }

// ScaleE4M3 is WidenE4M3 times a scale.
func ScaleE4M3(dst []float32, src []byte, scale float32) int {
	return scaleE4M3(dst, src[:len(dst)], scale)
}

// WidenE5M2 gives the values of 8-bit floats with five bits of exponent.
func WidenE5M2(dst []float32, src []byte) int { return widenE5M2(dst, src[:len(dst)]) }

// ScaleE5M2 is WidenE5M2 times a scale.
func ScaleE5M2(dst []float32, src []byte, scale float32) int {
	return scaleE5M2(dst, src[:len(dst)], scale)
}

// Within gives how many values have for sure no magnitude with bits above most.
func Within(x []float32, most uint32) int { return within32(bytesOf(x), most) / 4 }

// FiniteF32 gives how many float32 are finite for sure.
func FiniteF32(x []byte) int { return within32(x, FiniteBits) / 4 }

// FiniteBits are those of the largest float32.
const FiniteBits = 0x7f7fffff

// Finite16 is FiniteF32 for 16-bit floats; largest has the bits of their largest number.
func Finite16(x []byte, largest uint16) int { return within16(x, largest) / 2 }

// CopyF32 stores values as bytes.
func CopyF32(dst []byte, src []float32) int { return copyF32(dst[:4*len(src)], bytesOf(src)) }

// LoadF32 is the way back from CopyF32.
func LoadF32(dst []float32, src []byte) int { return copyF32(bytesOf(dst), src[:4*len(dst)]) }
