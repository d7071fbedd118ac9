package quantize

import "github.com/qconv/qconv/formats/gguf"

// Q4_0: blocks of 32 in 18 bytes.
//
//	0   2  d   half
//	2  16  qs  code j low, j+16 high
//
// x = d*(q-8)
var q4_0 = Codec{
	Type: gguf.TypeQ4_0,
	Encode: func(dst []byte, src, weight []float32) {
		encodeSymmetric(8, dst, 18, src, weight, func(dst []byte, d float32, codes []uint8) {
			putF16(dst, d)
			putNibbles(dst[2:], codes)
		})
	},
	Decode: func(dst []float32, src []byte) {
		for ; len(dst) > 0; dst, src = dst[32:], src[18:] {
			d := getF16(src)
			for j := range 32 {
				dst[j] = float32(int32(nibble(src[2:], j))-8) * d
			}
		}
	},
	Check: func(row []byte) error { return checkScales(row, 18, 0) },
}
