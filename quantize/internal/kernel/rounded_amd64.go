//go:build !purego

package kernel

// groupLanes is how many blocks the kernels for scales take at a time.
func groupLanes() int {
	if tier == AVX512 {
		return 16
	}
	return 8
}

func (r rounded) scales(x []float32, s *rounding) {
	groups, p, st := len(x)/32/groupLanes(), &x[0], &s.inverse[0]
	s.odd = 0
	wide := tier == AVX512
	switch r.kind {
	case kindQ4_0:
		scaleSigned(wide, p, groups, -8, 8.5, st)
	case kindQ5_0:
		scaleSigned(wide, p, groups, -16, 16.5, st)
	case kindQ4_1:
		scaleOffset(wide, p, groups, 15, st)
	case kindQ5_1:
		scaleOffset(wide, p, groups, 31, st)
	case kindQ8_0:
		if wide {
			scaleMagnitudeAVX512(p, groups, 127, st)
		} else {
			scaleMagnitudeAVX2(p, groups, 127, st)
		}
	}
}

func scaleSigned(wide bool, x *float32, groups int, divisor, bias float32, st *float32) {
	if wide {
		scaleSignedAVX512(x, groups, divisor, bias, st)
	} else {
		scaleSignedAVX2(x, groups, divisor, bias, st)
	}
}

func scaleOffset(wide bool, x *float32, groups int, divisor float32, st *float32) {
	if wide {
		scaleOffsetAVX512(x, groups, divisor, st)
	} else {
		scaleOffsetAVX2(x, groups, divisor, st)
	}
}

func (r rounded) codes(dst []byte, x []float32, s *rounding) {
	d, p, n, st := &dst[0], &x[0], len(x)/32, &s.inverse[0]
	if tier == AVX512 {
		switch r.kind {
		case kindQ4_0:
			codesQ4_0AVX512(d, p, n, st)
		case kindQ4_1:
			codesQ4_1AVX512(d, p, n, st)
		case kindQ5_0:
			codesQ5_0AVX512(d, p, n, st)
		case kindQ5_1:
			codesQ5_1AVX512(d, p, n, st)
		case kindQ8_0:
			codesQ8_0AVX512(d, p, n, st)
		}
		return
	}
	switch r.kind {
	case kindQ4_0:
		codesQ4_0AVX2(d, p, n, st)
	case kindQ4_1:
		codesQ4_1AVX2(d, p, n, st)
	case kindQ5_0:
		codesQ5_0AVX2(d, p, n, st)
	case kindQ5_1:
		codesQ5_1AVX2(d, p, n, st)
	case kindQ8_0:
		codesQ8_0AVX2(d, p, n, st)
	}
}
