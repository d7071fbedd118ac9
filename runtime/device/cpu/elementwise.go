package cpu

import (
	"math"

	"github.com/qconv/qconv/runtime/device"
)

// Norm adds squares in float64, so that the order in which wider machines add does not matter.
func (d *Device) Norm(dst, x device.View, w device.Buffer, eps float64) {
	scale := floats(w)
	d.run(x.Rows, func(_, t int) {
		in, out := row(x, t), row(dst, t)
		var sum float64
		for _, v := range in {
			sum += float64(v) * float64(v)
		}
		f := float32(1 / math.Sqrt(sum/float64(len(in))+eps))
		for i, v := range in {
			out[i] = v * f * scale[i]
		}
	})
}

func (d *Device) Rotate(x device.View, r *device.Rotation) {
	angles := floats(r.Angles)
	pairs := r.Dims / 2
	d.run(x.Rows, func(_, t int) {
		turn := angles[int(r.Positions[t])*r.Dims:][:r.Dims]
		for h := range r.Heads {
			v := row(x, t)[h*r.HeadDim+r.First:][:r.Dims]
			for j := range pairs {
				a, b := j, j+pairs
				if r.Neighbours {
					a, b = 2*j, 2*j+1
				}
				cos, sin := turn[2*j], turn[2*j+1]
				v[a], v[b] = float32(v[a]*cos)-float32(v[b]*sin), float32(v[a]*sin)+float32(v[b]*cos)
			}
		}
	})
}

func (d *Device) Gate(dst, gate, up device.View) {
	d.run(dst.Rows, func(_, t int) {
		out, g, u := row(dst, t), row(gate, t), row(up, t)
		for i := range out {
			out[i] = float32(float64(g[i])/(1+math.Exp(-float64(g[i])))) * u[i]
		}
	})
}

func (d *Device) Add(dst, x device.View) {
	d.run(dst.Rows, func(_, t int) {
		out := row(dst, t)
		from := t
		if x.Rows == 1 {
			from = 0
		}
		for i, v := range row(x, from) {
			out[i] += v
		}
	})
}

func (d *Device) Copy(dst, x device.View) {
	d.run(dst.Rows, func(_, t int) { copy(row(dst, t), row(x, t)) })
}

func (d *Device) Gather(dst, x device.View, rows []int32) {
	d.run(len(rows), func(_, i int) { copy(row(dst, i), row(x, int(rows[i]))) })
}

// Scatter splits columns, not rows, among the threads: rows may be named several times.
func (d *Device) Scatter(dst, x device.View, rows []int32, weight []float32) {
	const each = 256
	d.run((dst.Cols+each-1)/each, func(_, part int) {
		first, end := part*each, min((part+1)*each, dst.Cols)
		for i, to := range rows {
			out, in := row(dst, int(to))[first:end], row(x, i)[first:end]
			for j, v := range in {
				out[j] += float32(weight[i] * v)
			}
		}
	})
}
