package kernel

import "math"

// GridSweep says which inverse scales SearchGrid tries, (top + Step·k) / peak for k = -Last … Last, where top is the
// odd number of the highest level, and which groups it fits once more with the scale that it has found.
type GridSweep struct {
	Step  float32
	Last  int32
	Refit Refit
}

// Refit names the groups that are fitted again.
type Refit uint8

const (
	RefitMoved Refit = iota // those that were off the grid
	RefitOnce               // all, unless all were on the grid
	RefitAll                // all
)

// SearchGrid finds points of the grid and gives the scale: x ≈ scale·(2·level+1). x has up to four groups of eight or
// up to eight of four values, and codes gets the code of each group's point. peak is the value for the highest level
// to begin with, and scale the answer if no inverse scale is better than none. The answer is NaN when errors overflow,
// so that no point is the closest; the reference ends the program then.
func SearchGrid(codes []uint16, g *Grid, x, w []float32, peak, scale float32, s *GridSweep) float32 {
	if found, ok := searchGridFast(codes, g, x, w, peak, scale, s); ok {
		return found
	}
	return searchGrid(codes, g, x, w, peak, scale, s)
}

// searchGrid is SearchGrid without kernels.
func searchGrid(codes []uint16, g *Grid, x, w []float32, peak, scale float32, s *GridSweep) float32 {
	f := gridFit{g: g, x: x}
	f.init(w)
	var tried [8]uint16
	try := tried[:len(codes)]
	all := uint8(1<<len(codes) - 1)
	var moved uint8
	if s.Refit != RefitMoved {
		moved = all
	}
	clear(codes)
	var best float32
	top := float32(2*g.Levels - 1)
	for k := -s.Last; k <= s.Last; k++ {
		inv := (top + float32(float32(k)*s.Step)) / peak
		off, ok := f.find(try, all, inv, 1/inv)
		if !ok {
			return float32(math.NaN())
		}
		xl, ll := f.sums(try)
		if ll > 0 && xl*xl > best*ll {
			scale = xl / ll
			best = scale * xl
			moved = off
			copy(codes, try)
		}
	}
	if s.Refit == RefitAll || s.Refit == RefitOnce && moved != 0 {
		moved = all
	}
	if moved == 0 || !(scale > 0) {
		return scale
	}
	if _, ok := f.find(codes, moved, 1/scale, scale); !ok {
		return float32(math.NaN())
	}
	if xl, ll := f.sums(codes); ll > 0 {
		scale = xl / ll
	}
	return scale
}

// gridFit is what stays the same while scales are tried.
type gridFit struct {
	g     *Grid
	x     []float32
	root  [maxGroup]float32 // square roots of the weights
	terms [256]gridSum      // of value i and level l at i<<Bits|l
}

// gridSum holds Σ w·x·q and Σ w·q², or what one value adds to them, for q = 2·level+1.
type gridSum struct{ xl, ll float32 }

func (f *gridFit) init(w []float32) {
	g, x := f.g, f.x
	w = w[:len(x)]
	for i, v := range x {
		f.root[i] = Sqrt(w[i])
		wx := w[i] * v
		for l := range g.Levels {
			q := float32(2*l + 1)
			f.terms[i<<g.Bits|l] = gridSum{wx * q, w[i] * q * q}
		}
	}
}

// sums adds in the order of values.
func (f *gridFit) sums(codes []uint16) (xl, ll float32) {
	if f.g.Bits == 2 {
		for k, c := range codes {
			for i := range 8 {
				t := &f.terms[(32*k+4*i+int(c&3))&255]
				xl += t.xl
				ll += t.ll
				c >>= 2
			}
		}
		return xl, ll
	}
	for k, c := range codes {
		for i := range 4 {
			t := &f.terms[(32*k+8*i+int(c&7))&255]
			xl += t.xl
			ll += t.ll
			c >>= 3
		}
	}
	return xl, ll
}

// find puts the code of the point for a scale into those codes whose bit is set in groups, and tells which groups
// were off the grid. It is not ok when no point is the closest.
func (f *gridFit) find(codes []uint16, groups uint8, inv, scale float32) (off uint8, ok bool) {
	var odd [8]float32 // scaled odd numbers of the levels
	for l := range odd {
		odd[l] = scale * float32(2*l+1)
	}
	for k := range codes {
		if groups>>k&1 == 0 {
			continue
		}
		var code uint16
		if f.g.Bits == 2 {
			x := (*[8]float32)(f.x[8*k:])
			if code = code8(x, inv); f.g.Map[code] < 0 {
				best := near8(f.g.Near(code), x, (*[8]float32)(f.root[8*k:]), (*[4]float32)(odd[:]))
				if best >= none {
					return off, false
				}
				off |= 1 << k
				code = uint16(best)
			}
		} else {
			x := (*[4]float32)(f.x[4*k:])
			if code = code4(x, inv); f.g.Map[code] < 0 {
				best := near4(f.g.Near(code), x, (*[4]float32)(f.root[4*k:]), &odd)
				if best >= none {
					return off, false
				}
				off |= 1 << k
				code = uint16(best)
			}
		}
		codes[k] = code
	}
	return off, true
}

// code8 rounds eight values to levels 0 … 2.
func code8(x *[8]float32, inv float32) uint16 {
	c := level(x[0], inv, 2) | level(x[1], inv, 2)<<2 | level(x[2], inv, 2)<<4 | level(x[3], inv, 2)<<6
	return uint16(c | level(x[4], inv, 2)<<8 | level(x[5], inv, 2)<<10 | level(x[6], inv, 2)<<12 | level(x[7], inv, 2)<<14)
}

// code4 rounds four values to levels 0 … 7.
func code4(x *[4]float32, inv float32) uint16 {
	return uint16(level(x[0], inv, 7) | level(x[1], inv, 7)<<3 | level(x[2], inv, 7)<<6 | level(x[3], inv, 7)<<9)
}

// level rounds x to an odd number of units, the inverse of which is inv, and gives its level.
func level(x, inv float32, top int32) int32 {
	return Clamp(Nearest(0.5*(float32(inv*x)-1)), 0, top)
}

// near8 finds the point with the smallest Σ w·(values[level]-x)².
func near8(near []uint16, x, w *[8]float32, values *[4]float32) candidate {
	var errors [32]float32
	for i, v := range x {
		e := (*[4]float32)(errors[4*i:])
		d0, d1, d2 := values[0]-v, values[1]-v, values[2]-v
		e[0], e[1], e[2] = w[i]*d0*d0, w[i]*d1*d1, w[i]*d2*d2
	}
	return closest8(near, &errors)
}

// near4 is near8 for groups of four. They have so few neighbours that a table of errors does not pay.
func near4(near []uint16, x, w *[4]float32, odd *[8]float32) candidate {
	best := none
	x0, x1, x2, x3 := x[0], x[1], x[2], x[3]
	w0, w1, w2, w3 := w[0], w[1], w[2], w[3]
	for i := range near {
		c := uint(near[i])
		d0, d1, d2, d3 := odd[c&7]-x0, odd[c>>3&7]-x1, odd[c>>6&7]-x2, odd[c>>9&7]-x3
		e := float32(w0*d0*d0) + float32(w1*d1*d1) + float32(w2*d2*d2) + float32(w3*d3*d3)
		best = min(best, candidateOf(e, i, c))
	}
	return best
}
