package quantize

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/qconv/qconv/quantize/internal/kernel/kerneltest"
)

// Every tier gives the bytes of plain Go for blocks of few different values, where much depends on which of two equal
// magnitudes or of two zeros comes first, and on what overflows or underflows.
func TestTiersFewValues(t *testing.T) {
	sets := fewValues()
	kerneltest.Each(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 4))
		for _, c := range List() {
			for range 40 {
				x, weight := fewValuesRow(r, sets, 2048), make([]float32, 2048)
				for i := range weight {
					weight[i] = float32(r.IntN(3))
				}
				for _, w := range [][]float32{nil, weight} {
					if w == nil && c.NeedWeight {
						continue
					}
					want, got := make([]byte, blockBytes(c, len(x))), make([]byte, blockBytes(c, len(x)))
					plainEncode(c, want, x, w)
					c.Encode(got, x, w)
					if !bytes.Equal(got, want) {
						t.Fatalf("%v, weighted=%v: %d bytes differ from plain Go's", c.Type, w != nil, countDiffer(got, want))
					}
				}
			}
		}
	})
}

func fewValues() [][]float32 {
	minusZero := float32(math.Copysign(0, -1))
	const subnormal, most = math.SmallestNonzeroFloat32, math.MaxFloat32
	return [][]float32{
		{0}, {minusZero}, {0, minusZero}, {0, minusZero, 1}, {0, minusZero, -1}, {1, -1}, {0, minusZero, 1, -1, 0.5},
		{minusZero, subnormal}, {0, subnormal, -subnormal}, {0, 8 * subnormal, -16 * subnormal}, {0x1p-126, -0x1p-126, minusZero},
		{most, -most, 0}, {most, minusZero}, {-most, 1}, {most}, {65504 * 127, -65504 * 127}, {65519 * 8, -65520 * 8, 1}, {0x1p-25 * 8, -0x1p-25 * 8},
		{7.5, -8, 0.5, -0.5}, {0.49999997, -0.49999997, 127}, {15.5, 15, 0.5, 0}, {0x1p-128, -0x1p-128, 0}, {0x1p-125, -0x1p-124, minusZero},
	}
}

// fewValuesRow draws every 32 values from one of the sets, in which the first are frequent; neighbours often share
// a set.
func fewValuesRow(r *rand.Rand, sets [][]float32, n int) []float32 {
	x := make([]float32, n)
	set := sets[r.IntN(len(sets))]
	for i := range x {
		if i%32 == 0 && r.IntN(2) == 0 {
			set = sets[r.IntN(len(sets))]
		}
		x[i] = set[min(r.IntN(len(set)), r.IntN(len(set)))]
	}
	return x
}
