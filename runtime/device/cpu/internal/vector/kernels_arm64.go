//go:build !purego

package vector

// Kernels for arm64. They get at least one group, and report false when plain Go is to do it.

func (d dotsKernel) run(out, q, k Matrix, blocks, dim int) {
	o, x, y, os, qs, ks, n := &out.Values[0], &q.Values[0], &k.Values[0], wordBytes*out.Stride, wordBytes*q.Stride, wordBytes*k.Stride, dim/Group
	switch d {
	case dots4:
		dots4x4NEON(o, os, x, qs, y, ks, blocks, n)
	case dots1:
		dots1x4NEON(o, x, y, ks, blocks, n)
	default:
		dots1x1NEON(o, x, y, ks, blocks, n)
	}
}

// mixRows does four rows or one.
func mixRows(four bool, out, p, v Matrix, keys, dim int) {
	o, w, x := &out.Values[0], &p.Values[0], &v.Values[0]
	os, ps, vs, n := wordBytes*out.Stride, wordBytes*p.Stride, wordBytes*v.Stride, dim/Group
	if four {
		mix4NEON(o, os, w, ps, x, vs, keys, n)
	} else {
		mix1NEON(o, w, x, vs, keys, n)
	}
}

func touchFast(x []float32) {
	if now != plain {
		touchNEON(&x[0], len(x))
	}
}

func largestFast(x []float32, lanes *[Group]float32) bool {
	if now == plain {
		return false
	}
	largestNEON(&x[0], len(x), &lanes[0])
	return true
}

func expSumFast(x []float32, most float32, lanes *[Group]float64) bool {
	if now == plain {
		return false
	}
	expSumNEON(&x[0], len(x), most, &lanes[0])
	return true
}

func sumExpFast(x []float32, most float64, lanes *[Group]float64) bool {
	if now == plain {
		return false
	}
	sumExpNEON(&x[0], len(x), most, &lanes[0])
	return true
}

func squaresFast(x []float32, lanes *[Group]float64) bool {
	if now == plain {
		return false
	}
	squaresNEON(&x[0], len(x), &lanes[0])
	return true
}

func gateFast(dst, gate, up []float32) bool {
	if now == plain {
		return false
	}
	gateNEON(&dst[0], &gate[0], &up[0], len(dst))
	return true
}

func scaledFast(dst, x, w []float32, f float32) bool {
	if now == plain {
		return false
	}
	scaledNEON(&dst[0], &x[0], &w[0], len(dst), f)
	return true
}

func addScaledFast(dst, x []float32, f float32) bool {
	if now == plain {
		return false
	}
	addScaledNEON(&dst[0], &x[0], len(dst), f)
	return true
}

func timesFast(dst, x []float32, f float32) bool {
	if now == plain {
		return false
	}
	timesNEON(&dst[0], &x[0], len(dst), f)
	return true
}

func blendFast(dst, x []float32, keep, f float32) bool {
	if now == plain {
		return false
	}
	blendNEON(&dst[0], &x[0], len(dst), keep, f)
	return true
}

func rotateHalvesFast(x, y, cos, sin []float32) bool {
	if now == plain {
		return false
	}
	rotateHalvesNEON(&x[0], &y[0], &cos[0], &sin[0], len(x))
	return true
}

func rotateNeighboursFast(x, cos, sin []float32) bool {
	if now == plain {
		return false
	}
	rotateNeighboursNEON(&x[0], &cos[0], &sin[0], len(x))
	return true
}
