package kernel

// PositiveSearch is SearchPositive for the 16 lanes of a tile.
type PositiveSearch struct {
	codes   [maxGroup * Lanes]float32
	scale   Row
	factors [9]float32
	_       [7]float32
}

// Run searches n values a lane, at most 32, and puts the codes, which are at most nmax, into rows of bytes.
func (s *PositiveSearch) Run(codes []uint8, scale *Row, x, w []float32, n int, nmax int32) {
	codes, x, w = codes[:Lanes*n], x[:Lanes*n], w[:Lanes*n]
	s.factors[0] = float32(nmax)
	i := 1
	for k := int32(-4); k <= 4; k++ {
		if k != 0 {
			s.factors[i] = float32(0.1*float32(k)) + float32(nmax)
			i++
		}
	}
	if tier != Plain && s.search(x, w, n, nmax) {
		*scale = s.scale
		for i := range codes {
			codes[i] = uint8(int32(s.codes[i]))
		}
		return
	}
	var xl, wl [maxGroup]float32
	var c [maxGroup]uint8
	for l := range Lanes {
		Gather(xl[:], x, l, n)
		Gather(wl[:], w, l, n)
		scale[l] = SearchPositive(c[:n], xl[:n], wl[:n], nmax)
		for i := range n {
			codes[Lanes*i+l] = c[i]
		}
	}
}
