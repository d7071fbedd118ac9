package quantize

// The four legacy types keep 32 codes of 4 or 5 bits a block. Code j < 16 is the low nibble of byte j, code
// j+16 the high one; the fifth bits are a 32-bit word.

// putNibbles packs the low 4 bits of 32 codes into 16 bytes.
func putNibbles(dst []byte, codes []uint8) {
	for j := range 16 {
		dst[j] = codes[j]&15 | codes[j+16]<<4
	}
}

// putFifths packs bit 4 of 32 codes into 4 bytes.
func putFifths(dst []byte, codes []uint8) {
	clear(dst[:4])
	for j, c := range codes[:32] {
		dst[j/8] |= c >> 4 & 1 << (j % 8)
	}
}

// nibble and fifth read code j back.
func nibble(qs []byte, j int) uint8 { return qs[j%16] >> (j / 16 * 4) & 15 }
func fifth(qh []byte, j int) uint8  { return qh[j/8] >> (j % 8) & 1 << 4 }

// encodeSymmetric makes a row of codes around n. put stores scale and codes of one block.
func encodeSymmetric(n int32, dst []byte, blockBytes int, src, weight []float32, put func(dst []byte, d float32, codes []uint8)) {
	var codes [32]uint8
	var w [32]float32
	var sigma2 float32
	if weight != nil {
		sigma2 = sumSquares(src) / float32(len(src))
	}
	for ; len(src) > 0; dst, src = dst[blockBytes:], src[32:] {
		x := src[:32]
		if weight != nil {
			importance(w[:], x, weight, sigma2)
			weight = weight[32:]
			put(dst, searchScale(n, x, w[:], codes[:]), codes[:])
			continue
		}
		m, _ := signedMax(x)
		d := m / -float32(n)
		inv := inverse(d)
		for i, v := range x {
			codes[i] = uint8(min(2*n-1, int32(truncTo8(float32(v*inv)+float32(n)+0.5))))
		}
		put(dst, d, codes[:])
	}
}

// encodeAffine makes a row of codes 0..n with scale and minimum. Only Q4_1 bounds the codes of a plain block.
func encodeAffine(n int32, bound bool, dst []byte, blockBytes int, src, weight []float32, put func(dst []byte, d, m float32, codes []uint8)) {
	var codes [32]uint8
	var w [32]float32
	var sigma2 float32
	if weight != nil {
		sigma2 = sumSquares(src) / float32(len(src))
	}
	for ; len(src) > 0; dst, src = dst[blockBytes:], src[32:] {
		x := src[:32]
		if weight != nil {
			importance(w[:], x, weight, sigma2)
			weight = weight[32:]
			d, m := searchAffine(n, x, w[:], codes[:], steps{first: -0.9, delta: 0.05, count: 36})
			put(dst, d, -m, codes[:])
			continue
		}
		lo, hi := x[0], x[0]
		for _, v := range x[1:] {
			lo, hi = min32(lo, v), max32(hi, v)
		}
		d := (hi - lo) / float32(n)
		inv := inverse(d)
		for i, v := range x {
			c := int32(truncTo8(float32((v-lo)*inv) + 0.5))
			if bound {
				c = min(n, c)
			}
			codes[i] = uint8(c)
		}
		put(dst, d, lo, codes[:])
	}
}
