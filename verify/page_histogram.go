package verify

import (
	"fmt"
	"math"
	"slices"
)

// bar is a bin with edges that a logarithmic axis can show.
type bar struct {
	Bin
	lo, hi float64
}

// bars gives the bins from the first to the last that has tokens. A bin that begins at or below 0, or has no width, is as wide as
// the narrowest.
func (d *Divergence) bars() []bar {
	first, last := -1, -1
	ratio := math.Inf(1)
	for i, b := range d.Histogram {
		if b.Count > 0 {
			if first < 0 {
				first = i
			}
			last = i
		}
		if usable(b.From) && usable(b.To) && b.To > b.From {
			ratio = min(ratio, b.To/b.From)
		}
	}
	if math.IsInf(ratio, 1) {
		ratio = math.Pow(10, 0.1)
	}
	if first < 0 {
		return nil
	}
	var list []bar
	for _, b := range d.Histogram[first : last+1] {
		s := bar{b, b.From, b.To}
		if !usable(s.lo) {
			s.lo = s.hi / ratio
		}
		if !usable(s.hi) || s.hi <= s.lo {
			s.hi = s.lo * ratio
		}
		if usable(s.lo) && usable(s.hi) && s.hi > s.lo && b.Count >= 0 {
			list = append(list, s)
		}
	}
	return list
}

// histograms draws how the tokens' KL divergences are spread; nothing where there are none.
func (r *Report) histograms() []*plot {
	if r.Divergence == nil {
		return nil
	}
	bars := r.Divergence.bars()
	if len(bars) == 0 {
		return nil
	}
	return []*plot{r.Divergence.histogram("wide", 1040, 320, bars), r.Divergence.histogram("narrow", 350, 290, bars)}
}

func (d *Divergence) histogram(class string, w, h int, bars []bar) *plot {
	most, total := 1, 0
	for _, b := range bars {
		most = max(most, b.Count)
		total += b.Count
	}
	p := &plot{Class: class, W: w, H: h, Label: fmt.Sprintf("Histogram of the KL divergence of %s tokens on a logarithmic axis from %s to %s nats.",
		count(total), figure(bars[0].lo), figure(bars[len(bars)-1].hi))}
	f := frame{left: 62, top: 58, right: float64(w) - 8, bottom: float64(h) - 42}
	x := logScale{lo: bars[0].lo, hi: bars[len(bars)-1].hi, a: f.left, b: f.right}
	step := evenSteps(most, 5)
	top := (most + step - 1) / step * step
	y := func(n int) float64 { return f.bottom - float64(n)/float64(top)*(f.bottom-f.top) }
	for n := 0; n <= top; n += step {
		p.line("grid", f.left, y(n), f.right, y(n))
		p.text("tick end", f.left-8, y(n)+4, count(n))
	}
	for _, b := range bars {
		a, z := x.at(b.lo), x.at(b.hi)
		gap := min(1, (z-a)/6)
		p.rect("bar", a+gap, y(b.Count), z-a-2*gap, f.bottom-y(b.Count), "")
	}
	for _, v := range x.ticks(w / 60) {
		p.line("axis", x.at(v), f.bottom, x.at(v), f.bottom+5)
		p.text("tick middle", min(x.at(v), f.right-8), f.bottom+19, tick(v))
	}
	p.line("axis", f.left, f.bottom, f.right, f.bottom)
	p.text("name middle", (f.left+f.right)/2, float64(h)-4, "KL divergence, nats, logarithmic")
	p.text("name upright", 12, (f.top+f.bottom)/2, "tokens")
	d.quantiles(p, f, x)
	for _, b := range bars {
		edges := fmt.Sprintf("%s to %s", figure(b.From), figure(b.To))
		switch {
		case !usable(b.From):
			edges = "below " + figure(b.To)
		case !usable(b.To):
			edges = "from " + figure(b.From)
		}
		p.rect("hit", x.at(b.lo), f.top, x.at(b.hi)-x.at(b.lo), f.bottom-f.top,
			fmt.Sprintf("%s nats: %s tokens, %.2f %%", edges, count(b.Count), 100*float64(b.Count)/float64(max(total, 1))))
	}
	return p
}

// quantiles marks some of them, each with its label a line below the one before.
func (d *Divergence) quantiles(p *plot, f frame, x logScale) {
	var labels []mark
	for _, s := range []float64{0.5, 0.99, 0.999} {
		i := slices.IndexFunc(d.KLDs, func(q Quantile) bool { return q.Share == s && !math.IsNaN(q.Value) })
		if i < 0 {
			continue
		}
		at, top := f.left, 14+16*float64(len(labels))
		if v := d.KLDs[i].Value; v > 0 {
			at = x.at(v)
		}
		p.line("quantile", at, top-9, at, f.bottom)
		label := mark{Class: "mark", X: px(at + 6), Y: px(top), Text: share(s) + ": " + figure(d.KLDs[i].Value)}
		if at > f.left+(f.right-f.left)*0.6 {
			label.Class, label.X = "mark end", px(at-6)
		}
		labels = append(labels, label)
	}
	p.Shapes = append(p.Shapes, labels...) // over all lines
}
