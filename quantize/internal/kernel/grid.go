package kernel

import "math"

// Grid is a set of points with small levels as coordinates, and for every code that is none of them the
// points near it. A code packs levels, the first in the lowest bits: eight of two bits or four of three.
type Grid struct {
	Bits   int      // of a level: 2 or 3
	Levels int      // how many a coordinate may have: 0 … Levels-1
	Codes  []uint16 // the points, ascending

	// Map gives for a code the number of its point or, below zero, the complement of where the codes of the points
	// near it are: chunk<<countBits + count. Codes with a level that no point may have are not asked for.
	Map []int32

	// lists has the codes of near points by distance, then number. Lists begin at multiples of 16, a chunk, and are
	// filled up with their first code, so that kernels may read whole chunks: it never wins again.
	lists []uint16
}

// countBits is enough for the points of a grid.
const countBits = 12

// NewGrid lists, for each code of levels 0 … levels-1 off the grid, all points at the nwant smallest
// distances that occur.
func NewGrid(bits, levels, nwant int, codes []uint16) *Grid {
	values := 32 >> bits
	width := values / 2 * bits // of half a code
	half := halfDistances(bits, width)
	mask := uint16(1)<<width - 1

	g := &Grid{Bits: bits, Levels: levels, Codes: codes}
	top := 0
	for range values {
		top = top<<bits | (levels - 1)
	}
	g.Map = make([]int32, top+1)
	for i, c := range codes {
		g.Map[c] = int32(i) + 1
	}
	distance := make([]uint8, len(codes))
	for code := range g.Map {
		if g.Map[code] > 0 {
			g.Map[code]--
			continue
		}
		if !legal(code, bits, levels) {
			continue
		}
		var count, next [256]int32
		low, high := half[uint16(code)&mask], half[uint16(code)>>width]
		for i, c := range codes {
			d := low[c&mask] + high[c>>width]
			distance[i] = d
			count[d]++
		}
		near, wanted, last := int32(0), 0, 0
		for d := range count {
			if count[d] == 0 {
				continue
			}
			if wanted++; wanted > nwant {
				break
			}
			next[d] = near
			near += count[d]
			last = d
		}
		start := len(g.lists)
		g.Map[code] = ^(int32(start/16)<<countBits + near)
		g.lists = append(g.lists, make([]uint16, (near+15)&^15)...)
		list := g.lists[start:]
		for i, d := range distance {
			if int(d) <= last {
				list[next[d]] = codes[i]
				next[d]++
			}
		}
		for i := near; i < int32(len(list)); i++ {
			list[i] = list[0]
		}
	}
	return g
}

// halfDistances gives the squared distance of every two halves of codes.
func halfDistances(bits, width int) [][]uint8 {
	t := make([][]uint8, 1<<width)
	mask := 1<<bits - 1
	for a := range t {
		t[a] = make([]uint8, 1<<width)
		for b := range t[a] {
			for s := 0; s < width; s += bits {
				d := a>>s&mask - b>>s&mask
				t[a][b] += uint8(d * d)
			}
		}
	}
	return t
}

func legal(code, bits, levels int) bool {
	for ; code > 0; code >>= bits {
		if code&(1<<bits-1) >= levels {
			return false
		}
	}
	return true
}

// Near lists the codes of the points near a code off the grid, by distance, then number.
func (g *Grid) Near(code uint16) []uint16 {
	at := int(^g.Map[code])
	return g.lists[at>>countBits*16:][:at&(1<<countBits-1)]
}

// Snap replaces codes of eight levels off the grid by those of the near points with the smallest Σ w·(value-x)², the
// first of equal ones, where values holds what the levels stand for under each code. It tells whether there were any.
// It is not ok when no error is below the largest float32; then the codes are arbitrary.
func (g *Grid) Snap(codes []uint16, x, w []float32, values *[4][4]float32) (moved, ok bool) {
	var before [4]uint16
	copy(before[:], codes)
	if tier != Plain && g.Bits == 2 && len(codes) > 0 {
		x, w = x[:8*len(codes)], w[:8*len(codes)]
		if done, ok := g.snapFast(codes, x, w, values); done {
			moved := false
			for k, c := range codes {
				moved = moved || c != before[k]
			}
			return moved, ok
		}
	}
	for k, code := range codes {
		if g.Map[code] >= 0 {
			continue
		}
		best := near8(g.Near(code), (*[8]float32)(x[8*k:]), (*[8]float32)(w[8*k:]), &values[k])
		if best >= none {
			return true, false
		}
		codes[k] = uint16(best)
		moved = true
	}
	return moved, true
}

// candidate is a point as a number that is smaller for a smaller error, then for an earlier place in a list: error,
// place, code. The order of errors that are not negative is that of their bits, and comparing numbers costs no
// branches.
type candidate uint64

// none is reached by errors that are no smaller than the largest float32, or NaN.
const none candidate = 0x7f7fffff << 32

func candidateOf(e float32, place int, code uint) candidate {
	return candidate(math.Float32bits(e)&^(1<<31))<<32 | candidate(uint(place)<<16|code)
}

// closest8 finds the candidate with the smallest error among points of eight levels.
func closest8(near []uint16, errors *[32]float32) candidate {
	e0, e1, e2, e3 := (*[4]float32)(errors[:]), (*[4]float32)(errors[4:]), (*[4]float32)(errors[8:]), (*[4]float32)(errors[12:])
	e4, e5, e6, e7 := (*[4]float32)(errors[16:]), (*[4]float32)(errors[20:]), (*[4]float32)(errors[24:]), (*[4]float32)(errors[28:])
	best := none
	for i := range near {
		c := uint(near[i])
		e := e0[c&3] + e1[c>>2&3] + e2[c>>4&3] + e3[c>>6&3] + e4[c>>8&3] + e5[c>>10&3] + e6[c>>12&3] + e7[c>>14&3]
		best = min(best, candidateOf(e, i, c))
	}
	return best
}
