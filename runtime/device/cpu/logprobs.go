package cpu

import (
	"math"

	"github.com/qconv/qconv/runtime/device"
)

func (d *Device) LogProbs(logits device.View, targets []int32) ([]float64, error) {
	out := make([]float64, logits.Rows)
	d.run(logits.Rows, func(_, t int) {
		z := row(logits, t)
		most := math.Inf(-1)
		for _, v := range z {
			most = max(most, float64(v))
		}
		var sum float64
		for _, v := range z {
			sum += math.Exp(float64(v) - most)
		}
		out[t] = float64(z[targets[t]]) - most - math.Log(sum)
	})
	return out, nil
}
