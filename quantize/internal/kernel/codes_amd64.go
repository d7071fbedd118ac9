//go:build !purego

package kernel

// The functions of this file take a chunk for which Chunked is true: a multiple of Lanes groups.

// LargestEach puts the largest magnitude of every size values into top; size is 16 or 32.
func LargestEach(top, x []float32, size int) {
	n := len(top)
	x = x[:size*n]
	switch {
	case size == 16 && tier == AVX512:
		largest16AVX512(&top[0], &x[0], n)
	case size == 16:
		largest16AVX2(&top[0], &x[0], n)
	case tier == AVX512:
		largest32AVX512(&top[0], &x[0], n)
	default:
		largest32AVX2(&top[0], &x[0], n)
	}
}

// CodesMXFP4 makes the codes of blocks that begin with a byte of scale, for the inverse scales of InverseFP4.
func CodesMXFP4(dst []byte, x, inverse []float32) {
	n := len(inverse)
	dst, x = dst[:17*n], x[:32*n]
	if tier == AVX512 {
		codesMXFP4AVX512(&dst[0], &x[0], n, &inverse[0])
	} else {
		codesMXFP4AVX2(&dst[0], &x[0], n, &inverse[0])
	}
}

// CodesNVFP4 makes the codes of blocks that begin with four bytes of scales, each with an inverse.
func CodesNVFP4(dst []byte, x, inverse []float32) {
	n := len(inverse) / 4
	dst, x = dst[:36*n], x[:64*n]
	if tier == AVX512 {
		codesNVFP4AVX512(&dst[0], &x[0], n, &inverse[0])
	} else {
		codesNVFP4AVX2(&dst[0], &x[0], n, &inverse[0])
	}
}

// CodesTQ1_0 makes the codes of blocks that end with two bytes of scale.
func CodesTQ1_0(dst []byte, x, inverse []float32) {
	n := len(inverse)
	dst, x = dst[:54*n], x[:256*n]
	if tier == AVX512 {
		codesTQ1_0AVX512(&dst[0], &x[0], n, &inverse[0])
	} else {
		codesTQ1_0AVX2(&dst[0], &x[0], n, &inverse[0])
	}
}

// CodesTQ2_0 makes the codes of blocks that end with two bytes of scale.
func CodesTQ2_0(dst []byte, x, inverse []float32) {
	n := len(inverse)
	dst, x = dst[:66*n], x[:256*n]
	if tier == AVX512 {
		codesTQ2_0AVX512(&dst[0], &x[0], n, &inverse[0])
	} else {
		codesTQ2_0AVX2(&dst[0], &x[0], n, &inverse[0])
	}
}

// CodesQ2_0 makes the codes of blocks that begin with two bytes of scale.
func CodesQ2_0(dst []byte, x, inverse []float32) {
	n := len(inverse)
	dst, x = dst[:18*n], x[:64*n]
	if tier == AVX512 {
		codesQ2_0AVX512(&dst[0], &x[0], n, &inverse[0])
	} else {
		codesQ2_0AVX2(&dst[0], &x[0], n, &inverse[0])
	}
}

// SignsQ1_0 writes the bits of n blocks that begin with two bytes of scale.
func SignsQ1_0(dst []byte, x []float32, n int) {
	dst, x = dst[:18*n], x[:128*n]
	if tier == AVX512 {
		signsQ1_0AVX512(&dst[0], &x[0], n, nil)
	} else {
		signsQ1_0AVX2(&dst[0], &x[0], n, nil)
	}
}

// SumMagnitudes adds the magnitudes of 16 runs of x, each in its order.
func SumMagnitudes(sum *Row, x []float32) {
	n := len(x) / Lanes
	var from [Lanes]int
	for l := range from {
		from[l] = 4 * n * l
	}
	var tile [128 * Lanes]float32
	spread(tile[:Lanes*n], x, &from)
	if tier == AVX512 {
		sumMagnitudesAVX512(&sum[0], &tile[0], n)
	} else {
		sumMagnitudesAVX2(&sum[0], &tile[0], n)
	}
}
