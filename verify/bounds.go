package verify

import "fmt"

// Bounds are what a file must keep to; nil is no bound.
type Bounds struct {
	KLD    *float64 // largest mean KL divergence
	Ratio  *float64 // largest ratio of the file's perplexity to the source's
	Top1   *float64 // least share of tokens with the same likeliest next one, 0 to 1
	Layer  *float64 // largest relative error behind a layer
	Tensor *float64 // largest relative error of a tensor
}

// Run tells whether any bound needs both models to run.
func (b *Bounds) Run() bool { return b.KLD != nil || b.Ratio != nil || b.Top1 != nil || b.Layer != nil }

// Judge adds a gate for each bound whose figure is there. What could not be measured is not within any bound: it is a finding.
func (b *Bounds) Judge(r *Report) {
	d := r.Divergence
	where := worstLayer(r.Layers)
	gate := func(bound *float64, flag, name, where string, least, known bool, value func() float64) {
		if bound == nil {
			return
		}
		if !known {
			r.Add("bounds", "", finding("", "%s: %s could not be measured", flag, name))
			return
		}
		g := Gate{Flag: flag, Name: name, Value: value(), Bound: *bound, Least: least, Where: where}
		g.OK = g.Value <= g.Bound // false for what is no number
		if least {
			g.OK = g.Value >= g.Bound
		}
		r.Gates = append(r.Gates, g)
	}
	gate(b.KLD, "--max-kld", "mean KL divergence", where, false, d != nil, func() float64 { return d.KLD.Value })
	gate(b.Ratio, "--max-ppl-ratio", "perplexity ratio", where, false, d != nil, func() float64 { return d.Ratio.Value })
	gate(b.Top1, "--min-top1", "share of tokens with the same likeliest next one", where, true, d != nil, func() float64 { return d.Top[0].Value })
	gate(b.Layer, "--max-layer-error", "largest relative error behind a layer", where, false, len(r.Layers) > 0, func() float64 {
		var most float64
		for _, l := range r.Layers {
			most = max(most, l.Error) // NaN stays
		}
		return most
	})
	tensor, worst := "", 0.0
	for _, t := range r.Tensors {
		if t.Compared && !(t.RMSE <= worst) {
			tensor, worst = t.Name, t.RMSE
		}
	}
	gate(b.Tensor, "--max-tensor-error", "largest relative error of a tensor", tensor, false, r.Against != "", func() float64 { return worst })
}

// worstLayer names the layer that adds most to the error, since errors grow on their way through the layers.
func worstLayer(layers []Layer) string {
	if len(layers) == 0 {
		return ""
	}
	worst, before, most := 0, 0.0, -1.0
	for i, l := range layers {
		if l.Error-before > most {
			worst, most = i, l.Error-before
		}
		before = l.Error
	}
	before = 0
	if worst > 0 {
		before = layers[worst-1].Error
	}
	return fmt.Sprintf("layer %d adds most, from %.4g to %.4g", layers[worst].Number, before, layers[worst].Error)
}
