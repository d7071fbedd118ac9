package kernel_test

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"github.com/qconv/qconv/quantize/internal/kernel"
	"github.com/qconv/qconv/quantize/internal/kernel/kerneltest"
)

// randomGrid has count points. The fewer there are, the longer are the lists of neighbours.
func randomGrid(r *rand.Rand, bits, levels, nwant, count int) *kernel.Grid {
	var codes []uint16
	for len(codes) < count {
		var c uint16
		for range 32 >> bits {
			c = c<<bits | uint16(r.IntN(levels))
		}
		if !slices.Contains(codes, c) {
			codes = append(codes, c)
		}
	}
	slices.Sort(codes)
	return kernel.NewGrid(bits, levels, nwant, codes)
}

// gridValues are magnitudes, a few of them negative, and weights.
var gridValues = map[string]func(r *rand.Rand) (x, w float32){
	"ordinary": func(r *rand.Rand) (x, w float32) {
		return float32(math.Abs(r.NormFloat64())), float32(r.ExpFloat64())
	},
	"some negative": func(r *rand.Rand) (x, w float32) {
		return float32(r.NormFloat64() + 1), float32(r.ExpFloat64())
	},
	"ties": func(r *rand.Rand) (x, w float32) { return float32(r.IntN(3)), 1 },
	"ties and weights": func(r *rand.Rand) (x, w float32) {
		return float32(r.IntN(5)) / 2, float32(r.IntN(2))
	},
	"mostly zero": func(r *rand.Rand) (x, w float32) {
		return float32(max(0, r.IntN(12)-10)), [2]float32{float32(math.Copysign(0, -1)), 1}[r.IntN(2)]
	},
	"subnormal": func(r *rand.Rand) (x, w float32) {
		return float32(r.IntN(200)) * math.SmallestNonzeroFloat32, float32(r.ExpFloat64())
	},
	"subnormal weights": func(r *rand.Rand) (x, w float32) {
		return float32(math.Abs(r.NormFloat64())), float32(r.IntN(9)) * math.SmallestNonzeroFloat32
	},
	"any magnitude": func(r *rand.Rand) (x, w float32) {
		return float32(math.Exp(9 * r.NormFloat64())), float32(math.Exp(9 * r.NormFloat64()))
	},
	"huge": func(r *rand.Rand) (x, w float32) {
		return float32(r.Float64() * math.MaxFloat32), float32(r.ExpFloat64())
	},
	"errors at the limit": func(r *rand.Rand) (x, w float32) {
		return float32(r.Float64() * 3e19), float32(r.ExpFloat64())
	},
}

// SearchGrid gives the points and the scale of plain Go on every tier, and ends as NaN for the same values.
func TestSearchGrid(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	grids := []*kernel.Grid{
		randomGrid(r, 2, 3, 2, 256), randomGrid(r, 2, 3, 1, 1024), randomGrid(r, 2, 3, 3, 40),
		randomGrid(r, 3, 8, 2, 256), randomGrid(r, 3, 8, 3, 512), randomGrid(r, 3, 8, 3, 20),
	}
	sweeps := []kernel.GridSweep{
		{Step: 0.1, Last: 6, Refit: kernel.RefitAll}, {Step: 0.1, Last: 9}, {Step: 0.2, Last: 15},
		{Step: 0.2, Last: 9, Refit: kernel.RefitOnce}, {Step: 0.1, Last: 16},
	}
	guarded := func() []float32 {
		b := kerneltest.Guarded(t, 4*32, false)
		return unsafe.Slice((*float32)(unsafe.Pointer(&b[0])), 32)
	}
	allX, allW := guarded(), guarded()
	kerneltest.Each(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 6))
		for _, name := range slices.Sorted(maps.Keys(gridValues)) {
			value, none := gridValues[name], 0
			for i := range 400 {
				g, s, n := grids[i%len(grids)], &sweeps[i%len(sweeps)], []int{16, 32, 32, 8}[i%4]
				x, w := allX[32-n:], allW[32-n:] // nothing behind them can be read
				var peak float32
				for k := range x {
					x[k], w[k] = value(r)
					peak = max(peak, x[k])
				}
				if i%10 == 0 { // not the largest, so that levels are clamped
					peak *= 0.3
				}
				scale := peak / float32(2*g.Levels-1)
				got, want := make([]uint16, n<<g.Bits/32), make([]uint16, n<<g.Bits/32)
				gotScale := kernel.SearchGrid(got, g, x, w, peak, scale, s)
				before := kernel.Use(kernel.Plain)
				wantScale := kernel.SearchGrid(want, g, x, w, peak, scale, s)
				kernel.Use(before)
				if !same(gotScale, wantScale) || !slices.Equal(got, want) {
					t.Fatalf("%s, case %d: scale %v and points %x, plain Go gives %v and %x", name, i, gotScale, got, wantScale, want)
				}
				if wantScale != wantScale {
					none++
				}
			}
			if name == "ordinary" && none > 0 || name == "errors at the limit" && (none == 0 || none == 400) {
				t.Errorf("%s: %d of 400 searches end as NaN", name, none)
			}
		}
	})
}
