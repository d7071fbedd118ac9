package quantize

import "github.com/qconv/qconv/formats/gguf"

// Q5_1: blocks of 32 in 24 bytes.
//
//	0   2  d   half
//	2   2  m   half
//	4   4  qh  bit j is bit 4 of code j
//	8  16  qs  low bits of code j low, j+16 high
//
// x = d*q + m
var q5_1 = Codec{
	Type: gguf.TypeQ5_1,
	Encode: func(dst []byte, src, weight []float32) {
		encodeAffine(31, false, dst, 24, src, weight, func(dst []byte, d, m float32, codes []uint8) {
			putF16(dst, d)
			putF16(dst[2:], m)
			putFifths(dst[4:], codes)
			putNibbles(dst[8:], codes)
		})
	},
	Decode: func(dst []float32, src []byte) {
		for ; len(dst) > 0; dst, src = dst[32:], src[24:] {
			d, m := getF16(src), getF16(src[2:])
			for j := range 32 {
				dst[j] = float32(float32(nibble(src[8:], j)|fifth(src[4:], j))*d) + m
			}
		}
	},
	Check: func(row []byte) error { return checkScales(row, 24, 0, 2) },
}
