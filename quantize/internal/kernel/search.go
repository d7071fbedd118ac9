package kernel

import "math"

// The searches below find a scale, and codes under it, with a small weighted error. They are the
// reference's: which candidates are tried, in which order, and how every sum is rounded decide bytes.
// Each product that is added is converted first, because Go may fuse it otherwise; testdata/no_fma.sh
// looks for what slipped through.

// Tiny is the magnitude below which a group of values counts as zero.
const Tiny float32 = 1e-15

// maxGroup is the largest number of values that are searched together.
const maxGroup = 32

// Nearest rounds to an integer, ties to even, for magnitudes up to 4194303; beyond it gives what the
// bits happen to say, like the reference. The conversion keeps a product in x from fusing.
func Nearest(x float32) int32 {
	return int32(math.Float32bits(float32(x)+12582912)&0x7fffff) - 0x400000
}

// Peak gives the first value of largest magnitude, with its sign.
func Peak(x []float32) float32 {
	var most, at float32
	for _, v := range x {
		if a := Abs(v); a > most {
			most, at = a, v
		}
	}
	return at
}

// Squares puts x² into w.
func Squares(w, x []float32) {
	w = w[:len(x)]
	for i, v := range x {
		w[i] = v * v
	}
}

// WeighImportance puts importance, raised for large values, into w. sigma2 is converted because a
// quotient by a power of two is a product to the compiler.
func WeighImportance(w, x, importance []float32, sigma2 float32) {
	w, importance = w[:len(x)], importance[:len(x)]
	for i, v := range x {
		w[i] = importance[i] * Sqrt(float32(sigma2)+float32(v*v))
	}
}

// Sum adds in index order.
func Sum(x []float32) (s float32) {
	for _, v := range x {
		s += v
	}
	return s
}

// SumSquares adds squares in index order.
func SumSquares(x []float32) (s float32) {
	for _, v := range x {
		s += float32(v * v)
	}
	return s
}

// SearchSigned finds codes 0 … 2·nmax-1 and gives the scale: x ≈ scale·(code-nmax). A group that
// counts as zero gets codes 0, not nmax, and scale 0.
func SearchSigned(codes []int8, x, w []float32, nmax int32) (scale float32) {
	n := len(x)
	codes, w = codes[:n], w[:n]
	top := Peak(x)
	if Abs(top) < Tiny {
		clear(codes)
		return 0
	}
	var products [maxGroup]float32
	wx := products[:n]
	for i, v := range x {
		wx[i] = w[i] * v
	}
	inv := -float32(nmax) / top
	xl, ll := signedSums(x, w, wx, inv, nmax)
	if ll != 0 {
		scale = xl / ll
	}
	best := scale * xl
	for k := int32(-9); k <= 9; k++ {
		if k == 0 {
			continue
		}
		try := -(float32(nmax) + float32(0.1*float32(k))) / top
		xl, ll := signedSums(x, w, wx, try, nmax)
		if ll > 0 && xl*xl > best*ll {
			inv = try
			scale = xl / ll
			best = scale * xl
		}
	}
	for i, v := range x {
		codes[i] = int8(nmax + Clamp(Nearest(inv*v), -nmax, nmax-1))
	}
	return scale
}

// signedSums gives Σ w·x·l and Σ w·l² for the codes under an inverse scale.
func signedSums(x, w, wx []float32, inv float32, nmax int32) (xl, ll float32) {
	w, wx = w[:len(x)], wx[:len(x)]
	for i, v := range x {
		l := float32(Clamp(Nearest(inv*v), -nmax, nmax-1))
		xl += float32(wx[i] * l)
		ll += float32(w[i] * l * l)
	}
	return xl, ll
}

func Clamp(v, low, high int32) int32 { return max(low, min(high, v)) }

// RefineSigned finds codes 0 … 2·nmax-1 by moving one at a time while that lowers the error weighted
// with x².
func RefineSigned(codes []int8, x []float32, nmax int32) float32 {
	n := len(x)
	codes = codes[:n]
	top := Peak(x)
	if Abs(top) < Tiny {
		clear(codes)
		return 0
	}
	inv := -float32(nmax) / top
	var xl, ll float32
	for i, v := range x {
		c := Clamp(Nearest(inv*v), -nmax, nmax-1)
		codes[i] = int8(c)
		l, w := float32(c), v*v
		xl += float32(w * v * l)
		ll += float32(w * l * l)
	}
	for range 5 {
		changed := false
		for i, v := range x {
			l, w := float32(codes[i]), v*v
			sx := xl - float32(w*v*l)
			if !(sx > 0) {
				continue
			}
			sl := ll - float32(w*l*l)
			c := Clamp(Nearest(v*sl/sx), -nmax, nmax-1)
			if c == int32(codes[i]) {
				continue
			}
			l = float32(c)
			sx += float32(w * v * l)
			sl += float32(w * l * l)
			if sl > 0 && sx*sx*ll > xl*xl*sl {
				codes[i] = int8(c)
				xl, ll = sx, sl
				changed = true
			}
		}
		if !changed {
			break
		}
	}
	for i := range codes {
		codes[i] += int8(nmax)
	}
	if ll > 0 {
		return xl / ll
	}
	return 0
}

// Abs is |x|.
func Abs(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }

// Sqrt is the square root, rounded once.
func Sqrt(x float32) float32 { return float32(math.Sqrt(float64(x))) }
