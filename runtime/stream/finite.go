package stream

import (
	"math"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/runtime/device"
	"github.com/qconv/qconv/runtime/model"
)

// finiteInputs refuses what is not finite before a weight is multiplied with it, so that a fault names the operation.
type finiteInputs struct {
	dev  device.Device
	who  string
	sums []float64
}

// watchFinite lets every pass of a lane refuse what is not finite; who is the lane's model for messages.
func watchFinite(l *lane, who string) {
	o := &finiteInputs{dev: l.m.Device(), who: who}
	for _, p := range l.passes {
		p.Observe(o)
	}
}

// Input implements model.Observer.
func (f *finiteInputs) Input(tensor string, _, _ int, x device.View) error {
	if len(f.sums) < x.Cols {
		f.sums = make([]float64, x.Cols)
	}
	sums := f.sums[:x.Cols]
	clear(sums)
	if err := f.dev.Squares(sums, x); err != nil {
		return err
	}
	for c, v := range sums {
		if !finite(v) {
			what := "an infinity"
			if math.IsNaN(v) {
				what = "NaN"
			}
			return fault.New(fault.Malformed, "", "in the %s, column %d of what it is multiplied with has %s, expected finite numbers", f.who, c, what).In(tensor)
		}
	}
	return nil
}

var _ model.Observer = (*finiteInputs)(nil)
