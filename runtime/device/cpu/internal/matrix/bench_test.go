package matrix

import (
	"fmt"
	"testing"

	"github.com/qconv/qconv/formats/gguf"
)

// BenchmarkMultiply gives 10^9 multiplications and additions a second, of one thread. The weight is larger than the
// caches when n is 1.
func BenchmarkMultiply(b *testing.B) {
	for _, t := range []gguf.Type{
		gguf.TypeQ8_0, gguf.TypeQ4_0, gguf.TypeQ4_K, gguf.TypeQ6_K, gguf.TypeQ5_K, gguf.TypeQ3_K, gguf.TypeQ2_K,
		gguf.TypeIQ4_XS, gguf.TypeIQ2_XXS, gguf.TypeIQ3_S, gguf.TypeBF16, gguf.TypeF16, gguf.TypeF32,
	} {
		for _, n := range []int{1, 8, 512} {
			b.Run(fmt.Sprintf("%v/n=%d", t, n), func(b *testing.B) {
				rows, cols := 1536, 1536
				if n == 1 {
					rows = 32 * 1536
				}
				w := repeated(b, t, rows, cols)
				x := vectors(n, cols, 1)
				var a Activations
				var s Scratch
				a.Set(x, cols, n, cols, w)
				y := make([]float32, rows*n)
				for b.Loop() {
					Multiply(y, rows, &a, w, 0, rows, &s)
				}
				b.ReportMetric(2*float64(rows)*float64(cols)*float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
				if n == 1 {
					b.ReportMetric(float64(len(w.Blocks))*float64(b.N)/b.Elapsed().Seconds()/1e9, "GB/s")
				}
			})
		}
	}
}

func BenchmarkSet(b *testing.B) {
	const n, cols = 512, 1536
	w := repeated(b, gguf.TypeQ8_0, 16, cols)
	x := vectors(n, cols, 1)
	var a Activations
	for b.Loop() {
		a.Set(x, cols, n, cols, w)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n/cols, "ns/value")
}

// repeated is a weight that consists of the same sixteen rows.
func repeated(b *testing.B, t gguf.Type, rows, cols int) *Weight {
	some, _ := sample(b, t, 16, cols, 1)
	blocks := make([]byte, 0, rows/16*len(some.Blocks))
	for range rows / 16 {
		blocks = append(blocks, some.Blocks...)
	}
	w, err := NewWeight(t, rows, cols, blocks)
	if err != nil {
		b.Fatal(err)
	}
	return w
}
