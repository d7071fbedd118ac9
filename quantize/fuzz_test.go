package quantize

import (
	"bytes"
	"math"
	"testing"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/internal/kernel"
)

// Each target feeds one codec arbitrary finite values, weights and blocks. What must hold: nothing panics, every tier
// gives the bytes and the values of plain Go, a row that Check accepts decodes to finite values, and blocks of the
// largest accepted scales do too.
func fuzzCodec(f *testing.F, c *Codec) {
	for dist := range distributions {
		x, weight := sampleRows(dist, 256, 1, 11)
		f.Add(floatBytes(x), floatBytes(weight))
	}
	f.Add([]byte{}, []byte{})
	f.Add(bytes.Repeat([]byte{0xff}, 1024), bytes.Repeat([]byte{0x7f}, 1024))
	elems, size, _ := c.Type.Block()
	f.Fuzz(func(t *testing.T, values, weights []byte) {
		n := len(values) / 4 / int(elems) * int(elems)
		if n == 0 || n > 1024 {
			return
		}
		x := make([]float32, n)
		decodeF32(x, values[:4*n])
		w := make([]float32, n)
		decodeF32(w[:min(n, len(weights)/4)], weights)
		for i := range x {
			if x[i]-x[i] != 0 {
				x[i] = 0
			}
			if w[i]-w[i] != 0 || w[i] < 0 {
				w[i] = 1
			}
		}
		for _, weight := range weightings(c, w) {
			rows := turned(c, x)
			b := make([]byte, blockBytes(c, len(rows)))
			plainEncode(c, b, rows, weight)
			back := make([]float32, len(rows))
			c.decode(back, b)
			for _, tier := range kernel.Available()[1:] { // the first is plain Go
				before := kernel.Use(tier)
				got, values := encodeRows(c, rows, weight, n), decodeRows(c, b, n)
				kernel.Use(before)
				if !bytes.Equal(got, b) {
					t.Fatalf("%v: %d bytes differ from plain Go's", tier, countDiffer(got, b))
				}
				if !bytes.Equal(floatsOf(floatBytes(values)), floatsOf(floatBytes(back))) {
					t.Fatalf("%v: decoded values differ from plain Go's", tier)
				}
			}
			if i := FirstNonFinite(back); c.Check(b) == nil && i >= 0 {
				t.Fatalf("accepted, but value %d of %v is %v", i, rows[i], back[i])
			}
		}
		blocks := values[:len(values)/int(size)*int(size)]
		if len(blocks) > 0 && c.Check(blocks) == nil {
			got := decodeRows(c, blocks, len(blocks)/int(size)*int(elems))
			if i := FirstNonFinite(got); i >= 0 {
				t.Fatalf("accepted blocks decode to %v", got[i])
			}
			for _, v := range got {
				if math.Abs(float64(v)) > 65504*128*32 && elems > 1 && c.Type != gguf.TypeMXFP4 {
					t.Fatalf("accepted blocks decode to %v, more than any scale and code allow", v)
				}
			}
		}
	})
}

// turned gives rows that are x from other columns on, so that the lanes of a tile have different values: as many as a
// tile and one more, few of slow types.
func turned(c *Codec, x []float32) (rows []float32) {
	n := 17
	if slow(c) {
		n = 3
	}
	for i := range n {
		at := i * 13 % len(x)
		rows = append(append(rows, x[at:]...), x[:at]...)
	}
	return rows
}

func FuzzF32(f *testing.F)          { fuzzCodec(f, &f32Codec) }
func FuzzF16(f *testing.F)          { fuzzCodec(f, &f16Codec) }
func FuzzBF16(f *testing.F)         { fuzzCodec(f, &bf16Codec) }
func FuzzQ4_0(f *testing.F)         { fuzzCodec(f, &q4_0) }
func FuzzQ4_1(f *testing.F)         { fuzzCodec(f, &q4_1) }
func FuzzQ5_0(f *testing.F)         { fuzzCodec(f, &q5_0) }
func FuzzQ5_1(f *testing.F)         { fuzzCodec(f, &q5_1) }
func FuzzQ8_0(f *testing.F)         { fuzzCodec(f, &q8_0) }
func FuzzQ2K(f *testing.F)          { fuzzCodec(f, &q2K) }
func FuzzQ3K(f *testing.F)          { fuzzCodec(f, &q3K) }
func FuzzQ4K(f *testing.F)          { fuzzCodec(f, &q4K) }
func FuzzQ5K(f *testing.F)          { fuzzCodec(f, &q5K) }
func FuzzQ6K(f *testing.F)          { fuzzCodec(f, &q6K) }
func FuzzIQ2XXS(f *testing.F)       { fuzzCodec(f, &iq2XXS) }
func FuzzIQ2XS(f *testing.F)        { fuzzCodec(f, &iq2XS) }
func FuzzIQ2S(f *testing.F)         { fuzzCodec(f, &iq2S) }
func FuzzIQ3XXS(f *testing.F)       { fuzzCodec(f, &iq3XXS) }
func FuzzIQ3S(f *testing.F)         { fuzzCodec(f, &iq3S) }
func FuzzIQ3SCorrect(f *testing.F)  { fuzzCodec(f, &iq3SCorrect) }
func FuzzIQ4NL(f *testing.F)        { fuzzCodec(f, &iq4NL) }
func FuzzIQ4XS(f *testing.F)        { fuzzCodec(f, &iq4XS) }
func FuzzTQ1_0(f *testing.F)        { fuzzCodec(f, &tq1_0) }
func FuzzTQ2_0(f *testing.F)        { fuzzCodec(f, &tq2_0) }
func FuzzMXFP4(f *testing.F)        { fuzzCodec(f, &mxfp4) }
func FuzzNVFP4(f *testing.F)        { fuzzCodec(f, &nvfp4) }
func FuzzQ1_0(f *testing.F)         { fuzzCodec(f, &q1_0) }
func FuzzQ2_0(f *testing.F)         { fuzzCodec(f, &q2_0) }
func FuzzIQ1S(f *testing.F)         { fuzzCodec(f, &iq1S) }
func FuzzIQ1M(f *testing.F)         { fuzzCodec(f, &iq1M) }
func FuzzMXFP4Correct(f *testing.F) { fuzzCodec(f, &mxfp4Correct) }
