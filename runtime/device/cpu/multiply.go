package cpu

import (
	"slices"
	"sync"

	"github.com/qconv/qconv/runtime/device"
	"github.com/qconv/qconv/runtime/device/cpu/internal/matrix"
)

// Threads take rows of a matrix, and rows of activations, in such runs. Package matrix works on 32 rows at a time.
const (
	weightRows = 64
	inputRows  = 16
)

// together is how many rows a thread takes at a time: more for a single vector, which is soon done with them, but some for
// each thread.
func (d *Device) together(products []device.Product) int {
	if len(products) == 0 || products[0].X.Rows > 1 {
		return weightRows
	}
	rows := 0
	for i := range products {
		rows += products[i].W.Rows()
	}
	return min(max(rows/(4*d.threads)/weightRows, 1), 4) * weightRows
}

// input is the vectors that products have in common, rounded once for all of them.
type input struct {
	x       device.View
	weights []*matrix.Weight
	ready   *matrix.Activations
}

// rounded and scratch are kept between calls: what they hold has grown to the size that is needed.
var (
	rounded = sync.Pool{New: func() any { return new(matrix.Activations) }}
	scratch = sync.Pool{New: func() any { return new(matrix.Scratch) }}
)

func (d *Device) Multiply(products []device.Product) {
	products = slices.DeleteFunc(slices.Clone(products), func(p device.Product) bool { return p.X.Rows == 0 })
	inputs, of := d.shared(products)
	type part struct{ i, first int }
	var parts []part
	for i, in := range inputs {
		in.ready.Reset(d.mode, in.x.Rows, in.x.Cols, in.weights...)
		for r := 0; r < in.x.Rows; r += inputRows {
			parts = append(parts, part{i, r})
		}
	}
	d.run(len(parts), func(_, n int) {
		in, first := inputs[parts[n].i], parts[n].first
		in.ready.Fill(values(in.x), in.x.Stride, first, min(first+inputRows, in.x.Rows))
	})
	parts = parts[:0]
	together := d.together(products)
	for i := range products {
		for r := 0; r < products[i].W.Rows(); r += together {
			parts = append(parts, part{i, r})
		}
	}
	d.run(len(parts), func(_, n int) {
		p, first := &products[parts[n].i], parts[n].first
		s := scratch.Get().(*matrix.Scratch)
		w := p.W.(*weight).matrices[p.Matrix]
		matrix.Multiply(values(p.Dst), p.Dst.Stride, of[parts[n].i].ready, w, first, min(first+together, w.Rows), s)
		scratch.Put(s)
	})
	for _, in := range inputs {
		rounded.Put(in.ready)
	}
}

// shared finds the products with the same vectors, rounded alike: the distinct inputs, and that of each product.
func (d *Device) shared(products []device.Product) (inputs, of []*input) {
	type key struct {
		first                    *float32
		rows, cols, stride, span int
	}
	known := map[key]*input{}
	for i := range products {
		p := &products[i]
		w := p.W.(*weight).matrices[p.Matrix]
		k := key{&values(p.X)[0], p.X.Rows, p.X.Cols, p.X.Stride, d.mode.Span(w)}
		in := known[k]
		if in == nil {
			in = &input{x: p.X, ready: rounded.Get().(*matrix.Activations)}
			known[k] = in
			inputs = append(inputs, in)
		}
		in.weights = append(in.weights, w)
		of = append(of, in)
	}
	return inputs, of
}

// values is a view's buffer from its first value on.
func values(v device.View) []float32 { return floats(v.Buffer)[v.At:] }

func (d *Device) Lookup(dst device.View, weights device.Weight, ids []int32) {
	w := weights.(*weight)
	d.rows(len(ids), w.cols*costDecode, func(_, t int) { w.codec.Decode(row(dst, t), w.matrices[0].Row(nil, int(ids[t]))) })
}
