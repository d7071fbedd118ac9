//go:build !purego

package kernel

func (s *OffsetSearch) run(x, w []float32, n int) {
	st := &s.Scale[0]
	switch {
	case tier == AVX512 && s.sweep.Absolute:
		searchOffsetAbsAVX512(&x[0], &w[0], &s.try[0], n, &s.factors[0], s.steps, float32(s.nmax), st)
	case tier == AVX512:
		searchOffsetAVX512(&x[0], &w[0], &s.try[0], n, &s.factors[0], s.steps, float32(s.nmax), st)
	case s.sweep.Absolute:
		searchOffsetAbsAVX2(&x[0], &w[0], &s.try[0], n, &s.factors[0], s.steps, float32(s.nmax), st)
	default:
		searchOffsetAVX2(&x[0], &w[0], &s.try[0], n, &s.factors[0], s.steps, float32(s.nmax), st)
	}
}
