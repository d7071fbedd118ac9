package packed

import (
	"encoding/hex"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/quantize/internal/kernel/kerneltest"
)

// recorded gives the fields of the lines of testdata/fp8.tsv that start with kind.
func recorded(t *testing.T, kind string) (lines [][]string) {
	t.Helper()
	b, err := os.ReadFile("testdata/fp8.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Split(strings.TrimSpace(line), "\t"); f[0] == kind {
			lines = append(lines, f[1:])
		}
	}
	return lines
}

func bitsOf(x float32) string {
	if x != x {
		return "nan"
	}
	s := strconv.FormatUint(uint64(math.Float32bits(x)), 16)
	return strings.Repeat("0", 8-len(s)) + s
}

func TestCodesAgainstTorch(t *testing.T) {
	lines := recorded(t, "code")
	if len(lines) != 256 {
		t.Fatalf("%d codes are recorded, want 256", len(lines))
	}
	src := make([]byte, 256)
	for i := range src {
		src[i] = byte(i)
	}
	var a, b [256]float32
	E4M3.Decode(a[:], src)
	E5M2.Decode(b[:], src)
	for i, f := range lines {
		if bitsOf(a[i]) != f[1] || bitsOf(b[i]) != f[2] {
			t.Errorf("code %02x: %s %s, torch has %s %s", i, bitsOf(a[i]), bitsOf(b[i]), f[1], f[2])
		}
	}
}

// The numbers that the OCP 8-bit floating point specification prints.
func TestCodesOfTheSpecification(t *testing.T) {
	for _, c := range []struct {
		f    *FP8
		code byte
		want float64
	}{
		{E4M3, 0x7e, 448}, {E4M3, 0xfe, -448}, {E4M3, 0x08, 0x1p-6}, {E4M3, 0x01, 0x1p-9}, {E4M3, 0x07, 0.875 * 0x1p-6}, {E4M3, 0x38, 1},
		{E5M2, 0x7b, 57344}, {E5M2, 0x04, 0x1p-14}, {E5M2, 0x01, 0x1p-16}, {E5M2, 0x3c, 1}, {E5M2, 0x7c, math.Inf(1)}, {E5M2, 0xfc, math.Inf(-1)},
	} {
		if got := float64(c.f.value[c.code]); got != c.want {
			t.Errorf("code %02x is %v, want %v", c.code, got, c.want)
		}
	}
	for _, code := range []byte{0x7f, 0xff} {
		if x := E4M3.value[code]; x == x {
			t.Errorf("E4M3 code %02x is %v, want NaN", code, x)
		}
	}
}

// Every tier gives the bits of the table, for every code, and of the product with a scale.
func TestTiersFP8(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	kerneltest.Each(t, func(t *testing.T) {
		for name, f := range map[string]*FP8{"E4M3": E4M3, "E5M2": E5M2} {
			for _, n := range []int{0, 1, 31, 32, 33, 100, 256, 1000} {
				src := kerneltest.Guarded(t, n+1, false)[1:]
				for i := range src {
					src[i] = byte(i)
					if n > 256 {
						src[i] = byte(r.Uint32())
					}
				}
				got := make([]float32, n)
				f.Decode(got, src)
				check := func(scale float32, product func(x float32) float32) {
					t.Helper()
					for i, x := range got {
						if want := product(f.value[src[i]]); math.Float32bits(x) != math.Float32bits(want) {
							t.Fatalf("%s: code %02x times %v, value %d of %d: %v (%#x), want %v (%#x)", name, src[i], scale, i, n, x, math.Float32bits(x), want, math.Float32bits(want))
						}
					}
				}
				check(1, func(x float32) float32 { return x })
				for _, scale := range []float32{0, 1, -0.37, 3e-5, 1e-38, 1e-42, 3e38, float32(math.Inf(1))} {
					Blocks{Rows: 1, Cols: int64(max(n, 1))}.Decode(f, got, src, 0, int64(n), []float32{scale})
					check(scale, func(x float32) float32 { return x * scale })
				}
			}
		}
	})
}

func TestBlocksAgainstTorch(t *testing.T) {
	lines := recorded(t, "block")
	if len(lines) != 7 {
		t.Fatalf("%d blocks are recorded, want 7", len(lines))
	}
	for _, f := range lines {
		rows, cols := ints(t, f[0])[0], ints(t, f[1])[0]
		var size []int64
		if f[2] != "-" {
			size = ints(t, f[2])
		}
		b, err := NewBlocks(size, rows, cols, ints(t, f[3]))
		if err != nil {
			t.Errorf("%v: %v", f[:4], err)
			continue
		}
		src, err := hex.DecodeString(f[4])
		if err != nil {
			t.Fatal(err)
		}
		scale := floats(t, f[5])
		want := strings.Split(f[6], ",")
		width := b.ScaleCols(cols)
		for row0 := range rows { // every range of rows that ends at the end, with just its scales
			got := make([]float32, (rows-row0)*cols)
			b.Decode(E4M3, got, src[row0*cols:], row0, cols, scale[b.ScaleRow(row0)*width:])
			for i, x := range got {
				if w := want[int(row0*cols)+i]; bitsOf(x) != w {
					t.Errorf("%v from row %d: value %d is %s, torch has %s", f[:4], row0, i, bitsOf(x), w)
				}
			}
		}
	}
}

func ints(t *testing.T, s string) (v []int64) {
	t.Helper()
	for p := range strings.SplitSeq(s, ",") {
		n, err := strconv.ParseInt(p, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		v = append(v, n)
	}
	return v
}

func floats(t *testing.T, s string) (v []float32) {
	t.Helper()
	for p := range strings.SplitSeq(s, ",") {
		n, err := strconv.ParseUint(p, 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		v = append(v, math.Float32frombits(uint32(n)))
	}
	return v
}

func TestBlocksRefuse(t *testing.T) {
	for name, c := range map[string]struct {
		size       []int64
		rows, cols int64
		shape      []int64
	}{
		"too few scale rows":       {[]int64{128, 128}, 257, 128, []int64{2, 1}},
		"too many scale rows":      {[]int64{128, 128}, 256, 128, []int64{3, 1}},
		"too few scale columns":    {[]int64{128, 128}, 128, 129, []int64{1, 1}},
		"one dimension for blocks": {[]int64{128, 128}, 128, 128, []int64{1}},
		"block of nothing":         {[]int64{0, 128}, 128, 128, []int64{1, 1}},
		"negative block":           {[]int64{128, -1}, 128, 128, []int64{1, 1}},
		"three block sizes":        {[]int64{1, 1, 1}, 1, 1, []int64{1, 1}},
		"scales that fit no rule":  {nil, 6, 4, []int64{4}},
		"three dimensions":         {nil, 6, 4, []int64{1, 1, 1}},
		"no rows":                  {nil, 0, 4, []int64{1}},
		"no columns":               {nil, 4, 0, []int64{1}},
	} {
		if b, err := NewBlocks(c.size, c.rows, c.cols, c.shape); fault.KindOf(err) != fault.Mismatch {
			t.Errorf("%s: got %v, %v, want a mismatch", name, b, err)
		}
	}
}

// A row range gives what decoding the whole tensor gives for those rows.
func TestBlocksByRanges(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		rows, cols := 1+r.Int64N(20), 1+r.Int64N(20)
		b := Blocks{1 + r.Int64N(rows), 1 + r.Int64N(cols)}
		src := make([]byte, rows*cols)
		for i := range src {
			src[i] = byte(r.IntN(0x7f))
		}
		width := b.ScaleCols(cols)
		scale := make([]float32, (1+(rows-1)/b.Rows)*width)
		for i := range scale {
			scale[i] = r.Float32()
		}
		whole := make([]float32, rows*cols)
		b.Decode(E4M3, whole, src, 0, cols, scale)
		from := r.Int64N(rows)
		to := from + 1 + r.Int64N(rows-from)
		part := make([]float32, (to-from)*cols)
		b.Decode(E4M3, part, src[from*cols:to*cols], from, cols, scale[b.ScaleRow(from)*width:(b.ScaleRow(to-1)+1)*width])
		for i, x := range part {
			want := E4M3.value[src[from*cols+int64(i)]] * scale[(from+int64(i)/cols)/b.Rows*width+int64(i)%cols/b.Cols]
			if x != whole[from*cols+int64(i)] || x != want {
				t.Fatalf("%d×%d in %v, rows %d to %d: value %d is %v, whole has %v, want %v", rows, cols, b, from, to, i, x, whole[from*cols+int64(i)], want)
			}
		}
	}
}

func BenchmarkFP8(b *testing.B) {
	const rows, cols = 16, 4096
	src, dst, scale := make([]byte, rows*cols), make([]float32, rows*cols), make([]float32, cols/128)
	for name, f := range map[string]*FP8{"E4M3": E4M3, "E5M2": E5M2} {
		b.Run(name, func(b *testing.B) {
			kerneltest.EachBench(b, func(b *testing.B) {
				for b.Loop() {
					Blocks{Rows: 128, Cols: 128}.Decode(f, dst, src, 0, cols, scale)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(rows*cols), "ns/weight")
				b.ReportMetric(0, "ns/op")
			})
		})
	}
}
