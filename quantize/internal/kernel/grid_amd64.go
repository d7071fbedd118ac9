//go:build !purego

package kernel

import "math"

// init also makes the inverse scales of their numerators. It reports false where there is no kernel.
func (f *gridKernel) init(g *Grid, x, w []float32, groups int, peak float32) bool {
	switch {
	case tier == AVX512 && g.Bits == 2:
		gridTerms8AVX512(&f.x[0], &x[0], &w[0], groups, peak)
	case tier == AVX512:
		gridTerms4AVX512(&f.x[0], &x[0], &w[0], groups, peak)
	case g.Bits == 2:
		gridTerms8AVX2(&f.x[0], &x[0], &w[0], groups, peak)
	default:
		gridTerms4AVX2(&f.x[0], &x[0], &w[0], groups, peak)
	}
	return true
}

// find puts the codes of the wanted groups' points into the state. It reports false when some group has no point that
// is the closest.
func (f *gridKernel) find(g *Grid, x []float32, tries, wanted int) bool {
	var worst uint32
	switch {
	case tier == AVX512 && g.Bits == 2:
		worst = gridFind8AVX512(&f.x[0], &x[0], &g.Map[0], &g.lists[0], len(x), tries, wanted)
	case tier == AVX512:
		worst = gridFind4AVX512(&f.x[0], &x[0], &g.Map[0], &g.lists[0], len(x), tries, wanted)
	case g.Bits == 2:
		worst = gridFind8AVX2(&f.x[0], &x[0], &g.Map[0], &g.lists[0], len(x), tries, wanted)
	default:
		worst = gridFind4AVX2(&f.x[0], &x[0], &g.Map[0], &g.lists[0], len(x), tries, wanted)
	}
	return worst < math.Float32bits(math.MaxFloat32)
}

// sums leaves the sums of all tries in the state.
func (f *gridKernel) sums(g *Grid, groups, tries int) {
	switch {
	case tier == AVX512 && g.Bits == 2:
		gridSums8AVX512(&f.x[0], groups, tries)
	case tier == AVX512:
		gridSums4AVX512(&f.x[0], groups, tries)
	case g.Bits == 2:
		gridSums8AVX2(&f.x[0], groups, tries)
	default:
		gridSums4AVX2(&f.x[0], groups, tries)
	}
}
