package cpu

import (
	"math"

	"github.com/qconv/qconv/runtime/device"
	"github.com/qconv/qconv/runtime/device/cpu/internal/vector"
)

// LogProbs adds exponentials in float64.
func (d *Device) LogProbs(logits device.View, targets []int32) ([]float64, error) {
	out := make([]float64, logits.Rows)
	d.rows(logits.Rows, logits.Cols*costExp, func(_, t int) {
		z := row(logits, t)
		most := vector.Max(z)
		out[t] = float64(z[targets[t]]) - float64(most) - math.Log(vector.SumExp(z, most))
	})
	return out, nil
}
