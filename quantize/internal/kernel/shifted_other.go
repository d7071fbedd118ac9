//go:build purego || !amd64

package kernel

func (s *ShiftedSearch) search(x, w []float32) bool       { return false }
func (s *ShiftedSearch) searchHalves(x, w []float32) bool { return false }

func fitShiftedFast(sums *[2]Row, x, w []float32, codes [][Lanes]uint32, factor *Row) bool {
	return false
}

func (g *Grid) snapFast(codes []uint16, x, w []float32, values *[4][4]float32) (done, ok bool) {
	return false, false
}
