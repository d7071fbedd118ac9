package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// nearestLevel4 is the reference's rule: the ends first, then a binary search for the two levels around x, of which
// the higher one wins a tie.
func nearestLevel4(x float32) int {
	if x <= Levels4[0] {
		return 0
	}
	if x >= Levels4[15] {
		return 15
	}
	low, high := 0, 15
	for high-low > 1 {
		if middle := (low + high) / 2; x < Levels4[middle] {
			high = middle
		} else {
			low = middle
		}
	}
	if x-Levels4[high-1] < Levels4[high]-x {
		return high - 1
	}
	return high
}

// around gives a float32 and its neighbours on both sides.
func around(x float32, n int) []float32 {
	out := []float32{x}
	up, down := x, x
	for range n {
		up = math.Nextafter32(up, float32(math.Inf(1)))
		down = math.Nextafter32(down, float32(math.Inf(-1)))
		out = append(out, up, down)
	}
	return out
}

func TestNearestLevel4(t *testing.T) {
	check := func(x float32) {
		want := nearestLevel4(x)
		if got := int(NearestLevel4(x)); got != want {
			t.Fatalf("%v (%#08x): code %d, want %d", x, math.Float32bits(x), got, want)
		}
		count := 0
		for _, b := range Borders4 {
			if !(x < b) {
				count++
			}
		}
		if count != want {
			t.Fatalf("%v (%#08x) is not below %d borders, want %d", x, math.Float32bits(x), count, want)
		}
		// The search's own way: one value, of weight 1, under an inverse scale of 1.
		if qx, qq := levelSums4([]float32{x}, []float32{1}, 1); x > -256 && x < 256 {
			if q := Levels4[want]; qq != q*q || qx != q*x {
				t.Fatalf("%v (%#08x): Σq² is %v, want %v", x, math.Float32bits(x), qq, q*q)
			}
		}
	}
	for _, b := range Borders4 {
		for _, x := range around(b, 1000) {
			check(x)
		}
	}
	for _, l := range Levels4 {
		for _, x := range around(l, 1000) {
			check(x)
		}
	}
	for _, x := range []float32{0, 128, 256, 512, 1024, 65536, 0x1p31, 0x1p40, math.MaxFloat32, float32(math.Inf(1)), 0x1p-126, 0x1p-149} {
		for _, y := range around(x, 3) {
			check(y)
			check(-y)
		}
	}
	check(float32(math.NaN()))
	check(float32(math.Copysign(math.NaN(), -1)))
	r := rand.New(rand.NewPCG(1, 4))
	for range 1 << 20 {
		check(math.Float32frombits(r.Uint32()))
		check((r.Float32() - 0.5) * 300)
	}
}
