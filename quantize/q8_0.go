package quantize

import (
	"math"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/internal/kernel"
)

// Q8_0: 32 values in 34 bytes.
//
//	0     2                34
//	| d   | q[0] … q[31]   |
//	| f16 | int8 each      |
//
// value j = q[j]·d
var q8_0 = Codec{
	Type: gguf.TypeQ8_0, Check: checkQ8_0, encode: encodeQ8_0, decode: decodeQ8_0,
	encodeFast: func(dst []byte, src, _ []float32) bool { return kernel.EncodeQ8_0(dst, src) },
	decodeFast: kernel.DecodeQ8_0,
}

func encodeQ8_0(dst []byte, src, _ []float32) {
	for ; len(src) >= 32; src, dst = src[32:], dst[34:] {
		x, b := src[:32], dst[:34]
		d := abs32(kernel.Peak(x)) / 127
		putF16(b, d)
		q := b[2:34]
		inv := inverse(d)
		if isInf(inv) {
			clear(q)
			continue
		}
		for j, v := range x {
			q[j] = byte(awayFromZero(v * inv))
		}
	}
}

// awayFromZero rounds to an integer, halves away from zero. The summand is the largest float32 below a
// half: with a half, the largest value below a half would round up.
func awayFromZero(x float32) int32 {
	half := math.Float32frombits(math.Float32bits(x)&(1<<31) | 0x3effffff)
	return int32(float32(x) + half)
}

func decodeQ8_0(dst []float32, src []byte) {
	for ; len(src) >= 34; src, dst = src[34:], dst[32:] {
		d := getF16(src)
		x := dst[:32]
		for j, q := range src[2:34] {
			x[j] = float32(int8(q)) * d
		}
	}
}

func checkQ8_0(row []byte) error { return checkScales(row, 34, 32, 0) }
