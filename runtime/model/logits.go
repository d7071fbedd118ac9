package model

import (
	"context"

	"github.com/qconv/qconv/runtime/device"
)

// outputRows is how many rows of logits are made at a time: a vocabulary of 150,000 makes 75 MiB of them.
const outputRows = 128

// Logits gives the logits of rows of the residual stream that Forward gave, [len(rows)][Vocab].
func (m *Model) Logits(x device.View, rows []int32) ([]float32, error) {
	vocab := int(m.Block.Vocab)
	out := make([]float32, 0, len(rows)*vocab)
	err := m.output(x, rows, func(logits device.View, _ int) error {
		at := len(out)
		out = out[:at+logits.Rows*vocab]
		return m.dev.Read(out[at:], logits)
	})
	return out, err
}

// EachLogits gives use the logits of rows, some at a time: n of them from first on, row after row. The slice is used again
// for the next.
func (m *Model) EachLogits(ctx context.Context, x device.View, rows []int32, use func(logits []float32, first, n int) error) error {
	return m.output(x, rows, func(logits device.View, first int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := logits.Rows * logits.Cols
		if cap(m.logits) < n {
			m.logits = make([]float32, n)
		}
		out := m.logits[:n]
		if err := m.dev.Read(out, logits); err != nil {
			return err
		}
		return use(out, first, logits.Rows)
	})
}

// LogProbs gives ln p(targets[i]) after row rows[i].
func (m *Model) LogProbs(ctx context.Context, x device.View, rows, targets []int32) ([]float64, error) {
	var out []float64
	err := m.output(x, rows, func(logits device.View, first int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		p, err := m.dev.LogProbs(logits, targets[first:first+logits.Rows])
		out = append(out, p...)
		return err
	})
	return out, err
}

// output makes the logits of rows, some at a time; LoadHead was there before.
func (m *Model) output(x device.View, rows []int32, use func(logits device.View, first int) error) error {
	head := m.global.weight(m.head())
	most := min(outputRows, len(rows))
	h, err := m.dev.New(most * x.Cols)
	if err != nil {
		return err
	}
	defer m.dev.Free(h)
	logits, err := m.dev.New(most * int(m.Block.Vocab))
	if err != nil {
		return err
	}
	defer m.dev.Free(logits)
	for first := 0; first < len(rows); first += most {
		n := min(most, len(rows)-first)
		in, out := device.Dense(h, n, x.Cols), device.Dense(logits, n, int(m.Block.Vocab))
		m.dev.Gather(in, x, rows[first:first+n])
		m.dev.Norm(in, in, m.global.vector("output_norm.weight"), m.Block.Norm.Eps)
		m.dev.Multiply([]device.Product{{Dst: out, X: in, W: head}})
		if err := use(out, first); err != nil {
			return err
		}
	}
	return m.dev.Wait()
}
