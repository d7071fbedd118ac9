package kernel

import "math"

// Grid is a set of points with small levels as coordinates, and for every code that is none of them the
// points near it. A code packs levels, the first in the lowest bits: eight of two bits or four of three.
type Grid struct {
	Bits   int      // of a level: 2 or 3
	Levels int      // how many a coordinate may have: 0 … Levels-1
	Codes  []uint16 // the points, ascending

	// Map gives for a code the number of its point or, below zero, -1-s: Near[s] is then how many points are
	// near it, and Near[s+1:] lists their numbers by distance, then number. Codes with a level that no point may
	// have are not asked for.
	Map  []int32
	Near []uint16
}

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
		start := len(g.Near)
		g.Map[code] = -1 - int32(start)
		g.Near = append(g.Near, make([]uint16, 1+near)...)
		g.Near[start] = uint16(near)
		list := g.Near[start+1:]
		for i, d := range distance {
			if int(d) <= last {
				list[next[d]] = uint16(i)
				next[d]++
			}
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

// Closest gives the number of the point near code that has the smallest error, the first of equal ones, or -1 when
// no error is below the largest float32. errors holds the error of level l of coordinate i at i<<Bits|l; errors are
// added in the order of coordinates. The code must be off the grid.
func (g *Grid) Closest(code uint16, errors *[32]float32) int {
	start := -1 - g.Map[code]
	near := g.Near[start+1:][:g.Near[start]]
	best, at := float32(math.MaxFloat32), -1
	if g.Bits == 2 {
		for _, n := range near {
			c := g.Codes[n]
			e := errors[c&3] + errors[4|c>>2&3] + errors[8|c>>4&3] + errors[12|c>>6&3]
			e = e + errors[16|c>>8&3] + errors[20|c>>10&3] + errors[24|c>>12&3] + errors[28|c>>14]
			if e < best {
				best, at = e, int(n)
			}
		}
		return at
	}
	for _, n := range near {
		c := g.Codes[n]
		e := errors[c&7] + errors[8|c>>3&7] + errors[16|c>>6&7] + errors[24|c>>9&7]
		if e < best {
			best, at = e, int(n)
		}
	}
	return at
}
