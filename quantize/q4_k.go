package quantize

import "github.com/qconv/qconv/formats/gguf"

// Q4_K: super-blocks of 256 in 144 bytes; 8 sub-blocks of 32.
//
//	 0    2  d       half
//	 2    2  dmin    half
//	 4   12  scales  eight scales and eight minima of six bits, see sixBits
//	16  128  qs      chunk c of 64: byte 32c+l has code 64c+l low, 64c+32+l high
//
// x = d*scale*q - dmin*minimum
var q4K = Codec{
	Type: gguf.TypeQ4_K,
	Encode: func(dst []byte, src, weight []float32) {
		for ; len(src) > 0; dst, src = dst[144:], src[256:] {
			var codes [256]uint8
			if weight != nil {
				scalesQ45KWeighted(15, dst, src[:256], weight[:256], &codes)
				weight = weight[256:]
			} else {
				scalesQ45K(15, dst, src[:256], &codes, steps{first: -1, delta: 0.1, count: 20})
			}
			recodeQ45K(15, dst, src[:256], &codes)
			putChunks(dst[16:144], &codes)
		}
	},
	Decode: func(dst []float32, src []byte) {
		for ; len(dst) > 0; dst, src = dst[256:], src[144:] {
			d, dmin := getF16(src), getF16(src[2:])
			for j := range 8 {
				sc, mn := sixBits(src[4:], j)
				scale, m := d*float32(sc), dmin*float32(mn)
				for i := range 32 {
					q := src[16+j/2*32+i] >> (j % 2 * 4) & 15
					dst[32*j+i] = float32(scale*float32(q)) - m
				}
			}
		}
	},
	Check: func(row []byte) error { return checkScales(row, 144, 0, 2) },
}

// putChunks packs the low nibbles of 256 codes, as Q4_K and Q5_K do.
func putChunks(dst []byte, codes *[256]uint8) {
	for c := range 4 {
		for l := range 32 {
			dst[32*c+l] = codes[64*c+l]&15 | codes[64*c+32+l]<<4
		}
	}
}

// sixBits reads scale and minimum j of Q4_K and Q5_K.
func sixBits(b []byte, j int) (scale, minimum uint8) {
	if j < 4 {
		return b[j] & 63, b[j+4] & 63
	}
	return b[j+4]&15 | b[j-4]>>6<<4, b[j+4]>>4 | b[j]>>6<<4
}

func putSixBits(b []byte, ls, lm *[8]uint8) {
	for j := range 4 {
		b[j], b[j+4] = ls[j], lm[j]
	}
	for j := 4; j < 8; j++ {
		b[j+4] = ls[j]&15 | lm[j]&15<<4
		b[j-4] |= ls[j] >> 4 << 6
		b[j] |= lm[j] >> 4 << 6
	}
}

// scalesQ45K searches scales and minima of codes 0..n and stores them in the first 16 bytes.
func scalesQ45K(n int32, dst []byte, x []float32, codes *[256]uint8, st steps) {
	var scales, mins [8]float32
	var w [32]float32
	var maxScale, maxMin float32
	for j := range scales {
		sub := x[32*j : 32*j+32]
		av := sqrt32(sumSquares(sub) / 32)
		for i, v := range sub {
			w[i] = av + abs32(v)
		}
		scales[j], mins[j] = searchAffine(n, sub, w[:], codes[32*j:32*j+32], st)
		maxScale, maxMin = max32(maxScale, scales[j]), max32(maxMin, mins[j])
	}
	var invScale, invMin float32
	if maxScale > 0 {
		invScale = 63 / maxScale
	}
	if maxMin > 0 {
		invMin = 63 / maxMin
	}
	var ls, lm [8]uint8
	for j := range ls {
		ls[j] = min(63, uint8(rne(invScale*scales[j])))
		lm[j] = min(63, uint8(rne(invMin*mins[j])))
	}
	putF16(dst, maxScale/63)
	putF16(dst[2:], maxMin/63)
	putSixBits(dst[4:], &ls, &lm)
}

func scalesQ45KWeighted(n int32, dst []byte, x, weight []float32, codes *[256]uint8) {
	sigma2 := float32(2*sumSquares(x)) / 256
	var scales, mins, sw [8]float32
	var w [32]float32
	for j := range scales {
		sub := x[32*j : 32*j+32]
		importance(w[:], sub, weight[32*j:], sigma2)
		sw[j] = sum(w[:])
		scales[j], mins[j] = searchAffine(n, sub, w[:], codes[32*j:32*j+32], steps{first: -0.9, delta: 0.05, count: 36})
	}
	var ls, lm [8]uint8
	putF16(dst, searchPositive(63, scales[:], sw[:], ls[:]))
	putF16(dst[2:], searchPositive(63, mins[:], sw[:], lm[:]))
	putSixBits(dst[4:], &ls, &lm)
}

// recodeQ45K rounds to the scales as stored. A sub-block whose scale became 0 keeps its codes.
func recodeQ45K(n int32, dst []byte, x []float32, codes *[256]uint8) {
	d, dmin := getF16(dst), getF16(dst[2:])
	for j := range 8 {
		sc, mn := sixBits(dst[4:], j)
		scale, m := d*float32(sc), dmin*float32(mn)
		if scale == 0 {
			continue
		}
		for i := 32 * j; i < 32*j+32; i++ {
			codes[i] = uint8(clamp(0, n, rne((x[i]+m)/scale)))
		}
	}
}
