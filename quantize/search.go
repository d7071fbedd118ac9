package quantize

import "math"

// The searches below find a scale, and codes under it, with a small weighted error. They are the
// reference's: which candidates are tried, in which order, and how every sum is rounded decide bytes.
// Each product that is added is converted first, because Go may fuse it otherwise; testdata/no_fma.sh
// looks for what slipped through.

// tiny is the magnitude below which a group of values counts as zero.
const tiny float32 = 1e-15

// maxGroup is the largest number of values that are searched together.
const maxGroup = 32

// nearest rounds to an integer, ties to even, for magnitudes up to 4194303; beyond it gives what the
// bits happen to say, like the reference. The conversion keeps a product in x from fusing.
func nearest(x float32) int32 {
	return int32(math.Float32bits(float32(x)+12582912)&0x7fffff) - 0x400000
}

// peak gives the first value of largest magnitude, with its sign.
func peak(x []float32) float32 {
	var most, at float32
	for _, v := range x {
		if a := abs32(v); a > most {
			most, at = a, v
		}
	}
	return at
}

// squares puts x² into w.
func squares(w, x []float32) {
	w = w[:len(x)]
	for i, v := range x {
		w[i] = v * v
	}
}

// weighImportance puts importance, raised for large values, into w. sigma2 is converted because a
// quotient by a power of two is a product to the compiler.
func weighImportance(w, x, importance []float32, sigma2 float32) {
	w, importance = w[:len(x)], importance[:len(x)]
	for i, v := range x {
		w[i] = importance[i] * sqrt32(float32(sigma2)+float32(v*v))
	}
}

// sum adds in index order.
func sum(x []float32) (s float32) {
	for _, v := range x {
		s += v
	}
	return s
}

// sumSquares adds squares in index order.
func sumSquares(x []float32) (s float32) {
	for _, v := range x {
		s += float32(v * v)
	}
	return s
}

// searchSigned finds codes 0 … 2·nmax-1 and gives the scale: x ≈ scale·(code-nmax). A group that
// counts as zero gets codes 0, not nmax, and scale 0.
func searchSigned(codes []int8, x, w []float32, nmax int32) float32 {
	n := len(x)
	codes, w = codes[:n], w[:n]
	top := peak(x)
	if abs32(top) < tiny {
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
	var scale float32
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
		codes[i] = int8(nmax + clamp(nearest(inv*v), -nmax, nmax-1))
	}
	return scale
}

// signedSums gives Σ w·x·l and Σ w·l² for the codes under an inverse scale.
func signedSums(x, w, wx []float32, inv float32, nmax int32) (xl, ll float32) {
	w, wx = w[:len(x)], wx[:len(x)]
	for i, v := range x {
		l := float32(clamp(nearest(inv*v), -nmax, nmax-1))
		xl += float32(wx[i] * l)
		ll += float32(w[i] * l * l)
	}
	return xl, ll
}

func clamp(v, low, high int32) int32 { return max(low, min(high, v)) }

// refineSigned finds codes 0 … 2·nmax-1 by moving one at a time while that lowers the error weighted
// with x².
func refineSigned(codes []int8, x []float32, nmax int32) float32 {
	n := len(x)
	codes = codes[:n]
	top := peak(x)
	if abs32(top) < tiny {
		clear(codes)
		return 0
	}
	inv := -float32(nmax) / top
	var xl, ll float32
	for i, v := range x {
		c := clamp(nearest(inv*v), -nmax, nmax-1)
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
			c := clamp(nearest(v*sl/sx), -nmax, nmax-1)
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
