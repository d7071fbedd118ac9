//go:build !purego

package kernel

// The functions of this file hand a chunk to the assembly. n counts blocks.

func scaleSigned(x []float32, n int, divisor, bias float32, s *rounding) {
	if tier == AVX512 {
		scaleSignedAVX512(&x[0], n, divisor, bias, &s.inverse[0])
	} else {
		scaleSignedAVX2(&x[0], n, divisor, bias, &s.inverse[0])
	}
}

func scaleOffset(x []float32, n int, divisor float32, s *rounding) {
	if tier == AVX512 {
		scaleOffsetAVX512(&x[0], n, divisor, &s.inverse[0])
	} else {
		scaleOffsetAVX2(&x[0], n, divisor, &s.inverse[0])
	}
}

func scaleMagnitude(x []float32, n int, divisor float32, s *rounding) {
	if tier == AVX512 {
		scaleMagnitudeAVX512(&x[0], n, divisor, &s.inverse[0])
	} else {
		scaleMagnitudeAVX2(&x[0], n, divisor, &s.inverse[0])
	}
}

func codesQ4_0(dst []byte, x []float32, n int, s *rounding) {
	if tier == AVX512 {
		codesQ4_0AVX512(&dst[0], &x[0], n, &s.inverse[0])
	} else {
		codesQ4_0AVX2(&dst[0], &x[0], n, &s.inverse[0])
	}
}

func codesQ4_1(dst []byte, x []float32, n int, s *rounding) {
	if tier == AVX512 {
		codesQ4_1AVX512(&dst[0], &x[0], n, &s.inverse[0])
	} else {
		codesQ4_1AVX2(&dst[0], &x[0], n, &s.inverse[0])
	}
}

func codesQ5_0(dst []byte, x []float32, n int, s *rounding) {
	if tier == AVX512 {
		codesQ5_0AVX512(&dst[0], &x[0], n, &s.inverse[0])
	} else {
		codesQ5_0AVX2(&dst[0], &x[0], n, &s.inverse[0])
	}
}

func codesQ5_1(dst []byte, x []float32, n int, s *rounding) {
	if tier == AVX512 {
		codesQ5_1AVX512(&dst[0], &x[0], n, &s.inverse[0])
	} else {
		codesQ5_1AVX2(&dst[0], &x[0], n, &s.inverse[0])
	}
}

func codesQ8_0(dst []byte, x []float32, n int, s *rounding) {
	if tier == AVX512 {
		codesQ8_0AVX512(&dst[0], &x[0], n, &s.inverse[0])
	} else {
		codesQ8_0AVX2(&dst[0], &x[0], n, &s.inverse[0])
	}
}
