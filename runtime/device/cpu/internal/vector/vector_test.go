package vector

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// TestFMA compares with exact arithmetic: numbers of any size, and sums that are nearly ties of float32.
func TestFMA(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	exact := func(a, b, c float32) float32 {
		x := new(big.Float).SetPrec(700).SetFloat64(float64(a))
		x.Mul(x, new(big.Float).SetPrec(700).SetFloat64(float64(b)))
		x.Add(x, new(big.Float).SetPrec(700).SetFloat64(float64(c)))
		f, _ := x.Float32()
		return f
	}
	finite := func() float32 {
		for {
			if v := math.Float32frombits(r.Uint32()); !math.IsNaN(float64(v)) && !math.IsInf(float64(v), 0) {
				return v
			}
		}
	}
	odd := 0 // where rounding twice would be wrong
	for i := range 400000 {
		a, b, c := finite(), finite(), finite()
		switch i % 4 {
		case 1: // the product is a tie of float32, the rest decides
			a, b = float32(r.IntN(1<<12)|1), float32(r.IntN(1<<13)|1<<12|1)
			c = float32(math.Ldexp(r.Float64()-0.5, -40-r.IntN(60)))
		case 2: // denormal results
			a, b = a*1e-38, float32(math.Ldexp(r.Float64()-0.5, -20))
			c = math.Float32frombits(r.Uint32() & 0x807fffff)
		case 3: // cancellation
			c = -float32(float64(a) * float64(b))
		}
		if math.IsInf(float64(a), 0) || math.IsInf(float64(b), 0) || math.IsInf(float64(c), 0) {
			continue
		}
		got, want := fma(a, b, c), exact(a, b, c)
		if got != want {
			t.Fatalf("fma(%x, %x, %x) = %x, want %x", a, b, c, got, want)
		}
		if float32(math.FMA(float64(a), float64(b), float64(c))) != want {
			odd++
		}
	}
	if odd == 0 {
		t.Error("no case needs the care")
	}
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, v := range [][4]float32{{inf, 1, 0, inf}, {1, 1, -inf, -inf}, {3e38, 3e38, 0, inf}, {3e38, 3e38, -inf, -inf}} {
		if got := fma(v[0], v[1], v[2]); got != v[3] {
			t.Errorf("fma of %v is %v", v[:3], got)
		}
	}
	for _, v := range [][3]float32{{inf, 0, 1}, {nan, 1, 1}, {inf, 1, -inf}} {
		if got := fma(v[0], v[1], v[2]); got == got {
			t.Errorf("fma of %v is %v", v, got)
		}
	}
}

// ulps is the distance of a float32 from the truth in units of its last place.
func ulps(got float32, want float64) float64 {
	_, e := math.Frexp(want)
	return math.Abs(float64(got)-want) / math.Ldexp(1, max(e, -125)-24)
}

// TestExp compares e^x for all x between -87.3 and 0 that have 15 bits, and others, with float64.
func TestExp(t *testing.T) {
	worst := 0.0
	check := func(x float32) {
		if e := ulps(exp(x), math.Exp(float64(x))); e > worst {
			worst = e
		}
	}
	for b := math.Float32bits(-1e-30); b <= math.Float32bits(-87.3); b += 0x101 {
		check(math.Float32frombits(b))
	}
	t.Logf("exp: at most %.3f units in the last place", worst)
	if worst > 1 {
		t.Errorf("exp is wrong by %v units in the last place", worst)
	}
	inf := float32(math.Inf(-1))
	for x, want := range map[float32]float32{0: 1, -88: 0, -1000: 0, -3e38: 0, inf: 0} {
		if got := exp(x); got != want {
			t.Errorf("exp(%v) = %v", x, got)
		}
	}
	for payload := range uint32(1024) {
		if got := exp(math.Float32frombits(0x7fc00000 | payload)); got == got {
			t.Fatalf("exp(NaN) = %v", got)
		}
	}

	far := 0.0
	for x := -699.9; x <= 0; x += 0.00173 {
		want := math.Exp(x)
		far = max(far, math.Abs(Exp(x)-want)/want)
	}
	t.Logf("Exp: relative error at most %.2g", far)
	if !(far < 1e-12) || Exp(0) != 1 || Exp(math.Inf(-1)) > 1e-303 || !math.IsNaN(Exp(math.NaN())) {
		t.Errorf("Exp is wrong by %v; of 0 %v, of -Inf %v, of NaN %v", far, Exp(0), Exp(math.Inf(-1)), Exp(math.NaN()))
	}
}

// Sums that no order of additions may spoil.
func TestSums(t *testing.T) {
	each(t, func(t *testing.T) {
		x := make([]float32, 151936)
		r := rand.New(rand.NewPCG(1, 2))
		for _, size := range []float64{0.1, 3, 30} {
			var sum, squares, most float64
			for i := range x {
				x[i] = float32(r.NormFloat64() * size)
				most = max(most, float64(x[i]))
			}
			for _, v := range x {
				sum += math.Exp(float64(v) - most)
				squares += float64(v) * float64(v)
			}
			if got := Max(x); float64(got) != most {
				t.Errorf("Max %v, want %v", got, most)
			}
			if got := SumExp(x, float32(most)); !(math.Abs(got/sum-1) < 1e-11) {
				t.Errorf("SumExp %v, want %v", got, sum)
			}
			if got := Squares(x); !(math.Abs(got/squares-1) < 1e-11) {
				t.Errorf("Squares %v, want %v", got, squares)
			}
			if got := ExpSum(x, float32(most)); !(math.Abs(got/sum-1) < 1e-7) {
				t.Errorf("ExpSum %v, want %v", got, sum)
			}
		}
	})
}
