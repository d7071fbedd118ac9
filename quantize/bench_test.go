package quantize

import (
	"testing"

	"github.com/qconv/qconv/quantize/internal/kernel/kerneltest"
)

// testdata/bench.sh measures the reference beside codecs; these are for work on one of them.
const (
	benchCols = 4096
	benchRows = 16
)

// perWeight reports the time of one value on every tier.
func perWeight(b *testing.B, f func()) {
	kerneltest.EachBench(b, func(b *testing.B) {
		for b.Loop() {
			f()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(benchCols*benchRows), "ns/weight")
		b.ReportMetric(0, "ns/op")
	})
}

// benchCodecs runs f for every codec, with Gaussian rows and a place for their blocks.
func benchCodecs(b *testing.B, f func(b *testing.B, c *Codec, x, weight []float32, blocks []byte)) {
	x, weight := sampleRows(0, benchCols, benchRows, 1)
	for _, c := range List() {
		b.Run(c.Type.String(), func(b *testing.B) { f(b, c, x, weight, make([]byte, blockBytes(c, len(x)))) })
	}
}

func BenchmarkEncode(b *testing.B) {
	benchCodecs(b, func(b *testing.B, c *Codec, x, _ []float32, blocks []byte) {
		if c.NeedWeight {
			b.Skip("needs importance")
		}
		perWeight(b, func() { c.Encode(blocks, x, nil) })
	})
}

func BenchmarkEncodeWeighted(b *testing.B) {
	benchCodecs(b, func(b *testing.B, c *Codec, x, weight []float32, blocks []byte) {
		perWeight(b, func() { c.Encode(blocks, x, weight) })
	})
}

func BenchmarkDecode(b *testing.B) {
	benchCodecs(b, func(b *testing.B, c *Codec, x, weight []float32, blocks []byte) {
		c.Encode(blocks, x, weight)
		values := make([]float32, len(x))
		perWeight(b, func() { c.Decode(values, blocks) })
	})
}

// What the pipeline does to rows beside codecs.
func BenchmarkEdges(b *testing.B) {
	x, _ := sampleRows(0, benchCols, benchRows, 1)
	doubles := make([]byte, 8*len(x))
	b.Run("WidenF64", func(b *testing.B) { perWeight(b, func() { WidenF64(x, doubles) }) })
	b.Run("FirstNonFinite", func(b *testing.B) { perWeight(b, func() { FirstNonFinite(x) }) })
	for _, c := range []*Codec{&f32Codec, &f16Codec, &bf16Codec} {
		row := make([]byte, blockBytes(c, len(x)))
		b.Run("Check"+c.Type.String(), func(b *testing.B) {
			perWeight(b, func() {
				if err := c.Check(row); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}
