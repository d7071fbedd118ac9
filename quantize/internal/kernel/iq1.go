package kernel

import "math"

// LevelsIQ1 are the values of the levels 0, 1 and 2, shifted up and shifted down.
var LevelsIQ1 = [2][3]float32{{-0.875, 0.125, 1.125}, {-1.125, -0.125, 0.875}}

// SearchShifted finds levels of 32 values, with one shift for all, and gives the scale: x ≈ scale·LevelsIQ1[shift][level].
// Eight levels make a code, as in Grid. It tries all ways to cut the sorted values into three parts, with either shift. The scale may be negative, which
// the caller turns around; ok is false when nothing has weight.
func SearchShifted(codes *[4]uint16, x, w []float32) (scale float32, shift int, ok bool) {
	const n = 32
	var order [n]uint8
	sortStably(order[:], x[:n])
	var sx, sw [n + 1]float32
	for j, i := range order {
		sx[j+1] = sx[j] + float32(w[i]*x[i])
		sw[j+1] = sw[j] + w[i]
	}
	// Sums before a cut, and what the values behind the second cut add to Σ w·q·x and Σ w·q² with either shift.
	type cut struct{ x, w, up, down, upW, downW float32 }
	var cuts [n + 1]cut
	for i := range cuts {
		x, w := sx[n]-sx[i], sw[n]-sw[i]
		cuts[i] = cut{
			x: sx[i], up: float32(x * 1.125), down: float32(x * 0.875),
			w: sw[i], upW: float32(w * 1.125 * 1.125), downW: float32(w * 0.875 * 0.875),
		}
	}
	best := float32(-math.MaxFloat32)
	var cut1, cut2 int
	for i1 := range cuts {
		a := &cuts[i1]
		up, down := float32(a.x*-0.875), float32(a.x*-1.125)
		upW, downW := float32(a.w*-0.875*-0.875), float32(a.w*-1.125*-1.125)
		for i2 := i1; i2 < len(cuts); i2++ {
			b := &cuts[i2]
			middle := float32((b.x - a.x) * 0.125)
			middleW := float32((b.w - a.w) * 0.125 * 0.125)
			if qx, qq := up+middle+b.up, upW+middleW+b.upW; qx*qx > best*qq && qq > 0 {
				scale = qx / qq
				best = scale * qx
				cut1, cut2, shift, ok = i1, i2, 0, true
			}
			if qx, qq := down-middle+b.down, downW+middleW+b.downW; qx*qx > best*qq && qq > 0 {
				scale = qx / qq
				best = scale * qx
				cut1, cut2, shift, ok = i1, i2, 1, true
			}
		}
	}
	cutLevels(codes[:], order[:], cut1, cut2)
	return scale, shift, ok
}

// SearchShiftedHalves is SearchShifted for 16 values of which each half has its own shift: bit 1 of shifts tells that
// of the first, bit 0 that of the second.
func SearchShiftedHalves(codes *[2]uint16, x, w []float32) (scale float32, shifts int, ok bool) {
	const n = 16
	var order [n]uint8
	sortStably(order[:], x[:n])
	// Sums of the values of a half among the first in order.
	var sx, sw [2][n + 1]float32
	for j, i := range order {
		sx[0][j+1], sw[0][j+1] = sx[0][j], sw[0][j]
		sx[1][j+1], sw[1][j+1] = sx[1][j], sw[1][j]
		h := i / (n / 2)
		sx[h][j+1] += float32(w[i] * x[i])
		sw[h][j+1] += w[i]
	}
	// A cut at i lowers the values from i on by 1: with both shifts Σ w·q·x = top·Σ w·x - sx[i1] - sx[i2], where
	// top is the value of level 2, and Σ w·q² changes by what is in cuts.
	type cut struct{ x0, x1, up0, down0, up1, down1 float32 }
	var cuts [n + 1]cut
	for i := range cuts {
		w0, w1 := sw[0][i], sw[1][i]
		cuts[i] = cut{sx[0][i], sx[1][i], float32(w0 * 1.25), float32(w0 * 0.75), float32(w1 * 1.25), float32(w1 * 0.75)}
	}
	x0, x1, w0, w1 := sx[0][n], sx[1][n], sw[0][n], sw[1][n]
	xUp0, xDown0, xUp1, xDown1 := float32(x0*1.125), float32(x0*0.875), float32(x1*1.125), float32(x1*0.875)
	wUp0, wDown0 := float32(w0*1.125*1.125), float32(w0*0.875*0.875)
	wUp1, wDown1 := float32(w1*1.125*1.125), float32(w1*0.875*0.875)

	best := float32(-math.MaxFloat32)
	var cut1, cut2 int
	for i1 := range cuts {
		a := &cuts[i1]
		up0, down0, up1, down1 := wUp0+a.down0, wDown0+a.up0, wUp1+a.down1, wDown1+a.up1
		for i2 := i1; i2 < len(cuts); i2++ {
			b := &cuts[i2]
			s0, s1 := a.x0+b.x0, a.x1+b.x1
			qxUp0, qxDown0, qxUp1, qxDown1 := xUp0-s0, xDown0-s0, xUp1-s1, xDown1-s1
			qqUp0, qqDown0, qqUp1, qqDown1 := up0-b.up0, down0-b.down0, up1-b.up1, down1-b.down1
			if qx, qq := qxUp0+qxUp1, qqUp0+qqUp1; qx*qx > best*qq && qq > 0 {
				scale = qx / qq
				best = scale * qx
				cut1, cut2, shifts, ok = i1, i2, 0, true
			}
			if qx, qq := qxUp0+qxDown1, qqUp0+qqDown1; qx*qx > best*qq && qq > 0 {
				scale = qx / qq
				best = scale * qx
				cut1, cut2, shifts, ok = i1, i2, 1, true
			}
			if qx, qq := qxDown0+qxUp1, qqDown0+qqUp1; qx*qx > best*qq && qq > 0 {
				scale = qx / qq
				best = scale * qx
				cut1, cut2, shifts, ok = i1, i2, 2, true
			}
			if qx, qq := qxDown0+qxDown1, qqDown0+qqDown1; qx*qx > best*qq && qq > 0 {
				scale = qx / qq
				best = scale * qx
				cut1, cut2, shifts, ok = i1, i2, 3, true
			}
		}
	}
	cutLevels(codes[:], order[:], cut1, cut2)
	return scale, shifts, ok
}

// cutLevels gives level 0 to what comes before the first cut, 1 up to the second and 2 to the rest.
func cutLevels(codes []uint16, order []uint8, cut1, cut2 int) {
	clear(codes)
	for j, i := range order[cut1:] {
		level := uint16(1)
		if j >= cut2-cut1 {
			level = 2
		}
		codes[i/8] |= level << (i % 8 * 2)
	}
}

// MirrorIQ1 exchanges the levels 0 and 2 of codes: what a scale with the other sign and the other shift asks for.
func MirrorIQ1(codes []uint16) {
	for k, c := range codes {
		codes[k] = 0xaaaa - c
	}
}

// sortStably gives the indices of up to 32 values in ascending order, those of equal ones in their own; 0 and -0 are
// equal.
func sortStably(order []uint8, x []float32) {
	var keys [32]uint64 // bits that order as the values do, and the index
	for i, v := range x {
		b := math.Float32bits(v + 0) // -0 becomes 0
		b ^= uint32(int32(b)>>31) | 1<<31
		key := uint64(b)<<32 | uint64(i)
		j := i
		for ; j > 0 && keys[j-1] > key; j-- {
			keys[j] = keys[j-1]
		}
		keys[j] = key
	}
	for j := range order {
		order[j] = uint8(keys[j])
	}
}
