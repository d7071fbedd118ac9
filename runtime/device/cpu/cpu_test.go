package cpu_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize"
	"github.com/qconv/qconv/runtime/device"
	"github.com/qconv/qconv/runtime/device/cpu"
	"github.com/qconv/qconv/runtime/device/devicetest"
)

// eachKernels runs f with all instructions that the processor has.
func eachKernels(t *testing.T, f func(t *testing.T)) {
	before := cpu.Kernels()
	defer cpu.Use(before)
	for _, name := range cpu.AllKernels() {
		if err := cpu.Use(name); err != nil {
			t.Fatal(err)
		}
		t.Run(name, f)
	}
}

func TestConformance(t *testing.T) {
	eachKernels(t, func(t *testing.T) {
		devicetest.Run(t, func(*testing.T) device.Device { return cpu.New(3, false) })
	})
}

// TestKernelsAsked holds that QCONV_CPU chooses, and that a name that is none leaves the best.
func TestKernelsAsked(t *testing.T) {
	if os.Getenv("QCONV_CPU_TEST") != "" {
		fmt.Printf("kernels=%s\n", cpu.Kernels())
		return
	}
	all := cpu.AllKernels()
	for _, name := range append(all, "", "sse") {
		c := exec.Command(os.Args[0], "-test.run=^TestKernelsAsked$", "-test.v")
		c.Env = append(os.Environ(), "QCONV_CPU="+name, "QCONV_CPU_TEST=1")
		out, err := c.Output()
		if errors.Is(err, syscall.ENOEXEC) {
			t.Skip("an emulator runs this test, which it cannot start again")
		}
		want := name
		if !slices.Contains(all, name) {
			want = all[len(all)-1]
		}
		if err != nil || !strings.Contains(string(out), "kernels="+want+"\n") {
			t.Errorf("QCONV_CPU=%s: %v, want %s in %s", name, err, want, out)
		}
	}
}

// bench is a device with random views.
type bench struct {
	*cpu.Device
	r *rand.Rand
}

func newBench(threads int) *bench {
	return &bench{cpu.New(threads, false), rand.New(rand.NewPCG(3, 4))}
}

func (b *bench) random(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(b.r.NormFloat64())
	}
	return x
}

func (b *bench) view(rows, cols int) device.View {
	buffer, err := b.New(rows * cols)
	if err != nil {
		panic(err)
	}
	v := device.Dense(buffer, rows, cols)
	b.Write(v, b.random(rows*cols))
	return v
}

func (b *bench) weight(t gguf.Type, cols, rows int) device.Weight {
	codec, _ := quantize.For(t)
	elems, bytes, _ := t.Block()
	blocks := make([]byte, cols*rows/int(elems)*int(bytes))
	codec.Encode(blocks, b.random(cols*rows), nil)
	w, err := b.Load(t, cols, rows, 1, func(p []byte, off int64) error { copy(p, blocks[off:]); return nil })
	if err != nil {
		panic(err)
	}
	return w
}

// everything does each operation with enough work for all threads, and gives all results: those of products apart.
func everything(threads int) (out, products []float32) {
	b := newBench(threads)
	read := func(v device.View) []float32 {
		values := make([]float32, v.Rows*v.Cols)
		b.Read(values, v)
		return values
	}
	keep := func(v device.View) { out = append(out, read(v)...) }
	x, y, z := b.view(700, 520), b.view(700, 520), b.view(700, 520)
	norm := b.view(1, 520)
	b.Norm(y, x, norm.Buffer, 1e-6)
	keep(y)
	b.Gate(z, x, y)
	keep(z)
	b.Add(y, z)
	keep(y)
	positions, rows, weights := make([]int32, 700), make([]int32, 700), make([]float32, 700)
	for i := range positions {
		positions[i], rows[i], weights[i] = int32(b.r.IntN(50)), int32(b.r.IntN(300)), b.r.Float32()
	}
	for _, neighbours := range []bool{false, true} {
		b.Rotate(y, &device.Rotation{Heads: 4, HeadDim: 130, Dims: 100, Angles: b.view(50, 100).Buffer, Positions: positions, Neighbours: neighbours})
	}
	b.Gather(z, y, rows)
	b.Copy(x, z)
	b.Scatter(x, y, rows, weights)
	keep(x)
	for _, w := range []gguf.Type{gguf.TypeF32, gguf.TypeQ8_0, gguf.TypeBF16} {
		m := b.weight(w, 512, 200)
		dst, ids := b.view(700, 200), b.view(700, 512)
		b.Multiply([]device.Product{{Dst: dst, X: x.Columns(0, 512), W: m}, {Dst: z.Columns(0, 200), X: y.Columns(8, 512), W: m}})
		products = append(append(products, read(dst)...), read(z)...)
		for i := range rows {
			rows[i] %= 200
		}
		b.Lookup(ids, m, rows)
		keep(ids)
	}
	for _, a := range []device.Attention{
		{Heads: 6, HeadsKV: 2, KeyDim: 64, ValueDim: 48, Scale: 0.1},
		{Heads: 3, HeadsKV: 3, KeyDim: 20, ValueDim: 17, Scale: 0.2, Window: 100},
	} {
		k, v, q := b.view(1600, a.HeadsKV*a.KeyDim), b.view(1600, a.HeadsKV*a.ValueDim), b.view(200, a.Heads*a.KeyDim)
		for _, s := range []device.Span{{Count: 1, Past: 1500}, {Count: 200}, {Count: 40, Past: 1000}, {Count: 1, Past: 3}} {
			s.K, s.V = k, v
			dst := b.view(200, a.Heads*a.ValueDim)
			b.Attend(dst, q, []device.Span{s}, &a)
			keep(dst)
		}
	}
	logits := b.view(700, 520)
	p, _ := b.LogProbs(logits, rows)
	squares := make([]float64, logits.Cols)
	b.Squares(squares, logits)
	for _, v := range append(p, squares...) {
		out = append(out, float32(v), float32(v-float64(float32(v))))
	}
	choices, _ := b.Route(logits, norm.Buffer, &device.Routing{Used: 6, Normalize: true, Scale: 2, Groups: 8, GroupsUsed: 3, GroupTop: 2})
	for _, c := range choices {
		out = append(out, float32(c.Expert), c.Weight)
	}
	return out, products
}

// TestSameBits holds the promise that results do not depend on the number of threads; those of all operations but
// products do not depend on the instructions either.
func TestSameBits(t *testing.T) {
	var first []float32
	eachKernels(t, func(t *testing.T) {
		one, products := everything(1)
		for _, threads := range []int{2, 7} {
			got, gotProducts := everything(threads)
			if !slices.Equal(got, one) || !slices.Equal(gotProducts, products) {
				t.Errorf("%d threads: results differ from those of one", threads)
			}
		}
		if first == nil {
			first = one
		}
		if !slices.Equal(one, first) {
			t.Error("results differ from those of plain Go")
		}
	})
}

// TestSameBitsInAnyBatch holds that a query's result does not depend on what else is in the batch: neither the other
// queries of its span, nor which keys lie behind those that it sees.
func TestSameBitsInAnyBatch(t *testing.T) {
	eachKernels(t, func(t *testing.T) {
		b := newBench(2)
		for _, a := range []device.Attention{
			{Heads: 3, HeadsKV: 1, KeyDim: 48, ValueDim: 32, Scale: 0.1},
			{Heads: 2, HeadsKV: 2, KeyDim: 32, ValueDim: 16, Scale: 0.1, Window: 333},
		} {
			const n = 1040
			k, v, q := b.view(n, a.HeadsKV*a.KeyDim), b.view(n, a.HeadsKV*a.ValueDim), b.view(n, a.Heads*a.KeyDim)
			all, one := b.view(n, a.Heads*a.ValueDim), b.view(n, a.Heads*a.ValueDim)
			b.Attend(all, q, []device.Span{{Count: n, K: k, V: v}}, &a)
			for _, at := range []int{0, 1, 2, 3, 31, 32, 47, 48, 200, 511, 512, 513, 1023, 1024, 1039} {
				b.Attend(one, q, []device.Span{{First: at, Count: 1, Past: at, K: k, V: v}}, &a)
				want, got := make([]float32, all.Cols), make([]float32, all.Cols)
				b.Read(want, all.Range(at, 1))
				b.Read(got, one.Range(at, 1))
				if !slices.Equal(got, want) {
					t.Errorf("%+v: query %d alone differs from the one among %d", a, at, n)
				}
			}
		}
	})
}

// TestLogProbsPrecise compares with float64: perplexity needs all the digits.
func TestLogProbsPrecise(t *testing.T) {
	eachKernels(t, func(t *testing.T) {
		b := newBench(2)
		logits := b.view(3, 151936)
		p, _ := b.LogProbs(logits, []int32{0, 5, 151935})
		values := make([]float32, 3*151936)
		b.Read(values, logits)
		for i, target := range []int{0, 5, 151935} {
			z := values[i*151936:][:151936]
			var sum float64
			for _, v := range z {
				sum += math.Exp(float64(v))
			}
			if want := float64(z[target]) - math.Log(sum); !(math.Abs(p[i]-want) < 1e-11) {
				t.Errorf("row %d: %v, want %v", i, p[i], want)
			}
		}
	})
}
