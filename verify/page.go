package verify

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
)

//go:embed page
var pageFiles embed.FS

// page is what page/page.html shows.
type page struct {
	*Report
	Policy string
	Style  template.CSS
	Script template.JS
	JSON   template.JS

	Compared   bool    // some tensor has errors
	Worst      *Tensor // of those, the one with the largest error
	WorstLayer *Layer
	Missing    []absent
	Curves     []*plot
	Histograms []*plot
	Lowest     float64 // where a first bar ends that begins at 0; else 0
	Map        *bitMap
	Statistics []statistics
}

// WritePage writes the report as one HTML page that loads nothing: style, script and figures are in it. It can be read without
// the script, which sorts, filters and copies. Names come from strangers' files: html/template escapes them, name and text
// show what cannot be printed, and the policy lets nothing run but the script whose hash it has.
func (r *Report) WritePage(w io.Writer) error {
	read := func(name string) (string, error) {
		b, err := pageFiles.ReadFile("page/" + name)
		return string(b), err
	}
	style, err := read("page.css")
	if err != nil {
		return err
	}
	script, err := read("page.js")
	if err != nil {
		return err
	}
	t, err := template.New("page.html").Funcs(pageFuncs).ParseFS(pageFiles, "page/page.html")
	if err != nil {
		return err
	}
	object, err := json.Marshal(r) // with < > & as \u003c and so on: no tag can end the element
	if err != nil {
		return err
	}
	p := &page{
		Report: r,
		Style:  template.CSS(style), Script: template.JS(script), JSON: template.JS(object),
		Policy: fmt.Sprintf("default-src 'none'; script-src '%s'; style-src '%s'; base-uri 'none'; form-action 'none'", contentHash(script), contentHash(style)),

		WorstLayer: r.worstLayer(),
		Missing:    r.missing(),
		Curves:     r.curves(),
		Histograms: r.histograms(),
		Map:        newBitMap(r.Tensors),
		Statistics: r.statistics(),
	}
	if r.Divergence != nil {
		if bars := r.Divergence.bars(); len(bars) > 0 && !usable(bars[0].From) {
			p.Lowest = rounded(bars[0].hi, 3)
		}
	}
	p.Worst = worstTensor(r.Tensors)
	p.Compared = p.Worst != nil
	return t.Execute(w, p)
}

var pageFuncs = template.FuncMap{
	"figure": figure, "deviation": func(x float64) string { return digits(x, 2) },
	"estimate": estimate, "percent": percent, "cosine": cosine, "bits": bits, "plain": plain, "size": size,
	"bounded": bounded, "share": share, "shape": shape, "clock": clock, "name": name, "text": text, "shell": commandLine,
	"count": count[int64], "number": count[int], "bitClass": bitClass,
	"plural": func(n int, one, more string) string {
		if n == 1 {
			return "1 " + one
		}
		return count(n) + " " + more
	},
	"unmet": func(gates []Gate) (n int) {
		for _, g := range gates {
			if !g.OK {
				n++
			}
		}
		return n
	},
	"most":        worstLayer,
	"hundredfold": func(x float64) float64 { return 100 * x },
}

// contentHash names content as a Content-Security-Policy does.
func contentHash(s string) string {
	h := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(h[:])
}

// worse orders errors, what is no number behind all numbers.
func worse(a, b float64) bool {
	if math.IsNaN(a) || math.IsNaN(b) {
		return math.IsNaN(a) && !math.IsNaN(b)
	}
	return a > b
}

func (r *Report) worstLayer() *Layer {
	var w *Layer
	for i := range r.Layers {
		if l := &r.Layers[i]; w == nil || worse(l.Error, w.Error) {
			w = l
		}
	}
	return w
}

func worstTensor(ts []Tensor) *Tensor {
	var w *Tensor
	for i := range ts {
		if t := &ts[i]; t.Compared && (w == nil || worse(t.RMSE, w.RMSE)) {
			w = t
		}
	}
	return w
}

// absent is a part that the report lacks, and what it needs.
type absent struct{ What, Needs, Command string }

func (r *Report) missing() []absent {
	var list []absent
	lack := func(have bool, what string, source, text bool) {
		if have {
			return
		}
		a := absent{What: what, Needs: "It was not measured in this run: the checks before it say why."}
		if source = source && r.Against == ""; source || text && r.Text == nil {
			var needs []string
			args := []string{"qconv", "verify", r.File}
			if source {
				needs = append(needs, "the source")
			}
			if r.Against != "" {
				args = append(args, "--against", r.Against)
			} else if source {
				args = append(args, "--against", "SOURCE")
			}
			if r.Text != nil {
				args = append(args, "-f", r.Text.File)
			} else if text {
				needs = append(needs, "a text")
				args = append(args, "-f", "TEXT")
			}
			a.Needs = "It needs " + strings.Join(needs, " and ") + ":"
			a.Command = commandLine(args)
		}
		list = append(list, a)
	}
	lack(worstTensor(r.Tensors) != nil || len(r.Tensors) == 0, "Error of each tensor", true, false)
	lack(len(r.Layers) > 0, "Error of each layer", true, true)
	lack(r.Divergence != nil, "Divergence of the predictions", true, true)
	lack(r.Divergence != nil || r.Perplexity != nil, "Perplexity", false, true)
	return list
}

// statistics is a small table of the page.
type statistics struct {
	ID, Title string
	Rows      []statistic
}

type statistic struct{ Name, Text string }

func (r *Report) statistics() []statistics {
	d := r.Divergence
	if d == nil {
		return nil
	}
	perplexity := []statistic{
		{"this file", estimate(d.Perplexity)},
		{"source", estimate(d.Source)},
		{"ratio", estimate(d.Ratio)},
		{"difference", estimate(d.Difference)},
		{"ln of the ratio", estimate(d.LnRatio)},
		{"correlation of ln p", cosine(d.Correlated)},
	}
	kld := []statistic{{"mean", estimate(d.KLD)}}
	for _, q := range d.KLDs {
		kld = append(kld, statistic{share(q.Share), figure(q.Value)})
	}
	delta := []statistic{{"mean", percent(d.Delta)}, {"root mean square", percent(d.DeltaRMS)}}
	for _, q := range d.Deltas {
		delta = append(delta, statistic{share(q.Share), figure(100*q.Value) + " %"})
	}
	var top []statistic
	for _, a := range d.Top {
		label := fmt.Sprintf("shared of the first %d", a.K)
		if a.K == 1 {
			label = "same first token"
		}
		top = append(top, statistic{label, percent(a.Estimate)})
	}
	return []statistics{
		{"perplexity", "Perplexity", perplexity},
		{"top", "Likeliest tokens", top},
		{"kl_divergence", "KL divergence, nats", kld},
		{"probability_difference", "Probability of the right token, file - source", delta},
	}
}
