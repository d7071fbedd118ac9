package kernel

// LevelSearch is SearchLevels4 for the 16 lanes of a tile.
type LevelSearch struct {
	Scale   Row // x ≈ Scale·level
	best    Row
	factors [16]float32 // the last 15 are the numerators of the inverse scales that are tried
}

// Init fixes what all searches have in common.
func (s *LevelSearch) Init() {
	for k := range 15 {
		s.factors[1+k] = float32(k-7) + Levels4[0]
	}
}

// Search finds the scale of n values a lane under weights w.
func (s *LevelSearch) Search(x, w []float32, n int) {
	x, w = x[:Lanes*n], w[:Lanes*n]
	if tier != Plain && s.search(x, w, n) {
		return
	}
	var xl, wl [maxGroup]float32
	for l := range Lanes {
		Gather(xl[:], x, l, n)
		Gather(wl[:], w, l, n)
		s.Scale[l] = SearchLevels4(xl[:n], wl[:n])
	}
}

// LevelRows gives the codes of the levels nearest to inverse·x, with one inverse a lane.
func LevelRows(codes []uint8, x []float32, inverse *Row) {
	codes = codes[:len(x)]
	if tier != Plain && levelsFast(codes, x, inverse) {
		return
	}
	for i, v := range x {
		codes[i] = NearestLevel4(inverse[i%Lanes] * v)
	}
}
