//go:build !purego

package kernel

func (s *LevelSearch) search(x, w []float32, n int) bool {
	if n%2 != 0 { // the kernel takes two rows at a time
		return false
	}
	searchLevelsNEON(&x[0], &w[0], n, &s.factors[0], &s.Scale[0])
	return true
}

func levelsFast(codes []uint8, x []float32, inverse *Row) bool {
	nearestLevelsNEON(&codes[0], &x[0], &inverse[0], len(x)/Lanes)
	return true
}
