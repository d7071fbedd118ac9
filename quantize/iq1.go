package quantize

import (
	"math"

	"github.com/qconv/qconv/quantize/internal/kernel"
)

// snapIQ1 replaces codes of eight levels by points of the grid and gives their numbers. values holds what levels stand
// for under each code. Where a code is off the grid the scale is fitted again. It becomes NaN where the errors of all
// near points overflow: the reference ends the program there, and Check refuses the block.
func snapIQ1(points, codes []uint16, x, w []float32, scale float32, values *[4]*[3]float32) float32 {
	g := gridIQ1()
	snapped := false
	for k, code := range codes {
		if p := g.Map[code]; p >= 0 {
			points[k] = uint16(p)
			continue
		}
		snapped = true
		var errors [32]float32
		for j, v := range x[8*k:][:8] {
			for l, value := range values[k] {
				d := float32(scale*value) - v
				errors[4*j+l] = w[8*k+j] * d * d
			}
		}
		p := g.Closest(code, &errors)
		if p < 0 {
			return float32(math.NaN())
		}
		points[k] = uint16(p)
	}
	if !snapped {
		return scale
	}
	var qx, qq float32
	for k, p := range points[:len(codes)] {
		addFitIQ1(&qx, &qq, x[8*k:][:8], w[8*k:][:8], p, values[k], 1)
	}
	if qx > 0 && qq > 0 {
		return qx / qq
	}
	return scale
}

// meanSquares sets twice the mean square of each lane's block.
func meanSquares(t *kernel.Tile) {
	kernel.SumSquaresRows(&t.Sigma2, t.X[:])
	for l, s := range t.Sigma2 {
		t.Sigma2[l] = 2 * s / 256
	}
}

// addFitIQ1 adds w·q·x and w·q² of eight values, where q is what the levels of a point stand for, times a factor.
func addFitIQ1(qx, qq *float32, x, w []float32, point uint16, values *[3]float32, factor float32) {
	code := codesIQ1[point&2047]
	w = w[:len(x)]
	for j, v := range x {
		q := values[code>>(2*j)&3] * factor
		wq := w[j] * q
		*qx += float32(wq * v)
		*qq += float32(wq * q)
	}
}

// oddEighth rounds a scale to one of 1, 3 … 15 units, stored as 0 … 7; inv is 1/unit.
func oddEighth(scale, inv float32) uint8 {
	return uint8(kernel.Clamp(kernel.Nearest(0.5*(float32(inv*scale)-1)), 0, 7))
}

// putIQ1 gives the eight values of a point.
func putIQ1(x []float32, point uint16, scale float32, values *[3]float32) {
	v := [4]float32{scale * values[0], scale * values[1], scale * values[2]}
	code := codesIQ1[point&2047]
	for j := range x[:8] {
		x[j] = v[code>>(2*j)&3]
	}
}
