package verify

import (
	"fmt"
	"math"
	"strings"
)

// evil are names that a file or a directory may have.
var evil = []string{
	`</script><script>window.broken = 1</script>`,
	`<!--<script>window.broken = 1//`,
	`"><img src=x onerror="window.broken = 1">`,
	`' onmouseover='window.broken = 1`,
	"nul \x00 escape \x1b[31m line\nend",
	"\u202egnp.exe \u2028 \ufeff",
	"\xff\xfe no UTF-8 \xc0\xaf",
	`javascript:window.broken = 1`,
	`</style><style>*{display:none}</style>`,
	`{{.}} ${window.broken = 1} &lt;b&gt; ]]> -->`,
	`data:text/html,<script>window.broken = 1</script>`,
	strings.Repeat("long", 2_500),
	strings.Repeat("\x00", 500),
	"",
}

// figures that no sound model gives.
var odd = []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1), -1, 5e-324, math.MaxFloat64, -math.MaxFloat64, 1, 0.1}

// hostile makes a report in which everything that comes from elsewhere is as bad as it can be.
func hostile(tensors, layers int) *Report {
	n := 0
	e := func() string { n++; return evil[n%len(evil)] }
	f := func() float64 { n++; return odd[n%len(odd)] }
	est := func() Estimate { return Estimate{f(), f()} }
	quantiles := func() (list []Quantile) {
		for range 7 {
			list = append(list, Quantile{f(), f()})
		}
		return append(list, Quantile{0.5, f()}, Quantile{0.99, f()}, Quantile{0.999, f()})
	}
	r := &Report{
		Version: e(), Command: evil, Started: e(), File: evil[0], Against: evil[2], Arch: e(), Type: e(), Bytes: -1, Weights: math.MinInt64,
		BitsPerWeight: f(), SHA256: e(), Text: &Text{File: e(), SHA256: e(), Score: e(), Windows: -5},
		Perplexity: &Perplexity{est(), f()},
	}
	for range len(evil) {
		r.Checks = append(r.Checks, Check{e(), false, e()})
		r.Findings = append(r.Findings, Finding{e(), e(), e()})
		r.Notices = append(r.Notices, e())
		r.Gates = append(r.Gates, Gate{"--max-layer-error", e(), f(), f(), n%2 == 0, e(), false})
	}
	for i := range tensors {
		t := Tensor{Name: e(), Layer: i%(layers+1) - 1, Type: e(), Shape: []int64{math.MaxInt64, math.MinInt64, 0}, Bytes: math.MinInt64, Bits: f(),
			Compared: i%3 != 0, RMSE: f(), Cosine: f(), Largest: f(), WorstRow: -1, RowRMSE: f(), Remade: e()}
		if i%5 == 0 {
			t.Name, t.Shape = fmt.Sprintf("blk.%d.kind_%d%s", t.Layer, i, e()), nil
		}
		if i == 1 {
			t.Layer = math.MaxInt
		}
		r.Tensors = append(r.Tensors, t)
	}
	for i := range layers {
		r.Layers = append(r.Layers, Layer{i * 1_000_003, f(), f(), f(), -1, math.MinInt})
	}
	d := &Divergence{Tokens: -1, Perplexity: est(), Source: est(), Correlated: f(), LnRatio: est(), Ratio: est(), Difference: est(), KLD: est(), KLDs: quantiles(),
		Delta: est(), Deltas: quantiles(), DeltaRMS: est(), Top: []Agreement{{1, est()}, {0, est()}, {-1, est()}}}
	for i := range 20 {
		d.Histogram = append(d.Histogram, Bin{f(), f(), (i - 3) * 1000})
	}
	r.Divergence = d
	return r
}

// pages are reports of all kinds.
func pages() map[string]*Report {
	onText := sample(4)
	onText.Against, onText.Layers, onText.Divergence, onText.Perplexity = "", nil, nil, &Perplexity{Estimate{7.6124, 0.0891}, 2.0297}
	still := sample(3) // a conversion without loss
	for i := range still.Layers {
		still.Layers[i] = Layer{Number: i, Cosine: 1}
	}
	still.Divergence.Histogram = []Bin{{0, 1e-9, 4080}}
	colours := &Report{} // all that bits per weight can have
	for i, b := range []float64{1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 8.5, 16, 32} {
		colours.Tensors = append(colours.Tensors, Tensor{Name: fmt.Sprintf("blk.%d.attn_q.weight", i), Layer: i, Type: "T", Shape: []int64{256, 256}, Bits: b},
			Tensor{Name: "output.weight", Layer: -1, Bits: b})
	}
	return map[string]*Report{
		"all colours": colours, "passed": sample(28), "failed": damaged(), "one layer": sample(1), "128 layers": sample(128), "nothing": {}, "text only": onText, "no loss": still,
		"file only": {File: "a.gguf", Tensors: sample(2).Tensors, Pass: true}, "hostile": hostile(300, 28), "3,000 tensors": hostile(3000, 40),
		"one hostile layer": hostile(1, 1), "no hostile tensor": hostile(0, 0),
	}
}
