package kernel

import "math"

// LevelsFP4 are the values of the sixteen codes of the 4-bit float E2M1, doubled so that they are integers.
// Code 8 is a second zero that is never chosen.
var LevelsFP4 = [16]float32{0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12}

// bordersFP4 are the midpoints of the magnitudes: a code is how many borders |x|/scale is above, and a tie goes
// to the smaller magnitude, which comes first.
var bordersFP4 = [7]float64{0.5, 1.5, 2.5, 3.5, 5, 7, 10}

// codesFP4 has the code of floor(2y) for y ≥ 0, and from 64 on that of -y. Borders are multiples of a half, and
// no y is one: see PackFP4. Every border counts that is not above the floor.
var codesFP4 = func() (codes [128]uint8) {
	for i := range 64 {
		for codes[i] < 7 && float64(i)/2 >= bordersFP4[codes[i]] {
			codes[i]++
		}
		if codes[i] != 0 {
			codes[64+i] = codes[i] + 8
		}
	}
	return codes
}()

// PackFP4 stores the codes of the levels nearest to x under a scale that is not negative; top is the largest
// magnitude in x. Byte j holds the code of value j and, above it, that of value j + len(x)/2.
//
// The reference compares |level·scale - x| for all levels, in single precision. Up to 24 scales these
// differences are exact wherever two are close, so the code is that of |x|/scale between the borders. A quotient
// in double precision, made smaller by 2^-40, is right for all float32: it is below a border that |x| equals,
// and above one that |x| exceeds, which is by 2^-24 of it or more.
func PackFP4(q []byte, x []float32, scale, top float32) {
	half := len(x) / 2
	q = q[:half]
	low, high := x[:half], x[half:][:half]
	if !(top <= 24*scale) || scale > math.MaxFloat32/12 {
		for j := range q {
			q[j] = searchFP4(low[j], scale) | searchFP4(high[j], scale)<<4
		}
		return
	}
	if scale == 0 {
		clear(q)
		return
	}
	inv := (1 - 0x1p-40) / float64(scale) * 2
	for j := range q {
		q[j] = nearestFP4(low[j], inv) | nearestFP4(high[j], inv)<<4
	}
}

// InverseFP4 gives what kernels multiply with to find codes: x times it, cut to an integer, is the number of halves of
// a scale that |x| is above. It is the float32 below 2/scale. For powers of two that is 2·(1-2^-24), which makes a
// product that was an integer less than that; for the other scales of UE4M3 it separates every border from the float32
// above it. It is false where the reference must be followed value by value.
func InverseFP4(scale, top float32) (inverse float32, ok bool) {
	switch {
	case !(top <= 24*scale) || scale >= 1<<125:
		return 0, false
	case top == 0:
		return 0, true
	}
	return math.Float32frombits(math.Float32bits(2/scale) - 1), scale >= 0x1p-126
}

func nearestFP4(x float32, inv float64) uint8 {
	sign := math.Float32bits(x) >> 31 << 6
	return codesFP4[(uint32(int32(float64(Abs(x))*inv))&63|sign)&127]
}

// searchFP4 is the reference's rule itself. Where x is far above the scale the differences round to the same
// value, and where a level overflows its difference is infinite: then codes are chosen that are not nearest.
func searchFP4(x, scale float32) uint8 {
	best, least := 0, Abs(x)
	for i := 1; i < 16; i++ {
		if e := Abs(float32(LevelsFP4[i]*scale) - x); e < least {
			best, least = i, e
		}
	}
	return uint8(best)
}

// UnpackFP4 gives the values of the codes that PackFP4 stored.
func UnpackFP4(x []float32, q []byte, scale float32) {
	half := len(x) / 2
	q = q[:half]
	low, high := x[:half], x[half:][:half]
	for j, c := range q {
		low[j] = LevelsFP4[c&15] * scale
		high[j] = LevelsFP4[c>>4] * scale
	}
}

// Largest gives the largest magnitude of finite values.
func Largest(x []float32) float32 {
	var top uint32 // magnitudes order as their bits do
	for _, v := range x {
		top = max(top, math.Float32bits(v)&^(1<<31))
	}
	return math.Float32frombits(top)
}
