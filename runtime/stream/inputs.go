package stream

import (
	"slices"
	"strings"

	"github.com/qconv/qconv/quantize/imatrix"
	"github.com/qconv/qconv/runtime/device"
	"github.com/qconv/qconv/runtime/model"
)

// inputs adds up what weights are multiplied with: it is the observer of passes.
type inputs struct {
	m       *model.Model
	entries map[string]*imatrix.Sum
}

func newInputs(m *model.Model) *inputs { return &inputs{m, map[string]*imatrix.Sum{}} }

// Input adds the squares of x. Experts are counted each; the heads of a tensor all see the same rows, which are counted once.
func (in *inputs) Input(tensor string, matrix, matrices int, x device.View) error {
	e := in.entries[tensor]
	if e == nil {
		e = &imatrix.Sum{Name: tensor, Counts: make([]int64, 1), Values: make([]float64, matrices*x.Cols)}
		if strings.HasSuffix(tensor, "_exps.weight") {
			e.Counts = make([]int64, matrices)
		}
		in.entries[tensor] = e
	}
	if matrix < len(e.Counts) {
		e.Counts[matrix] += int64(x.Rows)
	}
	return in.m.Device().Squares(e.Values[matrix*x.Cols:(matrix+1)*x.Cols], x)
}

// means gives the importance of a matrix's columns; seen is false when nothing was multiplied with it.
func (in *inputs) means(tensor string, matrix, columns int) (values []float32, seen bool, err error) {
	e := in.entries[tensor]
	if e == nil {
		return slices.Repeat([]float32{1}, columns), false, nil
	}
	return e.Means(matrix, columns)
}

// sums gives what was seen, by name.
func (in *inputs) sums() *imatrix.Sums {
	s := &imatrix.Sums{}
	for _, e := range in.entries {
		s.Entries = append(s.Entries, *e)
	}
	return s.Sorted()
}
