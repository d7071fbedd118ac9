package cpu

import (
	"math"

	"github.com/qconv/qconv/runtime/device"
	"github.com/qconv/qconv/runtime/device/cpu/internal/vector"
)

// What a value costs, in units of a value read, added and written.
const (
	costCopy   = 1
	costAdd    = 1
	costNorm   = 2
	costGate   = 4
	costRotate = 2
	costDecode = 4
	costExp    = 8
	costSquare = 2
)

// Norm adds squares in float64, so that no size of values overflows.
func (d *Device) Norm(dst, x device.View, w device.Buffer, eps float64) {
	scale := floats(w)[:x.Cols]
	d.rows(x.Rows, x.Cols*costNorm, func(_, t int) {
		in := row(x, t)
		f := 1 / math.Sqrt(vector.Squares(in)/float64(len(in))+eps)
		vector.Scaled(row(dst, t), in, scale, float32(f))
	})
}

// Rotate lays out each row's angles in the order of its values first.
func (d *Device) Rotate(x device.View, r *device.Rotation) {
	angles := floats(r.Angles)
	pairs := r.Dims / 2
	d.rows(x.Rows, r.Heads*r.Dims*costRotate, func(worker, t int) {
		w := &d.workers[worker]
		w.angles = grown(w.angles.Values, 2, r.Dims)
		cos, sin := w.angles.Row(0, r.Dims), w.angles.Row(1, r.Dims)
		turn := angles[int(r.Positions[t])*r.Dims:][:r.Dims]
		for j := range pairs {
			c, s := turn[2*j], turn[2*j+1]
			if r.Neighbours {
				cos[2*j], cos[2*j+1], sin[2*j], sin[2*j+1] = c, c, -s, s
			} else {
				cos[j], sin[j] = c, s
			}
		}
		values := row(x, t)
		for h := range r.Heads {
			v := values[h*r.HeadDim+r.First:][:r.Dims]
			if r.Neighbours {
				vector.RotateNeighbours(v, cos, sin)
			} else {
				vector.RotateHalves(v[:pairs], v[pairs:], cos[:pairs], sin[:pairs])
			}
		}
	})
}

func (d *Device) Gate(dst, gate, up device.View) {
	d.rows(dst.Rows, dst.Cols*costGate, func(_, t int) { vector.Gate(row(dst, t), row(gate, t), row(up, t)) })
}

func (d *Device) Add(dst, x device.View) {
	d.rows(dst.Rows, dst.Cols*costAdd, func(_, t int) {
		from := t
		if x.Rows == 1 {
			from = 0
		}
		vector.AddScaled(row(dst, t), row(x, from), 1)
	})
}

func (d *Device) Copy(dst, x device.View) {
	d.rows(dst.Rows, dst.Cols*costCopy, func(_, t int) { copy(row(dst, t), row(x, t)) })
}

func (d *Device) Gather(dst, x device.View, rows []int32) {
	d.rows(len(rows), dst.Cols*costCopy, func(_, i int) { copy(row(dst, i), row(x, int(rows[i]))) })
}

// Scatter splits columns, not rows, among the threads: rows may be named several times.
func (d *Device) Scatter(dst, x device.View, rows []int32, weight []float32) {
	d.spread(dst.Cols, len(rows)*costAdd, func(_, first, end int) {
		for i, to := range rows {
			vector.AddScaled(row(dst, int(to))[first:end], row(x, i)[first:end], weight[i])
		}
	})
}

// Squares splits columns, not rows, among the threads: each sum has one order. Squares of float32 are exact in float64, so
// that it does not matter whether a processor fuses the addition.
func (d *Device) Squares(sums []float64, x device.View) error {
	d.spread(x.Cols, x.Rows*costSquare, func(_, first, end int) {
		part := sums[first:end]
		for t := range x.Rows {
			for i, v := range row(x, t)[first:end] {
				part[i] += float64(float64(v) * float64(v))
			}
		}
	})
	return nil
}
