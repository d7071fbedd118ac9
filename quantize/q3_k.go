package quantize

import "github.com/qconv/qconv/formats/gguf"

// Q3_K: super-blocks of 256 in 110 bytes; 16 sub-blocks of 16.
//
//	  0  32  hmask   bit j/32 of byte j%32: code j has its third bit
//	 32  64  qs      low two bits, as Q2_K
//	 96  12  scales  six bits each: low nibbles of 0..7 and 8..15, then the upper pairs of j, j+4, j+8, j+12
//	108   2  d       half
//
// x = d*(scale-32)*(q-4)
var q3K = Codec{
	Type: gguf.TypeQ3_K,
	Encode: func(dst []byte, src, weight []float32) {
		for ; len(src) > 0; dst, src = dst[110:], src[256:] {
			var codes [256]uint8
			if weight != nil {
				scalesQ3KWeighted(dst, src[:256], weight[:256], &codes)
				weight = weight[256:]
			} else {
				scalesQ3K(dst, src[:256], &codes)
			}
			d := getF16(dst[108:])
			for j := range 16 {
				scale := d * float32(scaleQ3K(dst[96:], j))
				if scale == 0 {
					continue
				}
				for i := 16 * j; i < 16*j+16; i++ {
					codes[i] = uint8(clamp(-4, 3, rne(src[i]/scale)) + 4)
				}
			}
			clear(dst[:32])
			for j, c := range codes {
				if c > 3 {
					dst[j%32] |= 1 << (j / 32)
					codes[j] = c - 4
				}
			}
			putPairs(dst[32:96], &codes)
		}
	},
	Decode: func(dst []float32, src []byte) {
		for ; len(dst) > 0; dst, src = dst[256:], src[110:] {
			d := getF16(src[108:])
			for i := range 256 {
				q := int32(src[32+i/128*32+i%32] >> (i / 32 % 4 * 2) & 3)
				if src[i%32]>>(i/32)&1 == 0 {
					q -= 4
				}
				dst[i] = float32(d*float32(scaleQ3K(src[96:], i/16))) * float32(q)
			}
		}
	},
	Check: func(row []byte) error { return checkScales(row, 110, 108) },
}

// scaleQ3K reads scale j, from -32 to 31.
func scaleQ3K(b []byte, j int) int32 {
	low := b[j%8] >> (j / 8 * 4) & 15
	return int32(low|b[8+j%4]>>(j/4*2)&3<<4) - 32
}

// putScalesQ3K stores 16 scales of six bits.
func putScalesQ3K(dst []byte, scales *[16]uint8) {
	clear(dst[:12])
	for j, l := range scales {
		dst[j%8] |= l & 15 << (j / 8 * 4)
		dst[8+j%4] |= l >> 4 << (j / 4 * 2)
	}
}

func scalesQ3K(dst []byte, x []float32, codes *[256]uint8) {
	var scales [16]float32
	for j := range scales {
		scales[j] = sweepScale(4, x[16*j:16*j+16], codes[16*j:16*j+16])
	}
	maxScale, _ := signedMax(scales[:])
	if maxScale == 0 {
		clear(dst[96:110])
		return
	}
	inv := -32 / maxScale
	var ls [16]uint8
	for j, s := range scales {
		ls[j] = uint8(clamp(-32, 31, int32(int8(rne(inv*s)))) + 32)
	}
	putScalesQ3K(dst[96:], &ls)
	putF16(dst[108:], 1/inv)
}

func scalesQ3KWeighted(dst []byte, x, weight []float32, codes *[256]uint8) {
	sigma2 := float32(2*sumSquares(x)) / 256
	var scales, sw [16]float32
	var w [16]float32
	for j := range scales {
		sub := x[16*j : 16*j+16]
		importance(w[:], sub, weight[16*j:], sigma2)
		sw[j] = sum(w[:])
		scales[j] = searchScale(4, sub, w[:], codes[16*j:16*j+16])
	}
	var ls [16]uint8
	d := searchScale(32, scales[:], sw[:], ls[:])
	putScalesQ3K(dst[96:], &ls)
	putF16(dst[108:], d)
}
