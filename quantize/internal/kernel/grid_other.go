//go:build purego || !amd64

package kernel

func (f *gridKernel) init(g *Grid, x, w []float32, groups int, peak float32) bool { return false }
func (f *gridKernel) find(g *Grid, x []float32, tries, wanted int) bool           { return false }
func (f *gridKernel) sums(g *Grid, groups, tries int)                             {}
