package cpu

import (
	"cmp"
	"math"
	"slices"

	"github.com/qconv/qconv/runtime/device"
)

func (d *Device) Route(logits device.View, bias device.Buffer, r *device.Routing) []device.Choice {
	choices := make([]device.Choice, logits.Rows*r.Used)
	d.run(logits.Rows, func(_, t int) {
		var b []float32
		if bias != nil {
			b = bias.(buffer)
		}
		route(choices[t*r.Used:][:r.Used], row(logits, t), b, r)
	})
	return choices
}

func route(out []device.Choice, logits, bias []float32, r *device.Routing) {
	p := probabilities(logits, r.Sigmoid)
	rank := slices.Clone(p)
	for i, v := range bias {
		rank[i] += float64(v)
	}
	if r.Groups > 1 {
		keepGroups(rank, r)
	}
	for i, e := range best(rank, r.Used) {
		out[i] = device.Choice{Expert: int32(e), Weight: float32(p[e])}
	}
	sum := 1.0
	if r.Normalize {
		sum = 0
		for _, c := range out {
			sum += p[c.Expert]
		}
		sum = max(sum, 0x1p-14) // as llama.cpp; DeepSeek adds 1e-20
	}
	for i := range out {
		out[i].Weight = float32(p[out[i].Expert] / sum * r.Scale)
	}
}

func probabilities(logits []float32, sigmoid bool) []float64 {
	p := make([]float64, len(logits))
	if sigmoid {
		for i, v := range logits {
			p[i] = 1 / (1 + math.Exp(-float64(v)))
		}
		return p
	}
	most := float64(slices.Max(logits))
	var sum float64
	for i, v := range logits {
		p[i] = math.Exp(float64(v) - most)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

// keepGroups makes the experts of all but the best groups unchoosable.
func keepGroups(rank []float64, r *device.Routing) {
	each := len(rank) / r.Groups
	groups := make([]float64, r.Groups)
	for g := range groups {
		run := rank[g*each:][:each]
		for _, e := range best(run, min(r.GroupTop, each)) {
			groups[g] += run[e]
		}
	}
	kept := best(groups, r.GroupsUsed)
	for g := range groups {
		if !slices.Contains(kept, g) {
			for i := range each {
				rank[g*each+i] = math.Inf(-1)
			}
		}
	}
}

// best gives the places of the n largest, largest first, equal ones by place. NaN comes last.
func best(v []float64, n int) []int {
	order := make([]int, len(v))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(v[b], v[a]) })
	return order[:n]
}

func (d *Device) LogProbs(logits device.View, targets []int32) ([]float64, error) {
	out := make([]float64, logits.Rows)
	d.run(logits.Rows, func(_, t int) {
		z := row(logits, t)
		most := math.Inf(-1)
		for _, v := range z {
			most = max(most, float64(v))
		}
		var sum float64
		for _, v := range z {
			sum += math.Exp(float64(v) - most)
		}
		out[t] = float64(z[targets[t]]) - most - math.Log(sum)
	})
	return out, nil
}
