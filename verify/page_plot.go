package verify

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// plot is a drawing in the units of its view box. Each comes in two sizes, for laptops and phones: letters keep their size.
type plot struct {
	Class, Label string
	W, H         int
	Shapes       []mark
}

// mark is one element of a drawing: a path when it has a D, a text when it has a Text, else a rectangle.
type mark struct {
	Class      string
	D          string
	X, Y, W, H string
	Text       string
	Tip        string // what hovering, tapping and arrow keys show
}

func (p *plot) line(class string, x1, y1, x2, y2 float64) {
	p.path(class, fmt.Sprintf("M%.1f %.1fL%.1f %.1f", x1, y1, x2, y2))
}

func (p *plot) path(class, d string) { p.Shapes = append(p.Shapes, mark{Class: class, D: d}) }

func (p *plot) text(class string, x, y float64, text string) {
	p.Shapes = append(p.Shapes, mark{Class: class, X: px(x), Y: px(y), Text: text})
}

func (p *plot) rect(class string, x, y, w, h float64, tip string) {
	p.Shapes = append(p.Shapes, mark{Class: class, X: px(x), Y: px(y), W: px(max(w, 0)), H: px(max(h, 0)), Tip: tip})
}

func px(x float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", x), ".0") }

// frame is the area of a plot inside its axes.
type frame struct{ left, top, right, bottom float64 }

// logScale maps figures from lo to hi, both positive, to places from a to b.
type logScale struct{ lo, hi, a, b float64 }

func (s logScale) at(v float64) float64 {
	t := (math.Log10(v) - math.Log10(s.lo)) / (math.Log10(s.hi) - math.Log10(s.lo))
	return s.a + min(max(t, 0), 1)*(s.b-s.a)
}

// newLogScale widens the range to figures that a person would write: 1, 2 or 5 and a power of ten.
func newLogScale(lo, hi, a, b float64) logScale {
	down, up := math.Pow(10, math.Floor(math.Log10(lo))), math.Pow(10, math.Floor(math.Log10(hi)))
	s := logScale{lo: down, hi: 10 * up, a: a, b: b}
	for _, m := range []float64{2, 5} {
		if m*down <= lo {
			s.lo = m * down
		}
	}
	for _, m := range []float64{5, 2, 1} {
		if m*up >= hi {
			s.hi = m * up
		}
	}
	if s.hi <= s.lo {
		s.lo = s.hi / 10
	}
	return s
}

// ticks gives at most about most places to label.
func (s logScale) ticks(most int) []float64 {
	first, last := int(math.Floor(math.Log10(s.lo)+1e-9)), int(math.Ceil(math.Log10(s.hi)-1e-9))
	multiples, step := []float64{1, 2, 5}, 1
	if 3*(last-first) > most {
		multiples, step = []float64{1}, (last-first+most-1)/most
	}
	var list []float64
	for e := first; e <= last; e += step {
		for _, m := range multiples {
			if v := m * math.Pow(10, float64(e)); v >= s.lo*(1-1e-9) && v <= s.hi*(1+1e-9) {
				list = append(list, v)
			}
		}
	}
	return list
}

// tick writes a place of a logarithmic axis, whose only digit is 1, 2 or 5: without what powers of ten leave behind, as in
// 0.0009999999999.
func tick(v float64) string { return plain(rounded(v, 1)) }

func rounded(v float64, digits int) float64 {
	x, err := strconv.ParseFloat(strconv.FormatFloat(v, 'e', digits-1, 64), 64)
	if err != nil {
		return v
	}
	return x
}

// evenSteps gives 1, 2 or 5 times a power of ten so that n holds at most most of them.
func evenSteps(n, most int) int {
	for step := 1; ; step *= 10 {
		for _, m := range []int{1, 2, 5} {
			if n <= step*m*most {
				return step * m
			}
		}
	}
}

// usable says that a logarithmic axis can show a figure.
func usable(v float64) bool { return v > 1e-300 && v < 1e300 }

// curves draws the error behind each layer; nothing where no layer has one.
func (r *Report) curves() []*plot {
	lo, hi := math.Inf(1), 0.0
	see := func(v float64) {
		if usable(v) {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	for _, l := range r.Layers {
		see(l.Error)
		see(l.Worst)
	}
	if hi == 0 {
		return nil
	}
	bound := 0.0
	for _, g := range r.Gates {
		if g.Flag == "--max-layer-error" && usable(g.Bound) {
			bound = g.Bound
			see(bound)
		}
	}
	return []*plot{r.curve("wide", 1040, 340, lo, hi, bound), r.curve("narrow", 350, 300, lo, hi, bound)}
}

func (r *Report) curve(class string, w, h int, lo, hi, bound float64) *plot {
	p := &plot{Class: class, W: w, H: h, Label: fmt.Sprintf("Relative error of the hidden state behind each of %d layers, largest %s at layer %d. The table below has the figures.",
		len(r.Layers), figure(r.worstLayer().Error), r.worstLayer().Number)}
	f := frame{left: 62, top: 12, right: float64(w) - 8, bottom: float64(h) - 42}
	y := newLogScale(lo, hi, f.bottom, f.top)
	for _, v := range y.ticks(9) {
		p.line("grid", f.left, y.at(v), f.right, y.at(v))
		p.text("tick end", f.left-8, y.at(v)+4, tick(v))
	}
	step := (f.right - f.left) / float64(len(r.Layers))
	at := func(i int) float64 { return f.left + (float64(i)+0.5)*step }
	every := evenSteps(len(r.Layers), w/38)
	for i, l := range r.Layers {
		if i%every == 0 {
			p.text("tick middle", at(i), f.bottom+18, fmt.Sprint(l.Number))
		}
	}
	p.line("axis", f.left, f.bottom, f.right, f.bottom)
	p.text("name middle", (f.left+f.right)/2, float64(h)-4, "layer")
	p.text("name upright", 12, (f.top+f.bottom)/2, "relative error, logarithmic")
	if bound > 0 {
		p.line("bound", f.left, y.at(bound), f.right, y.at(bound))
	}
	p.follow("second", r.Layers, func(l Layer) float64 { return l.Worst }, at, y)
	p.follow("first", r.Layers, func(l Layer) float64 { return l.Error }, at, y)
	radius := min(max(step/5, 1.6), 3.6)
	for i, l := range r.Layers {
		switch {
		case !(l.Error < 1e300): // a cross at the top, for what is no number too
			p.path("cross", fmt.Sprintf("M%.1f %.1fl8 8m0 -8l-8 8", at(i)-4, f.top))
		case usable(l.Error):
			p.path("dot", disc(at(i), y.at(l.Error), radius))
		default: // no error: a ring on the axis
			p.path("ring", disc(at(i), f.bottom, radius))
		}
	}
	if bound > 0 {
		p.text("boundname", f.left+6, y.at(bound)-5, "--max-layer-error "+plain(bound))
	}
	for i, l := range r.Layers {
		p.rect("hit", f.left+float64(i)*step, f.top, step, f.bottom-f.top, fmt.Sprintf("layer %d: error %s, cosine %s, worst token %s (window %d, position %d)",
			l.Number, figure(l.Error), cosine(l.Cosine), figure(l.Worst), l.Window, l.Token))
	}
	return p
}

// follow draws a line through figures, with gaps where there are none.
func (p *plot) follow(class string, layers []Layer, of func(Layer) float64, at func(int) float64, y logScale) {
	var d strings.Builder
	pen := byte('M')
	for i, l := range layers {
		if v := of(l); usable(v) {
			fmt.Fprintf(&d, "%c%.1f %.1f", pen, at(i), y.at(v))
			pen = 'L'
		} else {
			pen = 'M'
		}
	}
	if d.Len() > 0 {
		p.path(class, d.String())
	}
}

func disc(x, y, r float64) string {
	return fmt.Sprintf("M%.1f %.1fa%.1f %.1f 0 1 0 %.1f 0a%.1f %.1f 0 1 0 %.1f 0z", x-r, y, r, r, 2*r, r, r, -2*r)
}
