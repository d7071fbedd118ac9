package cpu

import (
	"math"

	"github.com/qconv/qconv/runtime/device"
)

// Attend works on one head of one query at a time. Probabilities are made in float64.
func (d *Device) Attend(dst, q device.View, spans []device.Span, a *device.Attention) {
	type query struct{ span, i int }
	var queries []query
	longest := 0
	for s := range spans {
		for i := range spans[s].Count {
			queries = append(queries, query{s, i})
		}
		longest = max(longest, spans[s].Past+spans[s].Count)
	}
	scratch := make([][]float32, d.threads)
	d.run(len(queries)*a.Heads, func(worker, n int) {
		if scratch[worker] == nil {
			scratch[worker] = make([]float32, longest)
		}
		head := n % a.Heads
		s := &spans[queries[n/a.Heads].span]
		i := queries[n/a.Heads].i
		seen := s.Past + i + 1
		first := 0
		if a.Window > 0 {
			first = max(0, seen-a.Window)
		}
		shared := head / (a.Heads / a.HeadsKV)
		attendOne(
			row(dst, s.First+i)[head*a.ValueDim:][:a.ValueDim],
			row(q, s.First+i)[head*a.KeyDim:][:a.KeyDim],
			s.K.Columns(shared*a.KeyDim, a.KeyDim).Range(first, seen-first),
			s.V.Columns(shared*a.ValueDim, a.ValueDim).Range(first, seen-first),
			a.Scale, scratch[worker])
	})
}

func attendOne(out, q []float32, k, v device.View, scale float64, p []float32) {
	p = p[:k.Rows]
	most := math.Inf(-1)
	for t := range p {
		p[t] = float32(float64(dot(q, row(k, t))) * scale)
		most = max(most, float64(p[t]))
	}
	var sum float64
	for t, x := range p {
		e := math.Exp(float64(x) - most)
		p[t] = float32(e)
		sum += e
	}
	clear(out)
	for t, w := range p {
		w = float32(float64(w) / sum)
		for i, x := range row(v, t) {
			out[i] += float32(w * x)
		}
	}
}
