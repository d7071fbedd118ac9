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
					// One 257th of the steps, and for weights without integers no difference.
					if e := distance(Fast.product(w, x, stride, n), want, size); !(e < 257*limit) || !whole(c.Type) && !(e < limit) {
						t.Errorf("%d×%d times %d: error %.2g in fast mode", rows, cols, n, e)
					}
				}
			})
		}
	})
}
