package quantize

import "github.com/qconv/qconv/formats/gguf"

// Q4_1: blocks of 32 in 20 bytes.
//
//	0   2  d   half
//	2   2  m   half
//	4  16  qs  code j low, j+16 high
//
// x = d*q + m
var q4_1 = Codec{
	Type: gguf.TypeQ4_1,
	Encode: func(dst []byte, src, weight []float32) {
		encodeAffine(15, true, dst, 20, src, weight, func(dst []byte, d, m float32, codes []uint8) {
			putF16(dst, d)
			putF16(dst[2:], m)
			putNibbles(dst[4:], codes)
		})
	},
	Decode: func(dst []float32, src []byte) {
		for ; len(dst) > 0; dst, src = dst[32:], src[20:] {
			d, m := getF16(src), getF16(src[2:])
			for j := range 32 {
				dst[j] = float32(float32(nibble(src[4:], j))*d) + m
			}
		}
	},
	Check: func(row []byte) error { return checkScales(row, 20, 0, 2) },
}
