//go:build !purego

package kernel

// The functions of this file hand rows to the assembly. Their callers have checked the lengths; they report false
// where there is no kernel for the tier.

func spreadFast(dst, src []float32, from *[Lanes]int) bool {
	if tier == AVX512 {
		spreadAVX512(&dst[0], &src[0], &from[0], len(dst)/Lanes)
	} else {
		spreadAVX2(&dst[0], &src[0], &from[0], len(dst)/Lanes)
	}
	return true
}

func collectFast(dst, src []byte) bool {
	n := len(src) / Lanes
	if n < Lanes { // the kernel moves 16 rows at a time
		return false
	}
	if tier == AVX512 {
		collectAVX512(&dst[0], n, &src[0], n)
	} else {
		collectAVX2(&dst[0], n, &src[0], n)
	}
	return true
}

func addSquaresFast(sum *Row, x []float32) bool {
	if tier == AVX512 {
		addSquaresAVX512(&sum[0], &x[0], len(x)/Lanes)
	} else {
		addSquaresAVX2(&sum[0], &x[0], len(x)/Lanes)
	}
	return true
}

func squaresFast(w, x []float32) bool {
	if tier == AVX512 {
		squaresAVX512(&w[0], &x[0], len(x)/Lanes)
	} else {
		squaresAVX2(&w[0], &x[0], len(x)/Lanes)
	}
	return true
}

func weighMagnitudeFast(w, x []float32, mean *Row) bool {
	if tier == AVX512 {
		weighMagnitudeAVX512(&w[0], &x[0], &mean[0], len(x)/Lanes)
	} else {
		weighMagnitudeAVX2(&w[0], &x[0], &mean[0], len(x)/Lanes)
	}
	return true
}

func weighImportanceFast(w, x, importance []float32, sigma2, sum *Row) bool {
	if tier == AVX512 {
		weighImportanceAVX512(&w[0], &x[0], &importance[0], &sigma2[0], &sum[0], len(x)/Lanes)
	} else {
		weighImportanceAVX2(&w[0], &x[0], &importance[0], &sigma2[0], &sum[0], len(x)/Lanes)
	}
	return true
}

func requantizeFast(codes []uint8, x []float32, scale, offset *Row, low, high, bias int32) bool {
	if tier == AVX512 {
		requantizeAVX512(&codes[0], &x[0], &scale[0], &offset[0], len(x)/Lanes, int(low), int(high), int(bias))
	} else {
		requantizeAVX2(&codes[0], &x[0], &scale[0], &offset[0], len(x)/Lanes, int(low), int(high), int(bias))
	}
	return true
}

func (s *SignedSearch) search(x, w []float32, n int) bool {
	if tier == AVX512 {
		searchSignedAVX512(&x[0], &w[0], &s.wx[0], n, &s.factors[0], float32(s.nmax), &s.Scale[0])
	} else {
		searchSignedAVX2(&x[0], &w[0], &s.wx[0], n, &s.factors[0], float32(s.nmax), &s.Scale[0])
	}
	return true
}

func (s *SignedSearch) refine(x []float32, n int) bool {
	refineSignedAVX2(&x[0], &s.table[0], n, float32(s.nmax), &s.Scale[0])
	return true
}

func (s *PositiveSearch) search(x, w []float32, n int, nmax int32) bool {
	if tier == AVX512 {
		searchPositiveAVX512(&x[0], &w[0], &s.codes[0], n, &s.factors[0], float32(nmax), &s.scale[0])
	} else {
		searchPositiveAVX2(&x[0], &w[0], &s.codes[0], n, &s.factors[0], float32(nmax), &s.scale[0])
	}
	return true
}

func codesFast(codes []uint8, x []float32, inverse, from *Row, low, high, bias int32) bool {
	if tier == AVX512 {
		laneCodesAVX512(&codes[0], &x[0], &inverse[0], &from[0], len(x)/Lanes, int(low), int(high), int(bias))
	} else {
		laneCodesAVX2(&codes[0], &x[0], &inverse[0], &from[0], len(x)/Lanes, int(low), int(high), int(bias))
	}
	return true
}

func (s *OffsetSearch) run(x, w []float32, n int) bool {
	first := &s.Scale[0]
	switch {
	case tier == AVX512 && s.sweep.Absolute:
		searchOffsetAbsAVX512(&x[0], &w[0], &s.try[0], n, &s.factors[0], s.steps, float32(s.nmax), first)
	case tier == AVX512:
		searchOffsetAVX512(&x[0], &w[0], &s.try[0], n, &s.factors[0], s.steps, float32(s.nmax), first)
	case s.sweep.Absolute:
		searchOffsetAbsAVX2(&x[0], &w[0], &s.try[0], n, &s.factors[0], s.steps, float32(s.nmax), first)
	default:
		searchOffsetAVX2(&x[0], &w[0], &s.try[0], n, &s.factors[0], s.steps, float32(s.nmax), first)
	}
	return true
}

func packNibblesFast(dst, low, high []byte) bool {
	if tier == AVX512 {
		packNibblesAVX512(&dst[0], &low[0], &high[0], len(dst))
	} else {
		packNibblesAVX2(&dst[0], &low[0], &high[0], len(dst))
	}
	return true
}

func packPairsFast(dst, a, b, c, d []byte, shift uint) bool {
	if tier == AVX512 {
		packPairsAVX512(&dst[0], &a[0], &b[0], &c[0], &d[0], len(dst), int(shift))
	} else {
		packPairsAVX2(&dst[0], &a[0], &b[0], &c[0], &d[0], len(dst), int(shift))
	}
	return true
}

func packBitsFast(dst, codes []byte, stride int, bit uint) bool {
	if tier == AVX512 {
		packBitsAVX512(&dst[0], &codes[0], stride, len(dst), int(bit))
	} else {
		packBitsAVX2(&dst[0], &codes[0], stride, len(dst), int(bit))
	}
	return true
}

func peaksFast(top *Row, x []float32) bool {
	if tier == AVX512 {
		peaksAVX512(&top[0], &x[0], len(x)/Lanes)
	} else {
		peaksAVX2(&top[0], &x[0], len(x)/Lanes)
	}
	return true
}
