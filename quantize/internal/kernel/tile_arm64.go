//go:build !purego

package kernel

// The functions of this file hand rows to the assembly. Their callers have checked the lengths; they report false
// where there is no kernel for the tier.

func spreadFast(dst, src []float32, from *[Lanes]int) bool {
	spreadNEON(&dst[0], &src[0], &from[0], len(dst)/Lanes)
	return true
}

func collectFast(dst, src []byte) bool {
	n := len(src) / Lanes
	if n < Lanes { // the kernel moves 16 rows at a time
		return false
	}
	collectNEON(&dst[0], n, &src[0], n)
	return true
}

func addSquaresFast(sum *Row, x []float32) bool {
	addSquaresNEON(&sum[0], &x[0], len(x)/Lanes)
	return true
}

func squaresFast(w, x []float32) bool {
	squaresNEON(&w[0], &x[0], len(x)/Lanes)
	return true
}

func weighMagnitudeFast(w, x []float32, mean *Row) bool {
	weighMagnitudeNEON(&w[0], &x[0], &mean[0], len(x)/Lanes)
	return true
}

func weighImportanceFast(w, x, importance []float32, sigma2, sum *Row) bool {
	weighImportanceNEON(&w[0], &x[0], &importance[0], &sigma2[0], &sum[0], len(x)/Lanes)
	return true
}

func requantizeFast(codes []uint8, x []float32, scale, offset *Row, low, high, bias int32) bool {
	requantizeNEON(&codes[0], &x[0], &scale[0], &offset[0], len(x)/Lanes, int(low), int(high), int(bias))
	return true
}

func (s *SignedSearch) search(x, w []float32, n int) bool {
	searchSignedNEON(&x[0], &w[0], &s.wx[0], n, &s.factors[0], float32(s.nmax), &s.Scale[0])
	return true
}

func (s *SignedSearch) refine(x []float32, n int) bool {
	refineSignedNEON(&x[0], &s.table[0], n, float32(s.nmax), &s.Scale[0])
	return true
}

func (s *PositiveSearch) search(x, w []float32, n int, nmax int32) bool {
	searchPositiveNEON(&x[0], &w[0], &s.codes[0], n, &s.factors[0], float32(nmax), &s.scale[0])
	return true
}

func codesFast(codes []uint8, x []float32, inverse, from *Row, low, high, bias int32) bool {
	laneCodesNEON(&codes[0], &x[0], &inverse[0], &from[0], len(x)/Lanes, int(low), int(high), int(bias))
	return true
}

func (s *OffsetSearch) run(x, w []float32, n int) bool {
	if s.sweep.Absolute {
		searchOffsetAbsNEON(&x[0], &w[0], &s.try[0], n, &s.factors[0], s.steps, float32(s.nmax), &s.Scale[0])
	} else {
		searchOffsetNEON(&x[0], &w[0], &s.try[0], n, &s.factors[0], s.steps, float32(s.nmax), &s.Scale[0])
	}
	return true
}

func packNibblesFast(dst, low, high []byte) bool {
	packNibblesNEON(&dst[0], &low[0], &high[0], len(dst))
	return true
}

func packPairsFast(dst, a, b, c, d []byte, shift uint) bool {
	packPairsNEON(&dst[0], &a[0], &b[0], &c[0], &d[0], len(dst), int(shift))
	return true
}

func packBitsFast(dst, codes []byte, stride int, bit uint) bool {
	packBitsNEON(&dst[0], &codes[0], stride, len(dst), int(bit))
	return true
}

func peaksFast(top *Row, x []float32) bool {
	peaksNEON(&top[0], &x[0], len(x)/Lanes)
	return true
}
