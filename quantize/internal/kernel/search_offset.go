package kernel

// Sweep says which inverse scales SearchOffset tries: (first + step·k + nmax) / range for k = 0 … last.
type Sweep struct {
	First, Step float32
	Last        int
	Absolute    bool // the error is |e| instead of e²
}

// WeightedSweep is the sweep of all types when importance is given.
var WeightedSweep = Sweep{First: -0.9, Step: 0.05, Last: 36}

// SearchOffset finds codes 0 … nmax and gives scale and offset: x ≈ scale·code - offset. The offset is
// not negative.
func SearchOffset(codes []uint8, x, w []float32, nmax int32, s *Sweep) (scale, offset float32) {
	n := len(x)
	codes, w = codes[:n], w[:n]
	low, high := x[0], x[0]
	sumW := w[0]
	sumX := sumW * x[0]
	for i := 1; i < n; i++ {
		v := x[i]
		if v < low {
			low = v
		}
		if v > high {
			high = v
		}
		sumW += w[i]
		sumX += float32(w[i] * v)
	}
	if low > 0 {
		low = 0
	}
	if high <= low {
		clear(codes)
		return 0, -low
	}
	inv := float32(nmax) / (high - low)
	scale = 1 / inv
	for i, v := range x {
		codes[i] = uint8(Clamp(Nearest(inv*(v-low)), 0, nmax))
	}
	best := offsetError(codes, x, w, scale, low, s.Absolute)
	var tried [maxGroup]uint8
	try := tried[:n]
	for k := 0; k <= s.Last; k++ {
		inv = (s.First + float32(s.Step*float32(k)) + float32(nmax)) / (high - low)
		var l1, l2, lx float32
		for i, v := range x {
			c := Clamp(Nearest(inv*(v-low)), 0, nmax)
			try[i] = uint8(c)
			l := float32(c)
			wl := float32(w[i] * l)
			l1 += wl
			l2 += float32(wl * l)
			lx += float32(wl * v)
		}
		d := float32(sumW*l2) - float32(l1*l1)
		if !(d > 0) {
			continue
		}
		fit := (float32(sumW*lx) - float32(sumX*l1)) / d
		bottom := (float32(l2*sumX) - float32(l1*lx)) / d
		if bottom > 0 {
			bottom = 0
			fit = lx / l2
		}
		if e := offsetError(try, x, w, fit, bottom, s.Absolute); e < best {
			copy(codes, try)
			best, scale, low = e, fit, bottom
		}
	}
	return scale, -low
}

// offsetError gives Σ w·|e| or Σ w·e² for e = scale·code + low - x.
func offsetError(codes []uint8, x, w []float32, scale, low float32, absolute bool) (e float32) {
	codes, w = codes[:len(x)], w[:len(x)]
	if absolute {
		for i, v := range x {
			e += float32(w[i] * Abs(float32(scale*float32(codes[i]))+low-v))
		}
		return e
	}
	for i, v := range x {
		d := float32(scale*float32(codes[i])) + low - v
		e += float32(w[i] * float32(d*d))
	}
	return e
}

// SearchPositive finds codes for values that are not negative and gives the scale: x ≈ scale·code,
// codes up to nmax. There is no lower bound: a negative value gives a code that wraps, as in the
// reference.
func SearchPositive(codes []uint8, x, w []float32, nmax int32) float32 {
	n := len(x)
	codes, w = codes[:n], w[:n]
	var top float32
	for _, v := range x {
		if !(top > v) {
			top = v
		}
	}
	if top < Tiny {
		clear(codes)
		return 0
	}
	inv := float32(nmax) / top
	var best float32
	scale := 1 / inv
	for i, v := range x {
		d := v - float32(scale*float32(uint8(Nearest(inv*v))))
		best += float32(w[i] * d * d)
	}
	for k := int32(-4); k <= 4; k++ {
		if k == 0 {
			continue
		}
		try := (float32(0.1*float32(k)) + float32(nmax)) / top
		scale := 1 / try
		var e float32
		for i, v := range x {
			d := v - float32(scale*float32(min(nmax, Nearest(try*v))))
			e += float32(w[i] * d * d)
		}
		if e < best {
			best, inv = e, try
		}
	}
	var xl, ll float32
	for i, v := range x {
		c := min(nmax, Nearest(inv*v))
		codes[i] = uint8(c)
		l := float32(c)
		xl += float32(w[i] * v * l)
		ll += float32(w[i] * l * l)
	}
	for range 5 {
		changed := false
		for i, v := range x {
			l := float32(codes[i])
			sx := xl - float32(w[i]*v*l)
			sl := ll - float32(w[i]*l*l)
			if !(sx > 0 && sl > 0) {
				continue
			}
			c := min(nmax, Nearest(v*sl/sx))
			if c == int32(codes[i]) {
				continue
			}
			l = float32(c)
			sx += float32(w[i] * v * l)
			sl += float32(w[i] * l * l)
			if sx*sx*ll > xl*xl*sl {
				codes[i] = uint8(c)
				xl, ll = sx, sl
				changed = true
			}
		}
		if !changed {
			break
		}
	}
	if ll > 0 {
		return xl / ll
	}
	return 0
}
