package kernel

// ShiftedSearch is SearchShifted and SearchShiftedHalves for the 16 lanes of a tile. After a search, Found gives what
// they give.
type ShiftedSearch struct {
	work [(33 + 33 + 6*33) * Lanes]float32 // sorted values, their places, and what is known of each cut
	shiftedState
	bits uint32 // of a shift in cut
	_    [15]uint32
}

// shiftedState is what the assembly reads and writes, row by row.
type shiftedState struct {
	scale   Row
	Largest Row              // magnitude
	cut     [Lanes]int32     // the shift in the lowest bits; -1 where nothing has weight
	codes   [4][Lanes]uint32 // of levels
	_       [14]Row          // what the kernels keep aside
}

// Search searches 32 values a lane with one shift for all of them.
func (s *ShiftedSearch) Search(x, w []float32) {
	x, w = x[:32*Lanes], w[:32*Lanes]
	s.bits = 1
	if tier != Plain && s.search(x, w) {
		return
	}
	var xl, wl [32]float32
	for l := range Lanes {
		Gather(xl[:], x, l, 32)
		Gather(wl[:], w, l, 32)
		var codes [4]uint16
		scale, shift, ok := SearchShifted(&codes, xl[:], wl[:])
		s.keep(l, xl[:], codes[:], scale, shift, ok)
	}
}

// SearchHalves searches 16 values a lane with one shift for each half of them.
func (s *ShiftedSearch) SearchHalves(x, w []float32) {
	x, w = x[:16*Lanes], w[:16*Lanes]
	s.bits = 2
	if tier != Plain && s.searchHalves(x, w) {
		return
	}
	var xl, wl [16]float32
	for l := range Lanes {
		Gather(xl[:], x, l, 16)
		Gather(wl[:], w, l, 16)
		var codes [2]uint16
		scale, shifts, ok := SearchShiftedHalves(&codes, xl[:], wl[:])
		s.keep(l, xl[:], codes[:], scale, shifts, ok)
	}
}

func (s *ShiftedSearch) keep(lane int, x []float32, codes []uint16, scale float32, shift int, ok bool) {
	s.scale[lane], s.Largest[lane], s.cut[lane] = scale, Largest(x), int32(shift)
	if !ok {
		s.cut[lane] = -1
	}
	for k, c := range codes {
		s.codes[k][lane] = uint32(c)
	}
}

// Found gives the codes, scale and shift of a lane.
func (s *ShiftedSearch) Found(codes []uint16, lane int) (scale float32, shift int, ok bool) {
	for k := range codes {
		codes[k] = uint16(s.codes[k][lane])
	}
	return s.scale[lane], int(s.cut[lane]) & (1<<s.bits - 1), s.cut[lane] >= 0
}

// FitShiftedRows adds Σ w·q·x and Σ w·q² of every lane to sums. q is a factor times what the level stands for. codes has
// one row for eight values; bit ShiftBit is its shift.
func FitShiftedRows(sums *[2]Row, x, w []float32, codes [][Lanes]uint32, factor *Row) {
	n := 8 * len(codes)
	x, w = x[:Lanes*n], w[:Lanes*n]
	if tier != Plain && n > 0 && fitShiftedFast(sums, x, w, codes, factor) {
		return
	}
	for i, v := range x {
		l, row := i%Lanes, i/Lanes
		c := codes[row/8][l]
		q := LevelsIQ1[c>>ShiftBit&1][c>>(row%8*2)&3] * factor[l]
		wq := w[i] * q
		sums[0][l] += float32(wq * v)
		sums[1][l] += float32(wq * q)
	}
}

// ShiftBit is above the levels of a code, where FitShiftedRows looks for its shift.
const ShiftBit = 18
