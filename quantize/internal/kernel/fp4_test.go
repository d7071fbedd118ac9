package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// PackFP4 against the rule that it takes a shortcut for, at all borders of scales of both kinds: powers of two down
// to the smallest subnormal one, and multiples by up to 15/8.
func TestPackFP4(t *testing.T) {
	check := func(x, scale float32) {
		t.Helper()
		var q [1]byte
		PackFP4(q[:], []float32{x, -x}, scale, Abs(x))
		if want := searchFP4(x, scale) | searchFP4(-x, scale)<<4; q[0] != want {
			t.Fatalf("±%v (%#08x) under the scale %v: codes %#02x, want %#02x", x, math.Float32bits(x), scale, q[0], want)
		}
	}
	for e := -149; e <= 127; e++ {
		for _, m := range []float64{8, 9, 10, 11, 12, 13, 14, 15} {
			scale := float32(math.Ldexp(m/8, e))
			for _, b := range append(bordersFP4[:], 1, 2, 3, 4, 6, 8, 12, 16, 23.9999, 24, 24.0001, 30, 100, 1<<22, 1<<23, 1<<24, 1<<25, 1<<26) {
				x := float32(math.Ldexp(b*m/8, e))
				for _, x := range around(x, 3) {
					if x-x == 0 {
						check(x, scale)
					}
				}
			}
			check(0, scale)
		}
	}
	r := rand.New(rand.NewPCG(1, 5))
	for range 1 << 20 {
		scale := math.Float32frombits(r.Uint32() >> 1 % 0x7f800000)
		check(r.Float32()*16*min(scale, 0x1p123), scale)
	}
	check(1, 0)
	check(0, 0)
	check(math.MaxFloat32, 0x1p125)
}

func TestLargest(t *testing.T) {
	if got := Largest([]float32{1, -3, 2}); got != 3 {
		t.Errorf("%v, want 3", got)
	}
	if got := Largest([]float32{float32(math.Copysign(0, -1)), 0}); math.Float32bits(got) != 0 {
		t.Errorf("%v, want 0", got)
	}
	if got := Largest([]float32{0, -0x1p-149}); got != 0x1p-149 {
		t.Errorf("%v, want 2^-149", got)
	}
}
