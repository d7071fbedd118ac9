package matrix

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize"
)

// eachTier runs a body with every set of instructions. A set that the processor has by the system's account but that is
// not offered fails the test.
func eachTier(t *testing.T, f func(t *testing.T)) {
	before := Kernels()
	defer Use(before)
	for _, name := range expectedTiers(t) {
		if err := Use(name); err != nil {
			t.Error(err)
		}
	}
	for _, name := range AllKernels() {
		if err := Use(name); err != nil {
			t.Fatal(err)
		}
		t.Run(name, f)
	}
}

// sample makes a weight of a type, and its values.
func sample(t testing.TB, typ gguf.Type, rows, cols int, seed uint64) (*Weight, []float64) {
	t.Helper()
	c, ok := quantize.For(typ)
	if !ok {
		t.Fatalf("no codec for %v", typ)
	}
	r := rand.New(rand.NewPCG(seed, uint64(typ)))
	x := make([]float32, rows*cols)
	for i := range x {
		x[i] = float32(r.NormFloat64() * 0.02)
	}
	importance := make([]float32, cols)
	for i := range importance {
		importance[i] = 0.5 + r.Float32()
	}
	if !c.NeedWeight {
		importance = nil
	}
	elems, size, _ := typ.Block()
	blocks := make([]byte, len(x)/int(elems)*int(size))
	c.Encode(blocks, x, importance)
	return weightOf(t, typ, rows, cols, blocks)
}

// weightOf makes a weight of blocks, and its values as package quantize decodes them.
func weightOf(t testing.TB, typ gguf.Type, rows, cols int, blocks []byte) (*Weight, []float64) {
	t.Helper()
	w, err := NewWeight(typ, rows, cols, blocks)
	if err != nil {
		t.Fatal(err)
	}
	c, _ := quantize.For(typ)
	x := make([]float32, rows*cols)
	c.Decode(x, blocks)
	values := make([]float64, len(x))
	for i, v := range x {
		values[i] = float64(v)
	}
	return w, values
}

func vectors(n, stride int, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, 7))
	x := make([]float32, n*stride)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// truth multiplies in float64. size is the square of the norm that the products would have if signs were random, which
// a few products may differ from.
func truth(values []float64, rows, cols int, x []float32, stride, n int) (y []float64, size float64) {
	y = make([]float64, n*rows)
	for t := range n {
		for r := range rows {
			for j, v := range values[r*cols:][:cols] {
				p := v * float64(x[t*stride+j])
				y[t*rows+r] += p
				size += p * p
			}
		}
	}
	return y, size
}

// distance is the norm of the difference over the norm.
func distance(got []float32, want []float64, size float64) float64 {
	var d float64
	for i, w := range want {
		e := float64(got[i]) - w
		d += e * e
	}
	return math.Sqrt(d / size)
}

func product(w *Weight, x []float32, stride, n int) []float32 {
	return Precise.product(w, x, stride, n)
}

func (mode Mode) product(w *Weight, x []float32, stride, n int) []float32 {
	var a Activations
	var s Scratch
	a.Set(mode, x, stride, n, w.Cols, w)
	y := make([]float32, n*w.Rows)
	Multiply(y, w.Rows, &a, w, 0, w.Rows, &s)
	return y
}

// Every type, against float64 arithmetic on the values that package quantize decodes.
func TestProduct(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		for _, c := range quantize.List() {
			elems, _, _ := c.Type.Block()
			t.Run(c.Type.String(), func(t *testing.T) {
				for _, shape := range [][3]int{{1, 1, 1}, {33, 2, 3}, {70, 3, 4}, {5, 9, 2}, {64, 17, 7}} {
					rows, n := shape[0], shape[2]
					cols := shape[1] * 256
					if elems == 1 {
						cols -= 19 // no multiple of anything
					} else if elems < 256 {
						cols -= 128 * (shape[1] % 2)
						cols += int(elems) * (shape[1] % 3)
					}
					if cols%int(elems) != 0 {
						cols = cols / int(elems) * int(elems)
					}
					w, values := sample(t, c.Type, rows, cols, uint64(cols))
					stride := cols + 3
					x := vectors(n, stride, uint64(rows))
					want, size := truth(values, rows, cols, x, stride, n)
					e := distance(product(w, x, stride, n), want, size)
					limit := 3e-5
					if rows*n < 50 {
						limit = 6e-5 // of few products one may be three times as far off as usual
					}
					if !(e < limit) {
						t.Errorf("%d×%d times %d: error %.2g", rows, cols, n, e)
					}
					// One 257th of the steps, the largest of 256 values is larger than that of 32, and for weights without
					// integers there is no difference.
					fast := 257 * limit
					if elems == 256 {
						fast *= 1.5
					}
					if e := distance(Fast.product(w, x, stride, n), want, size); !(e < fast) || !whole(c.Type) && !(e < limit) {
						t.Errorf("%d×%d times %d: error %.2g in fast mode", rows, cols, n, e)
					}
				}
			})
		}
	})
}

// Fast mode has llama.cpp's blocks of activations. Q8_0 is a type of files too, so scales are those of package quantize, which
// has the reference's bytes; integers may be its neighbours in ties, where the reference's kernel for activations rounds to
// even. Q8_K is 256 multiples of the largest magnitude by 127.
func TestFast(t *testing.T) {
	const n = 5
	q8, _ := quantize.For(gguf.TypeQ8_0)
	eachTier(t, func(t *testing.T) {
		for _, cols := range []int{256, 512, 2560} {
			x := vectors(n, cols, uint64(cols))
			for i := range x {
				x[i] *= float32(math.Exp2(float64(i/32%37 - 20))) // down to scales that are subnormal in F16
			}
			small, _ := sample(t, gguf.TypeQ4_0, 1, cols, 1)
			large, _ := sample(t, gguf.TypeQ4_K, 1, cols, 1)
			var of32, of256 Activations
			of32.Set(Fast, x, cols, n, cols, small)
			of256.Set(Fast, x, cols, n, cols, large)
			blocks := make([]byte, cols/32*34)
			for v := range n {
				x := x[v*cols:][:cols]
				q8.Encode(blocks, x, nil)
				r, scales := of32.record(v), make([]float32, cols/32)
				for g := range scales {
					b := blocks[34*g:]
					scales[g] = getHalf(b)
					for i, q := range of32.integers(&r, g) {
						if d := q - int(int8(b[2+i])); d < -1 || d > 1 || d != 0 && math.Abs(math.Abs(float64(x[32*g+i])/float64(scales[g])-float64(q))-0.5) > 0.1 {
							t.Fatalf("%v becomes %d, Q8_0 has %d", x[32*g+i], q, int8(b[2+i]))
						}
					}
				}
				for g, want := range scales {
					if got := 256 * r.scale[g]; got != want {
						t.Errorf("the scale of 32 values is %v, Q8_0 has %v", got, want)
					}
				}
				r = of256.record(v)
				for g := range cols / 32 {
					var top float64
					for _, y := range x[g/8*256:][:256] {
						top = max(top, math.Abs(float64(y)))
					}
					unit := 256 * float64(r.scale[g])
					if math.Abs(unit/(top/127)-1) > 1e-7 {
						t.Errorf("the scale of 256 values up to %v is %v", top, unit)
					}
					for i, q := range of256.integers(&r, g) {
						if want := float64(x[32*g+i]) / unit; math.Abs(float64(q)-want) > 0.50002 {
							t.Fatalf("%v of %v becomes %d", x[32*g+i], unit, q)
						}
					}
				}
			}
		}
	})
}

// integers gives the bytes of a group.
func (a *Activations) integers(r *record, g int) []int {
	q := make([]int, 32)
	for i := range q {
		switch a.tier {
		case avx512, dotprod:
			q[i] = int(r.high[32*g+i])
		case neon:
			q[i] = int(r.pairs[32*g+i]) / 256
		default:
			q[i] = int(r.pairs[32*g+i%2*16+i/2]) / 256
		}
	}
	return q
}
