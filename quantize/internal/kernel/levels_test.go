package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The kernels find the code that the borders say, for values beside every border and for any other.
func TestLevelRows(t *testing.T) {
	inf := float32(math.Inf(1))
	values := []float32{0, 1e-45, 128, 134, 1e9, 3e38, inf, float32(math.NaN())}
	for _, b := range Borders4 {
		values = append(values, b, math.Nextafter32(b, inf), math.Nextafter32(b, -inf))
	}
	for i := range 1200 {
		values = append(values, float32(i)/8)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 10000 {
		values = append(values, math.Float32frombits(r.Uint32()))
	}
	for _, v := range values {
		values = append(values, -v)
	}
	values = values[:len(values)/Lanes*Lanes]
	var one Row
	for l := range one {
		one[l] = 1
	}
	codes := make([]uint8, len(values))
	for _, tr := range Available() {
		before := Use(tr)
		LevelRows(codes, values, &one)
		Use(before)
		for i, v := range values {
			want := uint8(0)
			for want < 15 && !(v < Borders4[want]) {
				want++
			}
			if codes[i] != want {
				t.Fatalf("%v: code of %v is %d, want %d", tr, v, codes[i], want)
			}
		}
	}
}
