package vector

import "math"

// Group is how many values kernels take at once; lengths that say so are multiples of it.
const Group = 16

// fma is a·b + c rounded once. The product is exact in float64, but the sum is not: rounding it to 53 bits and then to
// 24 would be wrong where the first rounding makes a tie of what is none.
func fma(a, b, c float32) float32 {
	if r := math.FMA(float64(a), float64(b), float64(c)); !doubtful(r) {
		return float32(r)
	}
	return fmaOdd(a, b, c)
}

// doubtful tells that a float64 is a tie of float32, or lies where float32 has fewer bits. It stands in inner loops, with
// what fma does, because fma is too large for the compiler to do that.
func doubtful(r float64) bool {
	const tie, least = 0x10000000, 0x3810000000000000 // 2^-126
	b := math.Float64bits(r)
	return b&0x1fffffff == tie || b<<1 < least<<1
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
