package verify

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/runtime/model"
	"github.com/qconv/qconv/runtime/stream"
)

// Names of the checks that run models.
const (
	checkLayers     = "layers"
	checkDivergence = "divergence"
	checkPerplexity = "perplexity"
)

// Run lets source and file read a text side by side and reports the distances of their layers and the divergence of their
// predictions. What is not finite on the way is a finding, not an error.
type Run struct {
	Source, File *model.Model
	Windows      *stream.Windows
	Plan         stream.Plan
	Threads      int
	Watch        func(done float64, layers []stream.Distance) // may be nil
}

// Do runs.
func (r *Run) Do(ctx context.Context, report *Report) error {
	logits := &LogitComparison{Threads: r.Threads}
	pair := &stream.Pair{Source: r.Source, File: r.File, Logits: logits.Add}
	layers, err := pair.Run(ctx, r.Windows, r.Plan, r.Watch)
	return report.Ran(layers, &logits.Comparison, err)
}

// Ran reports a run side by side, or how it ended: what is not finite is a finding.
func (r *Report) Ran(layers []stream.Distance, c *Comparison, err error) error {
	if fault.KindOf(err) == fault.Malformed {
		f := fault.Cause(err)
		r.Add(checkLayers, "not all layers ran", finding(tensorOf(err), "%v", f))
		return nil
	}
	if err != nil {
		return err
	}
	for i, d := range layers {
		r.Layers = append(r.Layers, Layer{Number: i, Error: d.Error, Cosine: d.Cosine, Worst: d.Worst, Window: d.Window, Token: d.Position})
	}
	r.Add(checkLayers, fmt.Sprintf("%d layers, relative error behind the last one %.4g", len(layers), layers[len(layers)-1].Error))
	r.Divergence = c.Divergence()
	d := r.Divergence
	r.Add(checkDivergence, fmt.Sprintf("%d tokens, KL divergence %.4g ± %.2g, perplexity %.4f against %.4f, top 1 the same for %.2f %%",
		d.Tokens, d.KLD.Value, d.KLD.Error, d.Perplexity.Value, d.Source.Value, 100*d.Top[0].Value))
	return nil
}

// Evaluated reports the perplexity of a file on its own, or how its evaluation ended.
func (r *Report) Evaluated(p stream.Perplexity, err error) error {
	if fault.KindOf(err) == fault.Malformed {
		r.Add(checkPerplexity, "the text could not be evaluated", finding(tensorOf(err), "%v", fault.Cause(err)))
		return nil
	}
	if err != nil {
		return err
	}
	if !finite64(p.Value) {
		r.Add(checkPerplexity, "", finding("", "the perplexity is %v, expected a finite number", p.Value))
		return nil
	}
	r.Perplexity = &Perplexity{Estimate: Estimate{p.Value, p.Error}, NLL: p.NLL}
	r.Add(checkPerplexity, fmt.Sprintf("%.6f ± %.6f, %d tokens", p.Value, p.Error, p.Scored))
	return nil
}

func finite64(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// tensorOf is the tensor that a fault names.
func tensorOf(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Tensor
	}
	return ""
}
