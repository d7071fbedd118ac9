package vector

import "math"

// Constants of exponentials: e^x = 2^n·e^r with n = round(x/ln 2). Adding magic rounds, and leaves n in the last bits.
const (
	log2E    = 1 / math.Ln2
	magic    = 0x1.8p23
	ln2High  = 0x1.62e4p-1
	ln2Low   = math.Ln2 - ln2High
	least    = -87.3 // e^least is the smallest result: 1.2e-38
	magic64  = 0x1.8p52
	least64  = -700
	lastTerm = 10

	one, one64 = 0x3f800000, 0x3ff0000000000000 // the bits of 1
)

// coefficients are of e^r by falling powers, |r| ≤ ln 2 / 2: the relative error is 4e-9.
var coefficients = [7]float32{0x1.6a23cep-10, 0x1.123a2p-7, 0x1.5558f2p-5, 0x1.555492p-3, 0x1.fffffcp-2, 1, 1}

// exp gives e^x for x ≤ 0 to about one unit in the last place; below -87.3 it gives 0.
func exp(x float32) float32 {
	if x < least {
		return 0
	}
	t := fma(x, log2E, magic)
	n := t - magic
	r := fma(n, -ln2High, x)
	r = fma(n, -ln2Low, r)
	p := coefficients[0]
	for _, c := range coefficients[1:] {
		p = fma(p, r, c)
	}
	return p * math.Float32frombits(math.Float32bits(t)<<23+one) // exact; NaN stays NaN
}

// inverseFactorials are the coefficients of e^r by falling powers, from 1/lastTerm! on.
var inverseFactorials = func() (c [lastTerm + 1]float64) {
	f := 1.0
	for i := range c {
		c[lastTerm-i] = 1 / f
		f *= float64(i + 1)
	}
	return c
}()

// Exp gives e^x for x ≤ 0 to about 1e-13; below -700 it gives 1e-304.
func Exp(x float64) float64 {
	if x < least64 {
		x = least64
	}
	t := math.FMA(x, log2E, magic64)
	r := math.FMA(t-magic64, -math.Ln2, x)
	p := inverseFactorials[0]
	for _, c := range inverseFactorials[1:] {
		p = math.FMA(p, r, c)
	}
	return p * math.Float64frombits(math.Float64bits(t)<<52+one64)
}

// Max gives the largest number; NaN is no number, and -Inf is what there is without any.
func Max(x []float32) float32 {
	minus := float32(math.Inf(-1))
	most := minus
	if whole := len(x) / Group * Group; whole > 0 {
		lanes := [Group]float32{}
		for i := range lanes {
			lanes[i] = minus
		}
		if largestFast(x[:whole], &lanes) {
			x = x[whole:]
			for _, v := range lanes {
				most = max(most, v)
			}
		}
	}
	for _, v := range x {
		if v > most {
			most = v
		}
	}
	return most
}

// ExpSum makes e^(x-most) of all values, of which none may be larger than most; len(x) is a multiple of Group. It gives
// their sum in float64, of 16 partial sums.
func ExpSum(x []float32, most float32) float64 {
	if len(x)%Group != 0 {
		panic("vector: a row of odd length")
	}
	var lanes [Group]float64
	if len(x) > 0 && !expSumFast(x, most, &lanes) {
		for i, v := range x {
			x[i] = exp(v - most)
			lanes[i%Group] += float64(x[i])
		}
	}
	return fold(&lanes)
}

// SumExp gives the sum of e^(x-most), of which none may be larger than most, to about 1e-13.
func SumExp(x []float32, most float32) float64 {
	var lanes [Group]float64
	if whole := len(x) / Group * Group; whole > 0 && sumExpFast(x[:whole], float64(most), &lanes) {
		x = x[whole:]
	}
	for i, v := range x {
		lanes[i%Group] += Exp(float64(v) - float64(most))
	}
	return fold(&lanes)
}

// Squares gives the sum of squares in float64.
func Squares(x []float32) float64 {
	var lanes [Group]float64
	if whole := len(x) / Group * Group; whole > 0 && squaresFast(x[:whole], &lanes) {
		x = x[whole:]
	}
	for i, v := range x {
		lanes[i%Group] += float64(v) * float64(v) // the product is exact, fused or not
	}
	return fold(&lanes)
}
