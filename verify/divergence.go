package verify

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
)

// Comparison collects what Compare found, in the order of the text, so that no figure depends on who compared what when.
type Comparison struct{ pairs []Pair }

// NewComparison gives one without tokens.
func NewComparison() *Comparison { return &Comparison{} }

// Add appends a scored token.
func (c *Comparison) Add(p Pair) { c.pairs = append(c.pairs, p) }

// Tokens is how many were added.
func (c *Comparison) Tokens() int { return len(c.pairs) }

// Divergence computes all figures of the tokens so far. Its definitions are llama-perplexity's, with two liberties: sums of
// squares are taken of differences from the mean, which does not cancel, and there are errors from two tokens on, not from
// eleven. With fewer, and where nothing varies, errors are 0; so is the correlation. A perplexity too large for a
// float64 is the largest one, because JSON has no infinity.
func (c *Comparison) Divergence() *Divergence {
	d := &Divergence{Tokens: len(c.pairs), KLDs: []Quantile{}, Deltas: []Quantile{}, Histogram: []Bin{}, Top: []Agreement{}}
	if d.Tokens == 0 {
		return d
	}
	file, source := c.mean(func(p *Pair) float64 { return p.NLL }), c.mean(func(p *Pair) float64 { return p.Source })
	d.Perplexity, d.Source = file.exp(), source.exp()
	d.Correlated = c.correlation(file.Value, source.Value)
	// The variance of ln p - ln q is what those of both less twice their covariance come to.
	d.LnRatio = c.mean(func(p *Pair) float64 { return p.NLL - p.Source })
	d.Ratio = d.LnRatio.exp()
	d.Difference = Estimate{
		Value: finite(d.Source.Value * math.Expm1(d.LnRatio.Value)),
		Error: finite(c.mean(func(p *Pair) float64 {
			return d.Perplexity.Value*(p.NLL-file.Value) - d.Source.Value*(p.Source-source.Value)
		}).Error),
	}

	d.KLD = c.mean(func(p *Pair) float64 { return p.KLD })
	klds := c.sorted(func(p *Pair) float64 { return p.KLD })
	d.KLDs = quantiles(klds, 1, 0.999, 0.99, 0.95, 0.9, 0.5, 0.1, 0.05, 0.01, 0.001, 0)
	d.Histogram = histogram(klds)

	d.Delta = c.mean(func(p *Pair) float64 { return p.Delta })
	d.Deltas = quantiles(c.sorted(func(p *Pair) float64 { return p.Delta }), 1, 0.999, 0.99, 0.95, 0.9, 0.75, 0.5, 0.25, 0.1, 0.05, 0.01, 0.001, 0)
	squares := c.mean(func(p *Pair) float64 { return p.Delta * p.Delta })
	d.DeltaRMS.Value = math.Sqrt(squares.Value)
	if squares.Value > 0 {
		d.DeltaRMS.Error = 0.5 / d.DeltaRMS.Value * squares.Error
	}

	for i, k := range tops {
		// for k = 1 the error is that of a share, sqrt(p(1-p)/(n-1)): shares of one token are 0 or 1
		d.Top = append(d.Top, Agreement{K: k, Estimate: c.mean(func(p *Pair) float64 { return p.Shared[i] })})
	}
	return d
}

// mean is that of a figure of every token, with its standard error sqrt(variance/(n-1)), where the variance is that of
// these tokens, not of a population they are a sample of.
func (c *Comparison) mean(of func(*Pair) float64) Estimate {
	n := float64(len(c.pairs))
	var e Estimate
	for i := range c.pairs {
		e.Value += of(&c.pairs[i])
	}
	e.Value /= n
	if len(c.pairs) < 2 {
		return e
	}
	var squares float64
	for i := range c.pairs {
		x := of(&c.pairs[i]) - e.Value
		squares += x * x
	}
	e.Error = math.Sqrt(squares / n / (n - 1))
	return e
}

// correlation of both models' -ln p(token), whose means are given.
func (c *Comparison) correlation(file, source float64) float64 {
	var both, files, sources float64
	for i := range c.pairs {
		x, y := c.pairs[i].NLL-file, c.pairs[i].Source-source
		both += x * y
		files += x * x
		sources += y * y
	}
	if files == 0 || sources == 0 {
		return 0
	}
	return min(1, max(-1, both/(math.Sqrt(files)*math.Sqrt(sources))))
}

func (c *Comparison) sorted(of func(*Pair) float64) []float64 {
	out := make([]float64, len(c.pairs))
	for i := range c.pairs {
		out[i] = of(&c.pairs[i])
	}
	slices.Sort(out)
	return out
}

// exp is e to the estimate, whose error follows by the derivative.
func (e Estimate) exp() Estimate {
	v := finite(math.Exp(e.Value))
	return Estimate{Value: v, Error: finite(v * e.Error)}
}

// finite bounds what overflowed, a difference of two such included.
func finite(x float64) float64 {
	switch {
	case x < -math.MaxFloat64:
		return -math.MaxFloat64
	case x <= math.MaxFloat64:
		return x
	}
	return math.MaxFloat64
}

// quantiles of sorted values: a share lies between the values to both sides of share·(n-1).
func quantiles(sorted []float64, shares ...float64) []Quantile {
	out := make([]Quantile, 0, len(shares))
	for _, share := range shares {
		at := share * float64(len(sorted)-1)
		i := int(at)
		low, high := sorted[i], sorted[min(i+1, len(sorted)-1)]
		out = append(out, Quantile{Share: share, Value: low + (at-float64(i))*(high-low)})
	}
	return out
}

// edges of the bins of a divergence: ten a decade from 1e-8 to 100, rounded to three digits.
var edges = func() (out []float64) {
	for decade := -10; decade < 0; decade++ {
		for _, digits := range []int{100, 126, 158, 200, 251, 316, 398, 501, 631, 794} {
			edge, err := strconv.ParseFloat(fmt.Sprintf("%de%d", digits, decade), 64)
			if err != nil {
				panic(err)
			}
			out = append(out, edge)
		}
	}
	return append(out, 100)
}()

// histogram counts sorted values, none of them negative. A bin has what is at least From and below To; the first begins at 0,
// the last at 100 and its To is the largest value. Bins before the smallest value and behind the largest are left out.
func histogram(sorted []float64) []Bin {
	bin := func(x float64) int { return sort.Search(len(edges), func(i int) bool { return edges[i] > x }) }
	smallest, largest := sorted[0], sorted[len(sorted)-1]
	first := bin(smallest)
	out := make([]Bin, bin(largest)-first+1)
	for i := range out {
		if at := first + i; at > 0 {
			out[i].From = edges[at-1]
		}
		if at := first + i; at < len(edges) {
			out[i].To = edges[at]
		} else {
			out[i].To = largest
		}
	}
	for _, x := range sorted {
		out[bin(x)-first].Count++
	}
	return out
}
