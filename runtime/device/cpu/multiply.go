package cpu

import "github.com/qconv/qconv/runtime/device"

// rowsEach is how many rows of a matrix a thread takes at a time.
const rowsEach = 32

func (d *Device) Multiply(products []device.Product) {
	type part struct{ product, first int }
	var parts []part
	for i := range products {
		for r := 0; r < products[i].W.Rows(); r += rowsEach {
			parts = append(parts, part{i, r})
		}
	}
	scratch := make([][]float32, d.threads)
	d.run(len(parts), func(worker, i int) {
		p := &products[parts[i].product]
		w := p.W.(*weight)
		if len(scratch[worker]) < w.cols {
			scratch[worker] = make([]float32, w.cols)
		}
		values := scratch[worker][:w.cols]
		for r := parts[i].first; r < min(parts[i].first+rowsEach, w.rows); r++ {
			w.codec.Decode(values, w.row(p.Matrix, r))
			for t := range p.X.Rows {
				row(p.Dst, t)[r] = dot(values, row(p.X, t))
			}
		}
	})
}

// dot adds products in eight sums of its own, so that the additions need not wait for each other.
func dot(a, b []float32) float32 {
	var s [8]float32
	b = b[:len(a)]
	for len(a) >= 8 {
		x, y := a[:8:8], b[:8:8]
		for i := range s {
			s[i] += float32(x[i] * y[i])
		}
		a, b = a[8:], b[8:]
	}
	for i := range a {
		s[i] += float32(a[i] * b[i])
	}
	return (s[0] + s[1]) + (s[2] + s[3]) + ((s[4] + s[5]) + (s[6] + s[7]))
}

func (d *Device) Lookup(dst device.View, weights device.Weight, ids []int32) {
	w := weights.(*weight)
	d.rows(len(ids), w.cols*costDecode, func(_, t int) { w.codec.Decode(row(dst, t), w.row(0, int(ids[t]))) })
}
