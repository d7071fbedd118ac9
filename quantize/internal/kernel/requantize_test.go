package kernel_test

import (
	"math"
	"slices"
	"testing"

	"github.com/qconv/qconv/quantize/internal/kernel"
	"github.com/qconv/qconv/quantize/internal/kernel/kerneltest"
)

// TestRequantizeEdges chooses codes where products with 1/scale could go another way than quotients: halfway between
// codes and one step of a float32 beside that, beyond what rounding by addition takes, and for scales and offsets whose
// reciprocals or sums overflow. All lanes of a tile are alike, so that none takes the others along to the safe way.
func TestRequantizeEdges(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	var quotients []float32
	for half := float32(-70.5); half <= 70.5; half += 0.5 {
		for _, q := range []float32{half, math.Nextafter32(half, inf), math.Nextafter32(half, -inf)} {
			quotients = append(quotients, q)
		}
	}
	for e := 10; e < 40; e++ {
		quotients = append(quotients, float32(math.Ldexp(1, e)), -float32(math.Ldexp(1, e)), float32(math.Ldexp(1.5, e))+0.5)
	}
	scales := []float32{1, 3, 1.0 / 3, -0.7, 1e-3, 1e-29, 1e-31, 1e-39, 1e-45, 1e29, 1e31, 3e38, inf, nan, 0}
	offsets := []float32{0, 0.1, -5, 1e36, 1e38, inf, nan}
	bounds := [][3]int32{{-4, 3, 4}, {-32, 31, 32}, {0, 3, 0}, {0, 15, 0}, {0, 31, 0}}
	kerneltest.Each(t, func(t *testing.T) {
		for _, scale := range scales {
			for _, offset := range offsets {
				var s, o kernel.Row
				var x []float32
				for l := range s {
					s[l], o[l] = scale, offset
				}
				for _, q := range quotients {
					if v := q*scale - offset; v-v == 0 { // kernels take finite values
						x = append(x, slices.Repeat([]float32{v}, kernel.Lanes)...)
					}
				}
				// In small groups, so that an edge does not send the others the safe way.
				for at := 0; at < len(x); at += 3 * kernel.Lanes {
					part := x[at:min(at+3*kernel.Lanes, len(x))]
					for _, b := range bounds {
						got := slices.Repeat([]uint8{77}, len(part))
						want := slices.Clone(got)
						kernel.RequantizeRows(got, part, &s, &o, b[0], b[1], b[2])
						for i, v := range part {
							if scale != 0 {
								want[i] = uint8(kernel.Clamp(kernel.Nearest((v+offset)/scale), b[0], b[1]) + b[2])
							}
						}
						if !slices.Equal(got, want) {
							t.Fatalf("scale %v, offset %v, codes %d … %d of %v:\n%v, want\n%v", scale, offset, b[0], b[1], part, got, want)
						}
					}
				}
			}
		}
	})
}
