//go:build !purego

package kernel

func (s *ShiftedSearch) search(x, w []float32) bool {
	if tier == AVX512 {
		searchShiftedAVX512(&x[0], &w[0], &s.work[0], &s.scale[0])
	} else {
		searchShiftedAVX2(&x[0], &w[0], &s.work[0], &s.scale[0])
	}
	return true
}

func (s *ShiftedSearch) searchHalves(x, w []float32) bool {
	if tier == AVX512 {
		searchShiftedHalvesAVX512(&x[0], &w[0], &s.work[0], &s.scale[0])
	} else {
		searchShiftedHalvesAVX2(&x[0], &w[0], &s.work[0], &s.scale[0])
	}
	return true
}
