package devicetest

import (
	"fmt"
	"math"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize"
	"github.com/qconv/qconv/runtime/device"
)

// weight is a weight on the device and its values.
type weight struct {
	device.Weight
	values [][]float64 // matrix after matrix
}

func (w *weight) matrix(m int) [][]float64 { return w.values[m*w.Rows():][:w.Rows()] }

// weight loads random rows in the blocks of a type.
func (s *suite) weight(c *quantize.Codec, cols, rows, matrices int) *weight {
	s.Helper()
	elems, bytes, _ := c.Type.Block()
	x := make([]float32, cols*rows*matrices)
	for i := range x {
		x[i] = float32(s.rand.NormFloat64())
	}
	var importance []float32
	if c.NeedWeight {
		importance = make([]float32, cols)
		for i := range importance {
			importance[i] = 1
		}
	}
	blocks := make([]byte, len(x)/int(elems)*int(bytes))
	c.Encode(blocks, x, importance)
	c.Decode(x, blocks)
	values := make([][]float64, rows*matrices)
	for r := range values {
		for _, v := range x[r*cols:][:cols] {
			values[r] = append(values[r], float64(v))
		}
	}
	w, err := s.dev.Load(c.Type, cols, rows, matrices, func(p []byte, off int64) error {
		copy(p, blocks[off:])
		return nil
	})
	if err != nil {
		s.Fatalf("%v: %v", c.Type, err)
	}
	return &weight{w, values}
}

// times is the product in float64.
func times(w [][]float64, x [][]float64) [][]float64 {
	out := make([][]float64, len(x))
	for t := range x {
		for _, row := range w {
			var sum float64
			for i, v := range row {
				sum += v * x[t][i]
			}
			out[t] = append(out[t], sum)
		}
	}
	return out
}

// terms is the norm of all that times adds: about that of the product, unless it is a few sums that cancel.
func terms(w [][]float64, x [][]float64) float64 {
	var sum float64
	for t := range x {
		for _, row := range w {
			for i, v := range row {
				sum += v * v * x[t][i] * x[t][i]
			}
		}
	}
	return math.Sqrt(sum)
}

func boundFor(t gguf.Type) float64 {
	switch t {
	case gguf.TypeF32, gguf.TypeF16, gguf.TypeBF16:
		return boundFloats
	}
	return boundBlocks
}

func codecFor(s *suite, t gguf.Type) *quantize.Codec {
	c, ok := quantize.For(t)
	if !ok {
		s.Fatalf("no codec for %v", t)
	}
	return c
}

func testLookup(s *suite) {
	for _, c := range quantize.List() {
		elems, _, _ := c.Type.Block()
		w := s.weight(c, 3*int(elems), 9, 1)
		ids := []int32{8, 0, 3, 3, 8, 1}
		dst := s.view(len(ids), w.Cols(), zero)
		s.run(func() { s.dev.Lookup(dst, w.Weight, ids) }, dst)
		want := make([][]float64, len(ids))
		for t, id := range ids {
			want[t] = w.values[id]
		}
		s.near(c.Type.String(), boundDecoded, dst, want)
		s.forget()
		s.dev.Release(w.Weight)
	}
}

// multiply checks one product.
func (s *suite) multiply(w *weight, batch int) {
	s.Helper()
	x, dst := s.view(batch, w.Cols(), s.normal(1)), s.view(batch, w.Rows(), zero)
	s.run(func() { s.dev.Multiply([]device.Product{{Dst: dst, X: x, W: w.Weight}}) }, dst)
	what := fmt.Sprintf("%v, %d rows of %d times %d", w.Type(), w.Rows(), w.Cols(), batch)
	s.nearOf(what, boundFor(w.Type()), terms(w.matrix(0), s.values(x)), dst, times(w.matrix(0), s.values(x)))
	s.forget()
}

// testMultiply multiplies weights of every type with batches of every size.
func testMultiply(s *suite) {
	for _, c := range quantize.List() {
		elems, _, _ := c.Type.Block()
		w := s.weight(c, 3*max(int(elems), 32), 37, 1)
		for _, n := range batches {
			s.multiply(w, n)
		}
		s.dev.Release(w.Weight)
	}
}

// testMultiplyShapes multiplies matrices of odd shapes.
func testMultiplyShapes(s *suite) {
	for _, t := range []gguf.Type{gguf.TypeF32, gguf.TypeF16, gguf.TypeBF16, gguf.TypeQ8_0, gguf.TypeQ4_K, gguf.TypeQ6_K, gguf.TypeIQ4_XS} {
		c := codecFor(s, t)
		elems, _, _ := t.Block()
		for _, cols := range []int{1, 2, 7, 16, 31, 33, 100, 1000} {
			for _, rows := range []int{1, 3, 33, 130} {
				if elems > 1 && (cols > 7 || cols == 2) {
					continue
				}
				w := s.weight(c, cols*int(elems), rows, 1)
				for _, n := range []int{1, 3, 34} {
					s.multiply(w, n)
				}
				s.dev.Release(w.Weight)
			}
		}
	}
}

// testMultiplySeveral does several products at once: of the same activations and of others, to buffers of their own and
// to views of one.
func testMultiplySeveral(s *suite) {
	types := []gguf.Type{gguf.TypeQ4_K, gguf.TypeQ6_K, gguf.TypeF32, gguf.TypeQ8_0, gguf.TypeBF16, gguf.TypeQ4_K}
	rows := []int{96, 16, 33, 1, 64, 5}
	for _, batch := range []int{1, 5, 70} {
		x := s.view(batch, 512, s.normal(1))
		other := s.view(batch+2, 3*512, s.normal(0.01))
		wide := s.view(batch, 300, zero)
		var products []device.Product
		var weights []*weight
		var dst []device.View
		at := 0
		for i, t := range types {
			w := s.weight(codecFor(s, t), 512, rows[i], 1)
			weights = append(weights, w)
			p := device.Product{Dst: s.view(batch, rows[i], zero), X: x, W: w.Weight}
			if i%2 == 1 {
				p.Dst = wide.Columns(at, rows[i])
				at += rows[i] + 3
			}
			if i >= 3 {
				p.X = other.Range(i-3, batch).Columns(512*(5-i), 512)
			}
			products, dst = append(products, p), append(dst, p.Dst)
		}
		s.run(func() {
			given := append([]device.Product(nil), products...)
			s.dev.Multiply(given)
			clear(given) // belongs to the caller again
		}, dst...)
		for i, p := range products {
			s.near(fmt.Sprintf("product %d of %d rows", i, batch), boundFor(types[i]), p.Dst, times(weights[i].matrix(0), s.values(p.X)))
			s.dev.Release(p.W)
		}
		s.forget()
	}
}

// testMultiplyStack multiplies by matrices of a stack: experts with runs of rows each, and heads with columns each.
func testMultiplyStack(s *suite) {
	for _, t := range []gguf.Type{gguf.TypeQ4_0, gguf.TypeQ5_K, gguf.TypeIQ3_S, gguf.TypeF16} {
		const matrices = 5
		w := s.weight(codecFor(s, t), 256, 40, matrices)
		x, dst := s.view(24, 256, s.normal(1)), s.view(24, 40, zero)
		heads, mixed := s.view(9, 256*matrices, s.normal(1)), s.view(9, 40*matrices, zero)
		var products []device.Product
		at := 0
		for m, n := range []int{3, 1, 0, 15, 5} {
			products = append(products,
				device.Product{Dst: dst.Range(at, n), X: x.Range(at, n), W: w.Weight, Matrix: m},
				device.Product{Dst: mixed.Columns(40*m, 40), X: heads.Columns(256*m, 256), W: w.Weight, Matrix: m})
			at += n
		}
		s.run(func() { s.dev.Multiply(products) }, dst, mixed)
		for _, p := range products {
			s.near(fmt.Sprintf("%v, matrix %d", t, p.Matrix), boundFor(t), p.Dst, times(w.matrix(p.Matrix), s.values(p.X)))
		}
		s.forget()
		s.dev.Release(w.Weight)
	}
}

// testMultiplyExtremes has rows of very different size, of zeros, and with values that are not finite: each must be right
// by itself.
func testMultiplyExtremes(s *suite) {
	sizes := []float64{1, 1e-15, 1e15, 0, math.NaN(), 1, math.Inf(1), 1e-3, math.Inf(-1), 0, 1e3}
	for _, c := range quantize.List() {
		elems, _, _ := c.Type.Block()
		w := s.weight(c, 2*max(int(elems), 32), 64, 1)
		normal := s.normal(1)
		x := s.view(len(sizes), w.Cols(), func(t, i int) float32 {
			switch size := sizes[t]; {
			case !math.IsNaN(size) && !math.IsInf(size, 0):
				return normal(t, i) * float32(size)
			case i == 5:
				return float32(size)
			}
			return normal(t, i)
		})
		dst := s.view(len(sizes), 64, zero)
		s.run(func() { s.dev.Multiply([]device.Product{{Dst: dst, X: x, W: w.Weight}}) }, dst)
		want := times(w.matrix(0), s.values(x))
		for t, size := range sizes {
			what := fmt.Sprintf("%v, row of size %v", c.Type, size)
			if !math.IsNaN(size) && !math.IsInf(size, 0) {
				s.near(what, boundFor(c.Type), dst.Range(t, 1), want[t:t+1])
				continue
			}
			for i, v := range s.values(dst)[t] {
				if !math.IsNaN(v) && !math.IsInf(v, 0) {
					s.Fatalf("%s: column %d is %v", what, i, v)
				}
			}
		}
		s.forget()
		s.dev.Release(w.Weight)
	}
}
