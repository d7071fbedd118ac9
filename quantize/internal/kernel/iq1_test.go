package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Many ties, zeros of both signs among them: equal values keep their order.
func TestSortStably(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 6))
	negativeZero := float32(math.Copysign(0, -1))
	values := []float32{0, negativeZero, 1, -1, 0x1p-149, -0x1p-149, math.MaxFloat32, -math.MaxFloat32, 0.5, 0.25}
	for _, n := range []int{1, 2, 16, 32} {
		for range 1000 {
			x := make([]float32, n)
			want := make([]uint8, n)
			for i := range x {
				x[i] = values[r.IntN(len(values))]
				want[i] = uint8(i)
			}
			slices.SortStableFunc(want, func(a, b uint8) int {
				switch {
				case x[a] < x[b]:
					return -1
				case x[a] > x[b]:
					return 1
				}
				return 0
			})
			got := make([]uint8, n)
			sortStably(got, x)
			if !slices.Equal(got, want) {
				t.Fatalf("%v: order %v, want %v", x, got, want)
			}
		}
	}
}

// Without weight there is nothing to fit.
func TestShiftedSearchesWithoutWeight(t *testing.T) {
	x := make([]float32, 32)
	for i := range x {
		x[i] = float32(i) - 15
	}
	w := make([]float32, 32)
	if _, _, ok := SearchShifted(new([4]uint16), x, w); ok {
		t.Error("32 values without weight have a scale")
	}
	if _, _, ok := SearchShiftedHalves(new([2]uint16), x[:16], w[:16]); ok {
		t.Error("16 values without weight have a scale")
	}
}

// Values that are exactly those of three levels are found again, with either shift and sign.
func TestShiftedSearchesFindExactValues(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 7))
	w := make([]float32, 32)
	for i := range w {
		w[i] = 1
	}
	for range 200 {
		unit := float32(1 + r.IntN(7))
		if r.IntN(2) == 0 {
			unit = -unit
		}
		shifts := r.IntN(4)
		x := make([]float32, 32)
		for i := range x {
			x[i] = unit * LevelsIQ1[shifts&1][r.IntN(3)]
		}
		var codes [4]uint16
		scale, shift, ok := SearchShifted(&codes, x, w)
		for i, v := range x {
			if got := scale * LevelsIQ1[shift][levelAt(codes[:], i)]; !ok || Abs(got-v) > 1e-5 {
				t.Fatalf("value %d of %v is %v", i, x, got)
			}
		}
		x = x[:16]
		for i := range x {
			x[i] = unit * LevelsIQ1[shifts>>(1-i/8)&1][r.IntN(3)]
		}
		var half [2]uint16
		scale, shifts, ok = SearchShiftedHalves(&half, x, w[:16])
		for i, v := range x {
			if got := scale * LevelsIQ1[shifts>>(1-i/8)&1][levelAt(half[:], i)]; !ok || Abs(got-v) > 1e-5 {
				t.Fatalf("value %d of %v is %v", i, x, got)
			}
		}
	}
}

// levelAt is level i of codes of eight.
func levelAt(codes []uint16, i int) uint16 { return codes[i/8] >> (i % 8 * 2) & 3 }
