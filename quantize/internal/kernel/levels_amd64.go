//go:build !purego

package kernel

func (s *LevelSearch) search(x, w []float32, n int) bool {
	if tier == AVX512 {
		searchLevelsAVX512(&x[0], &w[0], n, &s.factors[0], &s.Scale[0])
	} else {
		searchLevelsAVX2(&x[0], &w[0], n, &s.factors[0], &s.Scale[0])
	}
	return true
}

func levelsFast(codes []uint8, x []float32, inverse *Row) bool {
	if tier == AVX512 {
		nearestLevelsAVX512(&codes[0], &x[0], &inverse[0], len(x)/Lanes)
	} else {
		nearestLevelsAVX2(&codes[0], &x[0], &inverse[0], len(x)/Lanes)
	}
	return true
}
