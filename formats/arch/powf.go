package arch

import "math"

// torch raises a number to a tensor's powers in two ways: 32 elements at a time with SLEEF's powf (Shibata and
// Petrogalli, doi 10.1109/TPDS.2019.2960333), and what is left of the tensor with glibc's powf. Both err by less than
// one unit in the last place, in different places, and the reference writes what they give. The 32 hold for AVX-512;
// on a machine with AVX2 only, torch takes 16, and the file of a model whose heads are not 64, 128 or 256 wide may
// differ in its last bits from one machine to the other. qconv gives the bits of the wider machine everywhere.
const torchLanes = 32

// powers is base ** exponent for each of n exponents, as torch computes it: base > 0, results finite and normal.
func powers(base float32, n int, exponent func(i int) float32) []float32 {
	p := make([]float32, n)
	for i := range p {
		if i < n-n%torchLanes {
			p[i] = sleefPow(base, exponent(i))
		} else {
			p[i] = glibcPow(base, exponent(i))
		}
	}
	return p
}

// sleefPow is e**(y·log x), where the logarithm and the product are kept as the sum of two floats.
func sleefPow(x, y float32) float32 {
	return expPair(logPair(x).scaled(y))
}

// pair is hi + lo, |lo| at most half a unit in hi's last place.
type pair struct{ hi, lo float32 }

// fma is a*b + c rounded once. The product is exact in double precision; the sum is rounded to odd
// there, so that the second rounding cannot go wrong.
func fma(a, b, c float32) float32 {
	p, q := float64(a)*float64(b), float64(c)
	s := p + q
	t := s - p
	if low := (p - (s - t)) + (q - t); low != 0 && math.Float64bits(s)&1 == 0 {
		if (low > 0) == (s > 0) {
			s = math.Float64frombits(math.Float64bits(s) + 1)
		} else {
			s = math.Float64frombits(math.Float64bits(s) - 1)
		}
	}
	return float32(s)
}

// sum2 is a + b exactly.
func sum2(a, b float32) pair {
	s := a + b
	v := s - a
	return pair{s, float32(a-float32(s-v)) + float32(b-v)}
}

// add is p + q for |p| >= |q|.
func (p pair) add(q pair) pair {
	s := p.hi + q.hi
	return pair{s, float32(float32(float32(p.hi-s)+q.hi)+p.lo) + q.lo}
}

// sum is p + q in any order of size.
func (p pair) sum(q pair) pair {
	s := sum2(p.hi, q.hi)
	return pair{s.hi, s.lo + float32(p.lo+q.lo)}
}

// plus is p + b.
func (p pair) plus(b float32) pair {
	s := sum2(p.hi, b)
	return pair{s.hi, s.lo + p.lo}
}

// times is p * q.
func (p pair) times(q pair) pair {
	s := p.hi * q.hi
	return pair{s, fma(p.hi, q.lo, fma(p.lo, q.hi, fma(p.hi, q.hi, -s)))}
}

// scaled is p * b.
func (p pair) scaled(b float32) pair {
	s := p.hi * b
	return pair{s, fma(p.lo, b, fma(p.hi, b, -s))}
}

// squared is p * p.
func (p pair) squared() pair {
	s := p.hi * p.hi
	return pair{s, fma(p.hi+p.hi, p.lo, fma(p.hi, p.hi, -s))}
}

// over is p / q.
func (p pair) over(q pair) pair {
	t := 1 / q.hi
	s := p.hi * t
	u := fma(t, p.hi, -s)
	v := fma(-q.lo, t, fma(-q.hi, t, 1))
	return pair{s, fma(s, v, fma(p.lo, t, u))}
}

// logPair is the logarithm of a positive normal number d = m·2^e, 0.75 <= m < 1.5.
func logPair(d float32) pair {
	e := int(math.Float32bits(d*float32(1/0.75))>>23) - 127
	m := math.Float32frombits(uint32(int(math.Float32bits(d)) - e<<23))
	x := sum2(-1, m).over(sum2(1, m))
	x2 := x.squared()
	t := fma(0.240320354700088500976562, x2.hi, 0.285112679004669189453125)
	t = fma(t, x2.hi, 0.400007992982864379882812)
	s := pair{0.69314718246459960938, -1.904654323148236017e-09}.scaled(float32(e))
	s = s.add(pair{x.hi * 2, x.lo * 2})
	c := pair{0.66666662693023681640625, 3.69183861259614332084311e-09}
	return s.add(x2.times(x).times(x2.scaled(t).sum(c)))
}

// expPair is e**d as one float.
func expPair(d pair) float32 {
	q := float32(math.RoundToEven(float64(float32(d.hi+d.lo) * 1.442695040888963407359924681001892137426645954152985934135449406931)))
	s := d.plus(q * -0.693145751953125).plus(q * -1.428606765330187045e-06)
	hi := s.hi + s.lo
	s = pair{hi, float32(s.hi-hi) + s.lo}
	u := float32(0.00136324646882712841033936)
	u = fma(u, s.hi, 0.00836596917361021041870117)
	u = fma(u, s.hi, 0.0416710823774337768554688)
	u = fma(u, s.hi, 0.166665524244308471679688)
	u = fma(u, s.hi, 0.499999850988388061523438)
	t := s.add(s.squared().scaled(u))
	one := 1 + t.hi
	lo := float32(float32(1-one)+t.hi) + t.lo
	return float32(math.Ldexp(float64(one+lo), int(q)))
}
