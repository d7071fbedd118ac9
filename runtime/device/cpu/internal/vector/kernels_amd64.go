//go:build !purego

package vector

// Kernels for amd64. They get at least one group, and report false when plain Go is to do it.

func (d dotsKernel) run(out, q, k Matrix, blocks, dim int) {
	o, x, y, os, qs, ks, n := &out.Values[0], &q.Values[0], &k.Values[0], wordBytes*out.Stride, wordBytes*q.Stride, wordBytes*k.Stride, dim/Group
	switch wide := now == avx512; {
	case d == dots4 && wide:
		dots4x4AVX512(o, os, x, qs, y, ks, blocks, n)
	case d == dots4:
		dots4x4AVX2(o, os, x, qs, y, ks, blocks, n)
	case d == dots1 && wide:
		dots1x4AVX512(o, os, x, qs, y, ks, blocks, n)
	case d == dots1:
		dots1x4AVX2(o, os, x, qs, y, ks, blocks, n)
	case wide:
		dots1x1AVX512(o, os, x, qs, y, ks, blocks, n)
	default:
		dots1x1AVX2(o, os, x, qs, y, ks, blocks, n)
	}
}

// mixRows does four rows or one.
func mixRows(four bool, out, p, v Matrix, keys, dim int) {
	o, w, x := &out.Values[0], &p.Values[0], &v.Values[0]
	os, ps, vs, n := wordBytes*out.Stride, wordBytes*p.Stride, wordBytes*v.Stride, dim/Group
	switch wide := now == avx512; {
	case four && wide:
		mix4AVX512(o, os, w, ps, x, vs, keys, n)
	case four:
		mix4AVX2(o, os, w, ps, x, vs, keys, n)
	case wide:
		mix1AVX512(o, os, w, ps, x, vs, keys, n)
	default:
		mix1AVX2(o, os, w, ps, x, vs, keys, n)
	}
}

func touchFast(x []float32) {
	switch now {
	case avx512:
		touchAVX512(&x[0], len(x))
	case avx2:
		touchAVX2(&x[0], len(x))
	}
}

func largestFast(x []float32, lanes *[Group]float32) bool {
	switch now {
	case avx512:
		largestAVX512(&x[0], len(x), &lanes[0])
	case avx2:
		largestAVX2(&x[0], len(x), &lanes[0])
	default:
		return false
	}
	return true
}

func expSumFast(x []float32, most float32, lanes *[Group]float64) bool {
	switch now {
	case avx512:
		expSumAVX512(&x[0], len(x), most, &lanes[0])
	case avx2:
		expSumAVX2(&x[0], len(x), most, &lanes[0])
	default:
		return false
	}
	return true
}

func sumExpFast(x []float32, most float64, lanes *[Group]float64) bool {
	switch now {
	case avx512:
		sumExpAVX512(&x[0], len(x), most, &lanes[0])
	case avx2:
		sumExpAVX2(&x[0], len(x), most, &lanes[0])
	default:
		return false
	}
	return true
}

func squaresFast(x []float32, lanes *[Group]float64) bool {
	switch now {
	case avx512:
		squaresAVX512(&x[0], len(x), &lanes[0])
	case avx2:
		squaresAVX2(&x[0], len(x), &lanes[0])
	default:
		return false
	}
	return true
}

func gateFast(dst, gate, up []float32) bool {
	switch now {
	case avx512:
		gateAVX512(&dst[0], &gate[0], &up[0], len(dst))
	case avx2:
		gateAVX2(&dst[0], &gate[0], &up[0], len(dst))
	default:
		return false
	}
	return true
}

func scaledFast(dst, x, w []float32, f float32) bool {
	switch now {
	case avx512:
		scaledAVX512(&dst[0], &x[0], &w[0], len(dst), f)
	case avx2:
		scaledAVX2(&dst[0], &x[0], &w[0], len(dst), f)
	default:
		return false
	}
	return true
}

func addScaledFast(dst, x []float32, f float32) bool {
	switch now {
	case avx512:
		addScaledAVX512(&dst[0], &x[0], len(dst), f)
	case avx2:
		addScaledAVX2(&dst[0], &x[0], len(dst), f)
	default:
		return false
	}
	return true
}

func timesFast(dst, x []float32, f float32) bool {
	switch now {
	case avx512:
		timesAVX512(&dst[0], &x[0], len(dst), f)
	case avx2:
		timesAVX2(&dst[0], &x[0], len(dst), f)
	default:
		return false
	}
	return true
}

func blendFast(dst, x []float32, keep, f float32) bool {
	switch now {
	case avx512:
		blendAVX512(&dst[0], &x[0], len(dst), keep, f)
	case avx2:
		blendAVX2(&dst[0], &x[0], len(dst), keep, f)
	default:
		return false
	}
	return true
}

func rotateHalvesFast(x, y, cos, sin []float32) bool {
	switch now {
	case avx512:
		rotateHalvesAVX512(&x[0], &y[0], &cos[0], &sin[0], len(x))
	case avx2:
		rotateHalvesAVX2(&x[0], &y[0], &cos[0], &sin[0], len(x))
	default:
		return false
	}
	return true
}

func rotateNeighboursFast(x, cos, sin []float32) bool {
	switch now {
	case avx512:
		rotateNeighboursAVX512(&x[0], &cos[0], &sin[0], len(x))
	case avx2:
		rotateNeighboursAVX2(&x[0], &cos[0], &sin[0], len(x))
	default:
		return false
	}
	return true
}
