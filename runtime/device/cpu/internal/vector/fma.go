package vector

import "math"

// Group is how many values kernels take at once; lengths that say so are multiples of it.
const Group = 16

// fma is a·b + c rounded once. The product is exact in float64, but the sum is not: rounding it to 53 bits and then to
// 24 would be wrong where the first rounding makes a tie of what is none.
func fma(a, b, c float32) float32 {
	r := math.FMA(float64(a), float64(b), float64(c))
	const tie, least = 0x10000000, 0x1p-126
	if math.Float64bits(r)&0x1fffffff != tie && math.Abs(r) >= least {
		return float32(r)
	}
	return fmaOdd(a, b, c)
}

// fmaOdd rounds the sum to odd first, after which rounding again is right whatever the places.
func fmaOdd(a, b, c float32) float32 {
	p, z := float64(a)*float64(b), float64(c)
	s := p + z
	if math.IsNaN(s) || math.IsInf(s, 0) {
		return float32(s)
	}
	// What the sum lost, exactly.
	t := s - p
	lost := (p - (s - t)) + (z - t)
	if bits := math.Float64bits(s); lost != 0 && bits&1 == 0 {
		if (lost > 0) == (s > 0) {
			bits++
		} else {
			bits--
		}
		s = math.Float64frombits(bits)
	}
	return float32(s)
}

// fold adds 16 sums: lanes i and i+8, then i+4, i+2 and i+1.
func fold[T float32 | float64](v *[Group]T) T {
	for half := Group / 2; half > 0; half /= 2 {
		for i := range half {
			v[i] += v[i+half]
		}
	}
	return v[0]
}
