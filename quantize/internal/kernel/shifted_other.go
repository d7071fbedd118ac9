//go:build purego || !amd64

package kernel

func (s *ShiftedSearch) search(x, w []float32) bool       { return false }
func (s *ShiftedSearch) searchHalves(x, w []float32) bool { return false }
