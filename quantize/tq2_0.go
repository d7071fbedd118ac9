package quantize

import (
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/internal/kernel"
)

// TQ2_0: 256 values in 66 bytes.
//
//	0                          64    66
//	| t, four codes a byte     | d   |
//	| see packTwo              | f16 |
//
// value j = (t[j]-1)·d. The code 3 is never written and stands for 2·d. Weights are ignored.
var tq2_0 = Codec{Type: gguf.TypeTQ2_0, Check: checkTQ2_0, encode: encodeTQ2_0, decode: decodeTQ2_0, encodeFast: encodeTQ2_0Fast, decodeFast: kernel.DecodeTQ2_0}

func encodeTQ2_0(dst []byte, src, _ []float32) {
	var t [256]uint8
	for ; len(src) >= 256; src, dst = src[256:], dst[66:] {
		putF16(dst[64:], ternary(&t, src[:256]))
		packTwo(dst[:64], &t)
	}
}

func encodeTQ2_0Fast(dst []byte, src, _ []float32) bool {
	return ternaryFast(dst, src, 66, 64, kernel.CodesTQ2_0)
}

func decodeTQ2_0(dst []float32, src []byte) {
	for ; len(src) >= 66; src, dst = src[66:], dst[256:] {
		b, x := src[:66], dst[:256]
		d := getF16(b[64:])
		value := [4]float32{-d, 0 * d, d, 2 * d}
		for h := range 2 {
			q, xh := b[32*h:][:32], x[128*h:][:128]
			for i, c := range q {
				xh[i], xh[i+32], xh[i+64], xh[i+96] = value[c&3], value[c>>2&3], value[c>>4&3], value[c>>6]
			}
		}
	}
}

// All codes are legal.
func checkTQ2_0(row []byte) error { return checkScales(row, 66, 256, 64) }
