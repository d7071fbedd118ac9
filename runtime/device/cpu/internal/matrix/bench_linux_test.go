package matrix

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/qconv/qconv/formats/gguf"
)

// BenchmarkMultiply gives 10^9 multiplications and additions a second of one thread's processor time, with the kernels that
// QCONV_CPU names. The weight is larger than the
// caches when n is 1.
func BenchmarkMultiply(b *testing.B) {
	if name := os.Getenv("QCONV_CPU"); name != "" {
		if err := Use(name); err != nil {
			b.Fatal(err)
		}
	}
	for _, t := range []gguf.Type{
		gguf.TypeQ8_0, gguf.TypeQ4_0, gguf.TypeQ4_K, gguf.TypeQ6_K, gguf.TypeQ5_K, gguf.TypeQ3_K, gguf.TypeQ2_K,
		gguf.TypeIQ4_XS, gguf.TypeIQ1_S, gguf.TypeIQ2_XXS, gguf.TypeIQ3_S, gguf.TypeBF16, gguf.TypeF16, gguf.TypeF32,
	} {
		for _, n := range []int{1, 8, 512, -512} {
			mode := Precise
			if n < 0 {
				mode, n = Fast, -n
			}
			b.Run(fmt.Sprintf("%v/n=%d/%s", t, n, [...]string{"precise", "fast"}[mode]), func(b *testing.B) {
				rows, cols := 1536, 1536
				if n == 1 {
					rows = 32 * 1536
				}
				w := repeated(b, t, rows, cols)
				x := vectors(n, cols, 1)
				var a Activations
				var s Scratch
				a.Set(mode, x, cols, n, cols, w)
				y := make([]float32, rows*n)
				best := fastest(b, func() { Multiply(y, rows, &a, w, 0, rows, &s) })
				b.ReportMetric(2*float64(rows)*float64(cols)*float64(n)/best, "GFLOP/s")
				if n == 1 {
					b.ReportMetric(float64(len(w.Blocks))/best, "GB/s")
				}
			})
		}
	}
}

// BenchmarkCached is BenchmarkMultiply with one vector and a weight that stays in the caches: what memory would have to
// keep up with.
func BenchmarkCached(b *testing.B) {
	for _, t := range []gguf.Type{gguf.TypeQ8_0, gguf.TypeQ4_0, gguf.TypeQ4_K, gguf.TypeQ6_K, gguf.TypeBF16} {
		b.Run(t.String(), func(b *testing.B) {
			const rows, cols = 128, 1536
			w := repeated(b, t, rows, cols)
			x := vectors(1, cols, 1)
			var a Activations
			var s Scratch
			a.Set(Precise, x, cols, 1, cols, w)
			y := make([]float32, rows)
			best := fastest(b, func() {
				for range 20 {
					Multiply(y, rows, &a, w, 0, rows, &s)
				}
			}) / 20
			b.ReportMetric(2*rows*cols/best, "GFLOP/s")
			b.ReportMetric(float64(len(w.Blocks))/best, "GB/s")
		})
	}
}

func BenchmarkSet(b *testing.B) {
	const n, cols = 512, 1536
	w := repeated(b, gguf.TypeQ8_0, 16, cols)
	x := vectors(n, cols, 1)
	var a Activations
	b.ReportMetric(fastest(b, func() { a.Set(Precise, x, cols, n, cols, w) })/n/cols, "ns/value")
}

// fastest gives the least processor time of a run, in nanoseconds: the machine has other work.
func fastest(b *testing.B, f func()) float64 {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	f()
	best := math.Inf(1)
	for b.Loop() {
		before := threadTime(b)
		f()
		best = min(best, threadTime(b)-before)
	}
	return best
}

func threadTime(b *testing.B) float64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return float64(t.Nano())
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
	w.Weave(inTurn)
	return w
}
