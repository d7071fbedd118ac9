//go:build !purego

package kernel

import "math"

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

func fitShiftedFast(sums *[2]Row, x, w []float32, codes [][Lanes]uint32, factor *Row) bool {
	if tier == AVX512 {
		fitShiftedAVX512(&x[0], &w[0], &codes[0][0], &factor[0], len(codes), &sums[0][0])
	} else {
		fitShiftedAVX2(&x[0], &w[0], &codes[0][0], &factor[0], len(codes), &sums[0][0])
	}
	return true
}

func (g *Grid) snapFast(codes []uint16, x, w []float32, values *[4][4]float32) (done, ok bool) {
	var worst uint32
	var places [16]uint32
	if tier == AVX512 {
		worst = gridSnap8AVX512(&codes[0], &x[0], &w[0], &values[0][0], len(codes), &g.Map[0], &g.lists[0], &places[0])
	} else {
		worst = gridSnap8AVX2(&codes[0], &x[0], &w[0], &values[0][0], len(codes), &g.Map[0], &g.lists[0], &places[0])
	}
	return true, worst < math.Float32bits(math.MaxFloat32)
}
