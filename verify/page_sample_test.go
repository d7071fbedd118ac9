package verify

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// sample makes a report with the tensors of Qwen2.5 7B in the mixture of Q4_K_M, with figures that such a file could have.
func sample(layers int) *Report {
	rng := rand.New(rand.NewPCG(1, 2))
	r := &Report{
		Version: "0.4.0", Started: "2026-03-14T15:09:26Z",
		Command: []string{"qconv", "verify", "qwen2.5-7b-instruct-q4_k_m.gguf", "--against", "models/Qwen2.5 7B Instruct", "-f", "wiki.test.raw", "--max-kld", "0.05", "--min-top1", "0.9", "--max-layer-error", "0.2", "--report", "report.html"},
		File:    "qwen2.5-7b-instruct-q4_k_m.gguf", Against: "Qwen2.5 7B Instruct", Arch: "qwen2", Type: "Q4_K_M",
		SHA256: "8a1d6b2f0c5e4d3b7a99c4f1e2d3c4b5a6978877665544332211ffeeddccbbaa",
		Pass:   true,
		Text:   &Text{File: "wiki.test.raw", SHA256: "173c87a53759e0201f33e0ccf978e510c2042d7f2cb78229d9a50d79b9e7dd08", Windows: 16, Context: 512, Score: "second-half", Scored: 4080},
		Checks: []Check{{"structure", true, "339 tensors, 29 keys"}, {"blocks", true, "4.36 GiB, every scale is finite"}, {"keys", true, "27 keys as the source's"},
			{"tensors", true, "339 tensors compared"}, {"layers", true, "28 layers"}, {"divergence", true, "4,080 tokens"}},
		Notices: []string{"141 tensors are F32 and are exactly the source's"},
		Gates: []Gate{{"--max-kld", "mean KL divergence", 0, 0.05, false, "", true}, {"--min-top1", "same first token", 0, 0.9, true, "", true},
			{"--max-layer-error", "error of the worst layer", 0, 0.2, false, "", true}},
	}
	r.sampleTensors(rng, layers)
	r.sampleLayers(rng, layers)
	r.Divergence = sampleDivergence(rng)
	r.Gates[0].Value, r.Gates[1].Value, r.Gates[2].Value = r.Divergence.KLD.Value, r.Divergence.Top[0].Value, r.worstLayer().Error
	return r
}

func (r *Report) sampleTensors(rng *rand.Rand, layers int) {
	add := func(name string, layer int, typ string, shape ...int64) {
		bits := map[string]float64{"F32": 32, "Q4_K": 4.5, "Q6_K": 6.5625}[typ]
		n := int64(1)
		for _, d := range shape {
			n *= d
		}
		t := Tensor{Name: name, Layer: layer, Type: typ, Shape: shape, Bytes: int64(float64(n) * bits / 8), Bits: bits, Compared: true, Cosine: 1, Remade: "same"}
		if typ != "F32" {
			t.RMSE = map[string]float64{"Q4_K": 0.078, "Q6_K": 0.0195}[typ] * math.Exp(0.12*rng.NormFloat64())
			t.Cosine = 1 - t.RMSE*t.RMSE/2
			t.Largest = t.RMSE * 0.4 * math.Exp(0.5*rng.NormFloat64())
			t.WorstRow = rng.Int64N(shape[1])
			t.RowRMSE = t.RMSE * (1.2 + rng.Float64())
		}
		r.Tensors = append(r.Tensors, t)
		r.Bytes += t.Bytes
		r.Weights += n
	}
	add("output.weight", -1, "Q6_K", 3584, 152064)
	add("output_norm.weight", -1, "F32", 3584)
	add("token_embd.weight", -1, "Q4_K", 3584, 152064)
	for l := range layers {
		p := fmt.Sprintf("blk.%d.", l)
		more := "Q4_K"
		if l < layers/8 || l >= 7*layers/8 || (l-layers/8)%3 == 2 {
			more = "Q6_K"
		}
		add(p+"attn_k.bias", l, "F32", 512)
		add(p+"attn_k.weight", l, "Q4_K", 3584, 512)
		add(p+"attn_norm.weight", l, "F32", 3584)
		add(p+"attn_output.weight", l, "Q4_K", 3584, 3584)
		add(p+"attn_q.bias", l, "F32", 3584)
		add(p+"attn_q.weight", l, "Q4_K", 3584, 3584)
		add(p+"attn_v.bias", l, "F32", 512)
		add(p+"attn_v.weight", l, more, 3584, 512)
		add(p+"ffn_down.weight", l, more, 18944, 3584)
		add(p+"ffn_gate.weight", l, "Q4_K", 3584, 18944)
		add(p+"ffn_norm.weight", l, "F32", 3584)
		add(p+"ffn_up.weight", l, "Q4_K", 3584, 18944)
	}
	r.BitsPerWeight = 8 * float64(r.Bytes) / float64(r.Weights)
}

func (r *Report) sampleLayers(rng *rand.Rand, layers int) {
	for l := range layers {
		e := (0.028 + 0.05*math.Sqrt(float64(l)/float64(layers)) + 0.03*math.Exp(float64(l-layers)/2)) * math.Exp(0.05*rng.NormFloat64())
		if l == 2 || l == 3 { // where some tokens get huge activations
			e *= 0.4
		}
		r.Layers = append(r.Layers, Layer{Number: l, Error: e, Cosine: 1 - e*e/2, Worst: e * (2 + 2*rng.Float64()), Window: rng.IntN(16), Token: rng.IntN(512)})
	}
}

func sampleDivergence(rng *rand.Rand) *Divergence {
	const n = 4080
	klds, deltas := make([]float64, n), make([]float64, n)
	mean, squares := 0.0, 0.0
	for i := range klds {
		klds[i] = math.Exp(-5 + 1.6*rng.NormFloat64())
		deltas[i] = 0.03 * rng.NormFloat64() * math.Abs(rng.NormFloat64())
		mean += klds[i] / n
		squares += klds[i] * klds[i] / n
	}
	slices.Sort(klds)
	slices.Sort(deltas)
	at := func(sorted []float64, shares ...float64) (list []Quantile) {
		for _, s := range shares {
			x := s * float64(n-1)
			i := min(int(x), n-2)
			list = append(list, Quantile{s, sorted[i] + (x-float64(i))*(sorted[i+1]-sorted[i])})
		}
		return list
	}
	d := &Divergence{
		Tokens: n, Perplexity: Estimate{7.6124, 0.0891}, Source: Estimate{7.4316, 0.0862}, Correlated: 0.99412, LnRatio: Estimate{0.02404, 0.00131},
		Ratio: Estimate{1.02433, 0.00134}, Difference: Estimate{0.1808, 0.0104},
		KLD:      Estimate{mean, math.Sqrt((squares - mean*mean) / (n - 1))},
		KLDs:     at(klds, 1, .999, .99, .95, .9, .5, .1, .05, .01, .001, 0),
		Delta:    Estimate{-0.00214, 0.00061},
		Deltas:   at(deltas, 1, .999, .99, .95, .9, .75, .5, .25, .1, .05, .01, .001, 0),
		DeltaRMS: Estimate{0.0389, 0.0007},
		Top:      []Agreement{{1, Estimate{0.93407, 0.00388}}, {5, Estimate{0.91522, 0.00211}}, {10, Estimate{0.90874, 0.00187}}},
	}
	for e := -40; e < 4; e++ { // ten bins for a power of ten
		b := Bin{From: math.Pow(10, float64(e)/10), To: math.Pow(10, float64(e+1)/10)}
		if e == -40 {
			b.From = 0
		}
		for _, v := range klds {
			if v >= b.From && v < b.To {
				b.Count++
			}
		}
		d.Histogram = append(d.Histogram, b)
	}
	return d
}

// damaged is the sample of a file in which a layer is broken.
func damaged() *Report {
	r := sample(28)
	r.Pass = false
	r.Gates[0] = Gate{"--max-kld", "mean KL divergence", 1.8423, 0.05, false, "layer 7 adds most, from 0.04985 to 0.3214", false}
	r.Gates[2] = Gate{"--max-layer-error", "error of the worst layer", 0.91735, 0.2, false, "layer 7 adds most, from 0.04985 to 0.3214", false}
	r.Checks[3].OK, r.Checks[4].OK, r.Checks[5].OK = false, false, false
	r.Findings = []Finding{
		{"tensors", "blk.7.attn_q.weight", "relative RMSE 0.7812 against the source, other tensors of Q4_K have 0.0781: rows 1,024 to 1,151 are those of another head"},
		{"layers", "", "the error behind layer 7 is 0.3214, bound 0.2 of --max-layer-error; worst layer 27 with 0.9174"},
		{"divergence", "", "mean KL divergence is 1.842, bound 0.05 of --max-kld; the error begins at layer 7"},
		{"keys", "qwen2.rope.freq_base", "found 10000, expected 1000000 as rope_theta of config.json"},
	}
	for i := range r.Tensors {
		if t := &r.Tensors[i]; t.Name == "blk.7.attn_q.weight" {
			t.RMSE, t.Cosine, t.Largest, t.WorstRow, t.RowRMSE, t.Remade = 0.7812, 0.6948, 0.4871, 1090, 1.4142, "different"
		}
	}
	for i := 7; i < len(r.Layers); i++ {
		e := 0.3214 + 0.6*math.Sqrt(float64(i-7)/20)
		r.Layers[i].Error, r.Layers[i].Cosine, r.Layers[i].Worst = e, 1-e*e/2, 1.7*e
	}
	r.Layers[27].Error, r.Layers[27].Cosine = 0.91735, 0.5214
	r.Divergence.KLD, r.Divergence.Ratio = Estimate{1.8423, 0.0213}, Estimate{4.812, 0.091}
	return r
}
