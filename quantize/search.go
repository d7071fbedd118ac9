package quantize

import "math"

// The searches that K-quants and weighted legacy types share (llama.cpp v0.5.0, ggml-quants.c). Sums run in
// index order, each operation rounded to single precision; float32(a*b) keeps Go from fusing.

const tiny = 1e-15

// rne rounds to the nearest integer, ties to even, for |x| < 2^22.
func rne(x float32) int32 {
	return int32(math.Float32bits(x+12582912)&0x7fffff) - 0x400000
}

func clamp(lo, hi, v int32) int32 { return max(lo, min(hi, v)) }

// signedMax gives the first value of largest magnitude, and the magnitude.
func signedMax(x []float32) (v, magnitude float32) {
	for _, e := range x {
		if a := abs32(e); a > magnitude {
			magnitude, v = a, e
		}
	}
	return v, magnitude
}

// searchScale finds the scale s and codes L in 0..2n-1 that make s*(L-n) near x, weighted by w: the codes
// at -n/max, then 18 nearby scales. It returns s; all codes are 0 where x is.
func searchScale(n int32, x, w []float32, codes []uint8) float32 {
	m, magnitude := signedMax(x)
	if magnitude < tiny {
		clear(codes)
		return 0
	}
	inv := -float32(n) / m
	var xl, l2 float32
	for i, v := range x {
		l := clamp(-n, n-1, rne(inv*v))
		codes[i] = uint8(l + n)
		xl += float32(float32(w[i]*v) * float32(l))
		l2 += float32(float32(w[i]*float32(l)) * float32(l))
	}
	var scale float32
	if l2 != 0 {
		scale = xl / l2
	}
	best := scale * xl
	for k := -9; k <= 9; k++ {
		if k == 0 {
			continue
		}
		inv = -(float32(n) + float32(0.1*float32(k))) / m
		xl, l2 = 0, 0
		for i, v := range x {
			l := clamp(-n, n-1, rne(inv*v))
			xl += float32(float32(w[i]*v) * float32(l))
			l2 += float32(float32(w[i]*float32(l)) * float32(l))
		}
		if l2 > 0 && float32(xl*xl) > float32(best*l2) {
			for i, v := range x {
				codes[i] = uint8(clamp(-n, n-1, rne(inv*v)) + n)
			}
			scale = xl / l2
			best = scale * xl
		}
	}
	return scale
}

// sweepScale is searchScale for 3 bits without importance: weights x², and up to five sweeps that move
// one code at a time.
func sweepScale(n int32, x []float32, codes []uint8) float32 {
	m, magnitude := signedMax(x)
	if magnitude < tiny {
		clear(codes)
		return 0
	}
	var at [32]int32
	inv := -float32(n) / m
	var xl, l2 float32
	for i, v := range x {
		l := clamp(-n, n-1, rne(inv*v))
		at[i] = l
		w := v * v
		xl += float32(float32(w*v) * float32(l))
		l2 += float32(float32(w*float32(l)) * float32(l))
	}
	for range 5 {
		changed := false
		for i, v := range x {
			w := v * v
			old := float32(at[i])
			sxl := xl - float32(float32(w*v)*old)
			if sxl <= 0 {
				continue
			}
			sl2 := l2 - float32(float32(w*old)*old)
			l := clamp(-n, n-1, rne(float32(v*sl2)/sxl))
			if l == at[i] {
				continue
			}
			sxl += float32(float32(w*v) * float32(l))
			sl2 += float32(float32(w*float32(l)) * float32(l))
			if sl2 > 0 && float32(float32(sxl*sxl)*l2) > float32(float32(xl*xl)*sl2) {
				at[i], xl, l2 = l, sxl, sl2
				changed = true
			}
		}
		if !changed {
			break
		}
	}
	for i := range x {
		codes[i] = uint8(at[i] + n)
	}
	if l2 > 0 {
		return xl / l2
	}
	return 0
}

// steps are the candidates of searchAffine: inverse scales (first + delta*k + n) / range for k = 0..count.
type steps struct {
	first, delta float32
	count        int
	absolute     bool // minimise the absolute error instead of the square
}

// searchAffine finds scale, minimum and codes L in 0..n that make scale*L - minimum near x, weighted by w.
func searchAffine(n int32, x, w []float32, codes []uint8, st steps) (scale, minimum float32) {
	lo, hi := x[0], x[0]
	sumW := w[0]
	sumX := sumW * x[0]
	for i := 1; i < len(x); i++ {
		lo, hi = min32(lo, x[i]), max32(hi, x[i])
		sumW += w[i]
		sumX += float32(w[i] * x[i])
	}
	if lo > 0 {
		lo = 0
	}
	if hi <= lo {
		clear(codes)
		return 0, -lo
	}
	inv := float32(n) / (hi - lo)
	scale = 1 / inv
	var best float32
	for i, v := range x {
		l := clamp(0, n, rne(inv*(v-lo)))
		codes[i] = uint8(l)
		best += float32(w[i] * st.miss(scale, lo, l, v))
	}
	var try [32]uint8
	for k := 0; k <= st.count; k++ {
		inv = (st.first + float32(st.delta*float32(k)) + float32(n)) / (hi - lo)
		var sumL, sumL2, sumXL float32
		for i, v := range x {
			l := clamp(0, n, rne(inv*(v-lo)))
			try[i] = uint8(l)
			wl := w[i] * float32(l)
			sumL += wl
			sumL2 += float32(wl * float32(l))
			sumXL += float32(wl * v)
		}
		d := float32(sumW*sumL2) - float32(sumL*sumL)
		if d <= 0 {
			continue
		}
		s := (float32(sumW*sumXL) - float32(sumX*sumL)) / d
		m := (float32(sumL2*sumX) - float32(sumL*sumXL)) / d
		if m > 0 {
			m = 0
			s = sumXL / sumL2
		}
		var miss float32
		for i, v := range x {
			miss += float32(w[i] * st.miss(s, m, int32(try[i]), v))
		}
		if miss < best {
			copy(codes, try[:len(x)])
			best, scale, lo = miss, s, m
		}
	}
	return scale, -lo
}

func (st *steps) miss(scale, lo float32, l int32, v float32) float32 {
	d := float32(scale*float32(l)) + lo - v
	if st.absolute {
		return abs32(d)
	}
	return d * d
}

// min32 and max32 keep the first of two equal values, as C's comparisons do.
func min32(a, b float32) float32 {
	if b < a {
		return b
	}
	return a
}

func max32(a, b float32) float32 {
	if b > a {
		return b
	}
	return a
}

// searchPositive finds the scale s and codes L in 0..n that make s*L near x >= 0, weighted by w.
func searchPositive(n int32, x, w []float32, codes []uint8) float32 {
	var hi float32
	for _, v := range x {
		hi = max32(hi, v)
	}
	if hi < tiny {
		clear(codes)
		return 0
	}
	inv := float32(n) / hi
	scale := 1 / inv
	var best float32
	for i, v := range x {
		codes[i] = uint8(rne(inv * v))
		d := v - float32(scale*float32(codes[i]))
		best += float32(float32(w[i]*d) * d)
	}
	for k := -4; k <= 4; k++ {
		if k == 0 {
			continue
		}
		tryInv := (float32(0.1*float32(k)) + float32(n)) / hi
		tryScale := 1 / tryInv
		var miss float32
		for i, v := range x {
			l := min(n, rne(tryInv*v))
			d := v - float32(tryScale*float32(l))
			miss += float32(float32(w[i]*d) * d)
		}
		if miss < best {
			best, inv = miss, tryInv
		}
	}
	var xl, l2 float32
	for i, v := range x {
		l := min(n, rne(inv*v))
		codes[i] = uint8(l)
		xl += float32(float32(w[i]*v) * float32(l))
		l2 += float32(float32(w[i]*float32(l)) * float32(l))
	}
	for range 5 {
		changed := false
		for i, v := range x {
			old := float32(codes[i])
			sxl := xl - float32(float32(w[i]*v)*old)
			sl2 := l2 - float32(float32(w[i]*old)*old)
			if sxl <= 0 || sl2 <= 0 {
				continue
			}
			l := min(n, rne(float32(v*sl2)/sxl))
			if l == int32(codes[i]) {
				continue
			}
			sxl += float32(float32(w[i]*v) * float32(l))
			sl2 += float32(float32(w[i]*float32(l)) * float32(l))
			if float32(float32(sxl*sxl)*l2) > float32(float32(xl*xl)*sl2) {
				codes[i], xl, l2 = uint8(l), sxl, sl2
				changed = true
			}
		}
		if !changed {
			break
		}
	}
	if l2 > 0 {
		return xl / l2
	}
	return 0
}

// importance fills w with qw * sqrt(sigma2 + x²).
func importance(w, x, qw []float32, sigma2 float32) {
	for i, v := range x {
		w[i] = qw[i] * sqrt32(sigma2+float32(v*v))
	}
}

func sumSquares(x []float32) (s float32) {
	for _, v := range x {
		s += float32(v * v)
	}
	return s
}

func sum(x []float32) (s float32) {
	for _, v := range x {
		s += v
	}
	return s
}
