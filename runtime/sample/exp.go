package sample

import "math"

// exp is e^x for x <= 0, the same bits on every platform: math.Exp has versions in assembly that differ in the last bit,
// and the compiler may fuse a product with a sum unless a conversion stands between them.
func exp(x float64) float64 {
	if x < -745.2 { // below half of the smallest number; also -Inf
		return 0
	}
	// x = k ln 2 + r with |r| <= ln(2)/2. The upper part of ln 2 has its last 21 bits zero, so that k times it is exact.
	const (
		log2e   = 1.44269504088896338700e+00
		ln2High = 6.93147180369123816490e-01
		ln2Low  = 1.90821492927058770002e-10
	)
	k := math.Round(x * log2e)
	r := float64(x-float64(k*ln2High)) - float64(k*ln2Low)
	// The series of e^r; its 14th term is below 2^-53 of the sum.
	sum := 1.0
	for n := 14.0; n >= 1; n-- {
		sum = 1 + float64(float64(sum*r)/n)
	}
	return math.Ldexp(sum, int(k))
}
