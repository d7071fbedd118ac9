package stream

import (
	"context"
	"math"

	"github.com/qconv/qconv/runtime/model"
)

// Perplexity is how surprised a model is by a text.
type Perplexity struct {
	Windows int     // evaluated
	Scored  int     // tokens
	NLL     float64 // mean negative log-likelihood of a scored token, in nats
	Value   float64 // exp(NLL)
	Error   float64 // standard error of Value, as llama-perplexity computes it
}

// tally adds up in the order of the text, so that the sum does not depend on who computed what when.
type tally struct {
	n           int
	sum, square float64
}

func (t *tally) add(logProbs []float64) {
	for _, p := range logProbs {
		t.n++
		t.sum -= p
		t.square += p * p
	}
}

func (t *tally) perplexity(windows int) Perplexity {
	n := float64(t.n)
	p := Perplexity{Windows: windows, Scored: t.n, NLL: t.sum / n}
	p.Value = math.Exp(p.NLL)
	if variance := t.square/n - p.NLL*p.NLL; variance > 0 && t.n > 1 {
		p.Error = p.Value * math.Sqrt(variance/(n-1))
	}
	return p
}

// Measure evaluates a model on windows. watch is told how much is done, as a share, and the figure of the windows so far,
// which is zero before the first; it may be nil.
func Measure(ctx context.Context, m *model.Model, w *Windows, p Plan, watch func(done float64, soFar Perplexity)) (Perplexity, error) {
	var t tally
	var soFar Perplexity
	tell := func(done float64) {
		if watch != nil {
			watch(done, soFar)
		}
	}
	err := Run(ctx, m, w.IDs, p, tell, func(first int, pass *model.Pass) error {
		n := len(pass.Windows)
		rows, next := w.targets(first, n)
		logProbs, err := m.LogProbs(ctx, pass.X(), rows, next)
		if err != nil {
			return err
		}
		t.add(logProbs)
		soFar = t.perplexity(first + n)
		return nil
	})
	if err != nil {
		return Perplexity{}, err
	}
	tell(1)
	return soFar, nil
}
