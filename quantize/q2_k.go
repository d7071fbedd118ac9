package quantize

import "github.com/qconv/qconv/formats/gguf"

// Q2_K: super-blocks of 256 in 84 bytes; 16 sub-blocks of 16.
//
//	 0  16  scales  sub-block j: scale low nibble, minimum high nibble
//	16  64  qs      byte 32h+l: codes 128h+l, +32, +64, +96, two bits each from the low end
//	80   2  d       half
//	82   2  dmin    half
//
// x = d*scale*q - dmin*minimum
var q2K = Codec{
	Type: gguf.TypeQ2_K,
	Encode: func(dst []byte, src, weight []float32) {
		for ; len(src) > 0; dst, src = dst[84:], src[256:] {
			var codes [256]uint8
			if weight != nil {
				scalesQ2KWeighted(dst, src[:256], weight[:256], &codes)
				weight = weight[256:]
			} else {
				scalesQ2K(dst, src[:256], &codes)
			}
			d, dmin := getF16(dst[80:]), getF16(dst[82:])
			for j := range 16 {
				scale, m := d*float32(dst[j]&15), dmin*float32(dst[j]>>4)
				if scale == 0 {
					continue
				}
				for i := 16 * j; i < 16*j+16; i++ {
					codes[i] = uint8(clamp(0, 3, rne((src[i]+m)/scale)))
				}
			}
			putPairs(dst[16:80], &codes)
		}
	},
	Decode: func(dst []float32, src []byte) {
		for ; len(dst) > 0; dst, src = dst[256:], src[84:] {
			d, dmin := getF16(src[80:]), getF16(src[82:])
			for i := range 256 {
				s := src[i/16]
				q := src[16+i/128*32+i%32] >> (i / 32 % 4 * 2) & 3
				dst[i] = float32(float32(d*float32(s&15))*float32(q)) - dmin*float32(s>>4)
			}
		}
	},
	Check: func(row []byte) error { return checkScales(row, 84, 80, 82) },
}

// putPairs packs the low two bits of 256 codes, as Q2_K and Q3_K do.
func putPairs(dst []byte, codes *[256]uint8) {
	for h := range 2 {
		for l := range 32 {
			c := codes[128*h+l:]
			dst[32*h+l] = c[0]&3 | c[32]&3<<2 | c[64]&3<<4 | c[96]&3<<6
		}
	}
}

func scalesQ2K(dst []byte, x []float32, codes *[256]uint8) {
	var scales, mins [16]float32
	var w [16]float32
	var maxScale, maxMin float32
	for j := range scales {
		sub := x[16*j : 16*j+16]
		for i, v := range sub {
			w[i] = abs32(v)
		}
		scales[j], mins[j] = searchAffine(3, sub, w[:], codes[16*j:16*j+16], steps{first: -0.5, delta: 0.1, count: 15, absolute: true})
		maxScale, maxMin = max32(maxScale, scales[j]), max32(maxMin, mins[j])
	}
	clear(dst[:16])
	put16(dst[80:], 0)
	put16(dst[82:], 0)
	if maxScale > 0 {
		inv := 15 / maxScale
		for j, s := range scales {
			dst[j] = uint8(rne(inv * s))
		}
		putF16(dst[80:], maxScale/15)
	}
	if maxMin > 0 {
		inv := 15 / maxMin
		for j, m := range mins {
			dst[j] |= uint8(rne(inv*m)) << 4
		}
		putF16(dst[82:], maxMin/15)
	}
}

func scalesQ2KWeighted(dst []byte, x, weight []float32, codes *[256]uint8) {
	sigma2 := sumSquares(x) / 256
	var scales, mins, sw [16]float32
	var w [16]float32
	for j := range scales {
		sub := x[16*j : 16*j+16]
		importance(w[:], sub, weight[16*j:], sigma2)
		sw[j] = sum(w[:])
		scales[j], mins[j] = searchAffine(3, sub, w[:], codes[16*j:16*j+16], steps{first: -0.9, delta: 0.05, count: 36})
	}
	var ls, lm [16]uint8
	putF16(dst[80:], searchPositive(15, scales[:], sw[:], ls[:]))
	putF16(dst[82:], searchPositive(15, mins[:], sw[:], lm[:]))
	for j := range ls {
		dst[j] = ls[j] | lm[j]<<4
	}
}
