package model

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/qconv/qconv/formats/arch"
	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/runtime/device"
)

// routes says which tokens go to which experts: rows ordered by expert and then by token.
type routes struct {
	rows   []int32
	weight []float32
	ends   []int // of each expert's rows
}

// of gives the rows of an expert.
func (r *routes) of(expert int) (first, n int) {
	if expert > 0 {
		first = r.ends[expert-1]
	}
	return first, r.ends[expert] - first
}

// route lets the router choose.
func (p *Pass) route(l *Layer) *routes {
	e := &p.m.Block.Experts
	logits := p.new(int(e.Count))
	if p.err != nil {
		return nil
	}
	p.multiply(l.tensors, product{dst: logits, x: p.h, weight: "ffn_gate_inp.weight"})
	if p.err != nil {
		return nil
	}
	choices, err := p.m.dev.Route(logits, l.vector("exp_probs_b.bias"), &device.Routing{
		Used: int(e.Used), Sigmoid: e.Gating == arch.Sigmoid, Normalize: e.Normalize, Scale: e.WeightScale,
		Groups: int(e.Groups), GroupsUsed: int(e.GroupsUsed), GroupTop: int(e.GroupTop),
	})
	if p.err = err; err != nil {
		return nil
	}
	return byExpert(choices, int(e.Used), int(e.Count))
}

func byExpert(choices []device.Choice, used, experts int) *routes {
	r := &routes{rows: make([]int32, len(choices)), weight: make([]float32, len(choices)), ends: make([]int, experts)}
	at := make([]int, experts+1)
	for _, c := range choices {
		at[c.Expert+1]++
	}
	for e := range experts {
		at[e+1] += at[e]
		r.ends[e] = at[e+1]
	}
	for i, c := range choices {
		r.rows[at[c.Expert]], r.weight[at[c.Expert]] = int32(i/used), c.Weight
		at[c.Expert]++
	}
	return r
}

// experts adds the routed experts, whose stacks the layer has, all at once.
func (p *Pass) experts(l *Layer) {
	r := p.route(l)
	if p.err != nil {
		return
	}
	n, width := len(p.IDs)*int(p.m.Block.Experts.Used), int(p.m.Block.Experts.Width)
	in, gate, up, down := p.rows(n, p.x.Cols), p.rows(n, width), p.rows(n, width), p.rows(n, p.x.Cols)
	if p.err != nil {
		return
	}
	dev := p.m.dev
	dev.Gather(in, p.h, r.rows)
	var first, second []product
	for e := range r.ends {
		at, n := r.of(e)
		if n == 0 {
			continue
		}
		x, g := in.Range(at, n), gate.Range(at, n)
		first = append(first,
			product{dst: g, x: x, weight: "ffn_gate_exps.weight", matrix: e},
			product{dst: up.Range(at, n), x: x, weight: "ffn_up_exps.weight", matrix: e})
		second = append(second, product{dst: down.Range(at, n), x: g, weight: "ffn_down_exps.weight", matrix: e})
	}
	p.multiply(l.tensors, first...)
	dev.Gate(gate, gate, up)
	p.multiply(l.tensors, second...)
	dev.Scatter(p.x, down, r.rows, r.weight)
}

// Route lets the router of a layer choose, after Attention and before Expert.
func (p *Pass) Route(l *Layer) error {
	p.routes = p.route(l)
	return p.err
}

// Tokens tells how many tokens Route sent to an expert.
func (p *Pass) Tokens(expert int) int {
	_, n := p.routes.of(expert)
	return n
}

// Expert adds one expert to the tokens that Route sent to it. All of a layer in order give the same bits as Layer.
func (p *Pass) Expert(x *Expert) error {
	at, n := p.routes.of(x.expert)
	if n == 0 {
		return nil
	}
	kept := len(p.buffers)
	width := int(p.m.Block.Experts.Width)
	in, gate, up := p.rows(n, p.x.Cols), p.rows(n, width), p.rows(n, width)
	if p.err != nil {
		return p.err
	}
	dev, rows := p.m.dev, p.routes.rows[at:at+n]
	dev.Gather(in, p.h, rows)
	p.multiply(x.tensors, product{dst: gate, x: in, weight: "ffn_gate_exps.weight"}, product{dst: up, x: in, weight: "ffn_up_exps.weight"})
	dev.Gate(gate, gate, up)
	p.multiply(x.tensors, product{dst: in, x: gate, weight: "ffn_down_exps.weight"})
	dev.Scatter(p.x, in, rows, p.routes.weight[at:at+n])
	p.freeFrom(kept)
	return p.err
}

// Expert is the matrices of one routed expert on the device.
type Expert struct{ *tensors }

// Release frees the expert.
func (x *Expert) Release() { x.release() }

// LoadExpert brings one routed expert of a layer onto the device.
func (m *Model) LoadExpert(ctx context.Context, layer, expert int) (*Expert, error) {
	t := m.none()
	t.prefix, t.expert, t.experts = prefix(layer), expert, int(m.Block.Experts.Count)
	for _, in := range m.Block.Layer(int64(layer)) {
		if !stacked(in) {
			continue
		}
		src, _ := m.src.Tensor(in.Name)
		w, err := m.loadWeight(ctx, src, in.Shape, expert, 1)
		if err != nil {
			t.release()
			if f := (*fault.Error)(nil); errors.As(err, &f) {
				f.Err = fmt.Errorf("expert %d: %w", expert, f.Err) // whose rows are counted
			}
			return nil, named(err, in.Name)
		}
		t.weights[short(in.Name)] = w
	}
	return &Expert{t}, nil
}

// stacked tells the matrices of routed experts.
func stacked(in arch.Input) bool { return strings.HasSuffix(in.Name, "_exps.weight") }
