package kernel

// OffsetSearch is SearchOffset for the 16 lanes of a tile.
type OffsetSearch struct {
	try [maxGroup * Lanes]float32
	offsetState
	factors [64]float32
	steps   int
	sweep   Sweep
	nmax    int32
	_       [28]byte
}

// offsetState is what the assembly reads and writes, row by row.
type offsetState struct {
	Scale, Low    Row     // x ≈ Scale·code + Low
	inverse, from Row     // codes are those of inverse·(x - from)
	bad           laneSet // lanes that the plain version must do

	best, least, most, sumW, sumX Row
}

// Init fixes what all searches have in common: codes 0 … nmax, and the scales to try.
func (s *OffsetSearch) Init(nmax int32, sweep *Sweep) {
	s.nmax, s.sweep, s.steps = nmax, *sweep, sweep.Last+1
	for k := range s.steps {
		s.factors[k] = sweep.First + float32(sweep.Step*float32(k)) + float32(nmax)
	}
}

// Run searches n values a lane, at most 32, under weights w. Results are Scale and Low.
func (s *OffsetSearch) Run(x, w []float32, n int) {
	x, w = x[:Lanes*n], w[:Lanes*n]
	if tier == Plain || !s.run(x, w, n) {
		s.bad.fill()
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

// Codes gives the codes of the last Run, which had the same x and w.
func (s *OffsetSearch) Codes(codes []uint8, x, w []float32, n int) {
	CodeRows(codes, x[:Lanes*n], &s.inverse, &s.from, 0, s.nmax, 0)
	if s.bad.empty() {
		return
	}
	for l, b := range s.bad {
		if b != 0 {
			var xl, wl [maxGroup]float32
			var c [maxGroup]uint8
			Gather(xl[:], x, l, n)
			Gather(wl[:], w, l, n)
			SearchOffset(c[:n], xl[:n], wl[:n], s.nmax, &s.sweep)
			Scatter(codes, c[:n], l)
		}
	}
}

func (s *OffsetSearch) plain(x, w []float32, n, lane int) {
	var xl, wl [maxGroup]float32
	var codes [maxGroup]uint8
	Gather(xl[:], x, lane, n)
	Gather(wl[:], w, lane, n)
	scale, offset := SearchOffset(codes[:n], xl[:n], wl[:n], s.nmax, &s.sweep)
	s.Scale[lane], s.Low[lane] = scale, -offset
}
