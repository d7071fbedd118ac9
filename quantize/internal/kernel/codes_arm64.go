//go:build !purego

package kernel

// The functions of this file take a chunk for which Chunked is true: a multiple of Lanes groups.

// LargestEach puts the largest magnitude of every size values into top; size is 16 or 32.
func LargestEach(top, x []float32, size int) {
	n := len(top)
	x = x[:size*n]
	if size == 16 {
		largest16NEON(&top[0], &x[0], n)
	} else {
		largest32NEON(&top[0], &x[0], n)
	}
}

// CodesMXFP4 makes the codes of blocks that begin with a byte of scale, for the inverse scales of InverseFP4.
func CodesMXFP4(dst []byte, x, inverse []float32) {
	n := len(inverse)
	dst, x = dst[:17*n], x[:32*n]
	codesMXFP4NEON(&dst[0], &x[0], n, &inverse[0])
}

// CodesNVFP4 makes the codes of blocks that begin with four bytes of scales, each with an inverse.
func CodesNVFP4(dst []byte, x, inverse []float32) {
	n := len(inverse) / 4
	dst, x = dst[:36*n], x[:64*n]
	codesNVFP4NEON(&dst[0], &x[0], n, &inverse[0])
}

// CodesTQ1_0 makes the codes of blocks that end with two bytes of scale.
func CodesTQ1_0(dst []byte, x, inverse []float32) {
	n := len(inverse)
	dst, x = dst[:54*n], x[:256*n]
	codesTQ1_0NEON(&dst[0], &x[0], n, &inverse[0])
}

// CodesTQ2_0 makes the codes of blocks that end with two bytes of scale.
func CodesTQ2_0(dst []byte, x, inverse []float32) {
	n := len(inverse)
	dst, x = dst[:66*n], x[:256*n]
	codesTQ2_0NEON(&dst[0], &x[0], n, &inverse[0])
}

// CodesQ2_0 makes the codes of blocks that begin with two bytes of scale.
func CodesQ2_0(dst []byte, x, inverse []float32) {
	n := len(inverse)
	dst, x = dst[:18*n], x[:64*n]
	codesQ2_0NEON(&dst[0], &x[0], n, &inverse[0])
}

// SignsQ1_0 writes the bits of n blocks that begin with two bytes of scale.
func SignsQ1_0(dst []byte, x []float32, n int) {
	dst, x = dst[:18*n], x[:128*n]
	signsQ1_0NEON(&dst[0], &x[0], n)
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
	sumMagnitudesNEON(&sum[0], &tile[0], n)
}
