package quantize

import "github.com/qconv/qconv/formats/gguf"

// Q5_0: blocks of 32 in 22 bytes.
//
//	0   2  d   half
//	2   4  qh  bit j is bit 4 of code j
//	6  16  qs  low bits of code j low, j+16 high
//
// x = d*(q-16)
var q5_0 = Codec{
	Type: gguf.TypeQ5_0,
	Encode: func(dst []byte, src, weight []float32) {
		encodeSymmetric(16, dst, 22, src, weight, func(dst []byte, d float32, codes []uint8) {
			putF16(dst, d)
			putFifths(dst[2:], codes)
			putNibbles(dst[6:], codes)
		})
	},
	Decode: func(dst []float32, src []byte) {
		for ; len(dst) > 0; dst, src = dst[32:], src[22:] {
			d := getF16(src)
			for j := range 32 {
				dst[j] = float32(int32(nibble(src[6:], j)|fifth(src[2:], j))-16) * d
			}
		}
	},
	Check: func(row []byte) error { return checkScales(row, 22, 0) },
}
