package quantize

import "github.com/qconv/qconv/formats/gguf"

// Q5_K: super-blocks of 256 in 176 bytes; 8 sub-blocks of 32.
//
//	 0    2  d       half
//	 2    2  dmin    half
//	 4   12  scales  as Q4_K
//	16   32  qh      byte l: bit 2c is the fifth bit of code 64c+l, bit 2c+1 of code 64c+32+l
//	48  128  qs      low nibbles, as Q4_K
//
// x = d*scale*q - dmin*minimum
var q5K = Codec{
	Type: gguf.TypeQ5_K,
	Encode: func(dst []byte, src, weight []float32) {
		for ; len(src) > 0; dst, src = dst[176:], src[256:] {
			var codes [256]uint8
			if weight != nil {
				scalesQ45KWeighted(31, dst, src[:256], weight[:256], &codes)
				weight = weight[256:]
			} else {
				scalesQ45K(31, dst, src[:256], &codes, steps{first: -0.5, delta: 0.1, count: 15})
			}
			recodeQ45K(31, dst, src[:256], &codes)
			clear(dst[16:48])
			for j, c := range codes {
				dst[16+j%32] |= c >> 4 << (j / 32)
			}
			putChunks(dst[48:176], &codes)
		}
	},
	Decode: func(dst []float32, src []byte) {
		for ; len(dst) > 0; dst, src = dst[256:], src[176:] {
			d, dmin := getF16(src), getF16(src[2:])
			for j := range 8 {
				sc, mn := sixBits(src[4:], j)
				scale, m := d*float32(sc), dmin*float32(mn)
				for i := range 32 {
					q := src[48+j/2*32+i]>>(j%2*4)&15 | src[16+i]>>j&1<<4
					dst[32*j+i] = float32(scale*float32(q)) - m
				}
			}
		}
	},
	Check: func(row []byte) error { return checkScales(row, 176, 0, 2) },
}
