package kernel

import "math"

// SignedSearch is SearchSigned and RefineSigned for the 16 lanes of a tile.
type SignedSearch struct {
	wx    [maxGroup * Lanes]float32
	table [3 * maxGroup * Lanes]float32 // what refining keeps of each value
	signedState
	factors [19]float32
	nmax    int32
	_       [12]float32
}

// signedState is what the assembly reads and writes, row by row.
type signedState struct {
	Scale   Row // x ≈ Scale·(code-nmax)
	inverse Row // codes are those of inverse·x; 0 where a lane counts as zero
	best    Row
	top     Row
	bad     laneSet // lanes that the plain version must do
}

// Init fixes what all searches have in common: codes 0 … 2·nmax-1. The factors are the search's numerators in the
// order in which they are tried.
func (s *SignedSearch) Init(nmax int32) {
	s.nmax = nmax
	s.factors[0] = -float32(nmax)
	i := 1
	for k := int32(-9); k <= 9; k++ {
		if k != 0 {
			s.factors[i] = -(float32(nmax) + float32(0.1*float32(k)))
			i++
		}
	}
}

// Search finds the scale of n values a lane, at most 32, under weights w.
func (s *SignedSearch) Search(x, w []float32, n int) {
	x, w = x[:Lanes*n], w[:Lanes*n]
	if tier == Plain || !s.search(x, w, n) {
		s.bad.fill()
	} else {
		s.findOverflowed(x)
	}
	if s.bad.empty() {
		return
	}
	for l, b := range s.bad {
		if b != 0 {
			s.plain(x, w, n, l)
		}
	}
}

// findOverflowed marks the lanes that have infinity or NaN as bad: kernels take finite values. Scales that are searched as
// values may have overflowed.
func (s *SignedSearch) findOverflowed(x []float32) {
	s.bad = laneSet{}
	for i := Within(x, FiniteBits); i < len(x); i++ {
		if math.Float32bits(x[i])&^(1<<31) > FiniteBits {
			s.bad[i%Lanes] = 1
		}
	}
}

// Codes gives the codes 0 … 2·nmax-1 of the last Search, which had the same x and w.
func (s *SignedSearch) Codes(codes []uint8, x, w []float32, n int) {
	CodeRows(codes, x[:Lanes*n], &s.inverse, &Row{}, -s.nmax, s.nmax-1, s.nmax)
	if s.bad.empty() {
		return
	}
	for l, b := range s.bad {
		if b != 0 {
			found := s.plain(x, w, n, l)
			for i, c := range found[:n] {
				codes[Lanes*i+l] = uint8(c)
			}
		}
	}
}

// Refine finds the scale by moving single codes; the weight of x is x².
func (s *SignedSearch) Refine(x []float32, n int) {
	x = x[:Lanes*n]
	if tier == Plain || !s.refine(x, n) {
		s.bad.fill()
	}
	if s.bad.empty() {
		return
	}
	for l, b := range s.bad {
		if b != 0 {
			var xl [maxGroup]float32
			var c [maxGroup]int8
			Gather(xl[:], x, l, n)
			s.Scale[l] = RefineSigned(c[:n], xl[:n], s.nmax)
		}
	}
}

// plain searches one lane.
func (s *SignedSearch) plain(x, w []float32, n, lane int) (codes [maxGroup]int8) {
	var xl, wl [maxGroup]float32
	Gather(xl[:], x, lane, n)
	Gather(wl[:], w, lane, n)
	s.Scale[lane] = SearchSigned(codes[:n], xl[:n], wl[:n], s.nmax)
	return codes
}
