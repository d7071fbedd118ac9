//go:build !purego

package kernel

// The functions of this file hand a chunk to the assembly. n counts blocks.

func scaleSigned(x []float32, n int, divisor, bias float32, s *rounding) {
	scaleSignedNEON(&x[0], n, divisor, bias, &s.inverse[0])
}

func scaleOffset(x []float32, n int, divisor float32, s *rounding) {
	scaleOffsetNEON(&x[0], n, divisor, &s.inverse[0])
}

func scaleMagnitude(x []float32, n int, divisor float32, s *rounding) {
	scaleMagnitudeNEON(&x[0], n, divisor, &s.inverse[0])
}

func codesQ4_0(dst []byte, x []float32, n int, s *rounding) {
	codesQ4_0NEON(&dst[0], &x[0], n, &s.inverse[0])
}

func codesQ4_1(dst []byte, x []float32, n int, s *rounding) {
	codesQ4_1NEON(&dst[0], &x[0], n, &s.inverse[0])
}

func codesQ5_0(dst []byte, x []float32, n int, s *rounding) {
	codesQ5_0NEON(&dst[0], &x[0], n, &s.inverse[0])
}

func codesQ5_1(dst []byte, x []float32, n int, s *rounding) {
	codesQ5_1NEON(&dst[0], &x[0], n, &s.inverse[0])
}

func codesQ8_0(dst []byte, x []float32, n int, s *rounding) {
	codesQ8_0NEON(&dst[0], &x[0], n, &s.inverse[0])
}
