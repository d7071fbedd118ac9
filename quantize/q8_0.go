package quantize

import (
	"math"

	"github.com/qconv/qconv/formats/gguf"
)

// Q8_0: blocks of 32 in 34 bytes.
//
//	0   2  d   half
//	2  32  q   int8
//
// x = d*q
var q8_0 = Codec{
	Type: gguf.TypeQ8_0,
	Encode: func(dst []byte, src, _ []float32) {
		for ; len(src) > 0; dst, src = dst[34:], src[32:] {
			_, amax := signedMax(src[:32])
			d := amax / 127
			inv := inverse(d)
			putF16(dst, d)
			for i, v := range src[:32] {
				dst[2+i] = byte(int8(math.Round(float64(v * inv))))
			}
		}
	},
	Decode: func(dst []float32, src []byte) {
		for ; len(dst) > 0; dst, src = dst[32:], src[34:] {
			d := getF16(src)
			for i := range 32 {
				dst[i] = d * float32(int8(src[2+i]))
			}
		}
	},
	Check: func(row []byte) error { return checkScales(row, 34, 0) },
}
