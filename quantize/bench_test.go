package quantize

import (
	"testing"

	"github.com/qconv/qconv/quantize/internal/kernel/kerneltest"
)

// The rows are Gaussian, as in ggml_oracle.py bench: testdata/bench.sh prints both beside each other.
const (
	benchCols = 4096
	benchRows = 16
)

func benchRowsOf(c *Codec) (x, weight []float32, blocks []byte) {
	x, weight = sampleRows(0, benchCols, benchRows, 1)
	return x, weight, encodeRows(c, x, weight, benchCols)
}

// perWeight reports the time of one value.
func perWeight(b *testing.B, f func()) {
	for b.Loop() {
		f()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(benchCols*benchRows), "ns/weight")
	b.ReportMetric(0, "ns/op")
}

func BenchmarkEncode(b *testing.B) {
	for _, c := range List() {
		if c.NeedWeight {
			continue
		}
		b.Run(c.Type.String(), func(b *testing.B) {
			x, _, out := benchRowsOf(c)
			perWeight(b, func() { c.Encode(out, x, nil) })
		})
	}
}

func BenchmarkEncodeWeighted(b *testing.B) {
	for _, c := range List() {
		b.Run(c.Type.String(), func(b *testing.B) {
			x, weight, out := benchRowsOf(c)
			perWeight(b, func() { c.Encode(out, x, weight) })
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, c := range List() {
		b.Run(c.Type.String(), func(b *testing.B) {
			x, _, blocks := benchRowsOf(c)
			size := len(blocks) / benchRows
			perWeight(b, func() {
				for i := range benchRows {
					c.Decode(x[i*benchCols:][:benchCols], blocks[i*size:][:size])
				}
			})
		})
	}
}

// What the pipeline does to rows beside codecs.
func BenchmarkEdges(b *testing.B) {
	x, _ := sampleRows(0, benchCols, benchRows, 1)
	doubles := make([]byte, 8*len(x))
	b.Run("WidenF64", func(b *testing.B) {
		kerneltest.EachBench(b, func(b *testing.B) { perWeight(b, func() { WidenF64(x, doubles) }) })
	})
	b.Run("FirstNonFinite", func(b *testing.B) {
		kerneltest.EachBench(b, func(b *testing.B) { perWeight(b, func() { FirstNonFinite(x) }) })
	})
}
