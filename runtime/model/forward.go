package model

import (
	"context"

	"github.com/qconv/qconv/formats/arch"
	"github.com/qconv/qconv/runtime/device"
)

// Batch is what goes through the layers together: windows of tokens that each begin at position 0, or tokens that
// follow those in a cache.
type Batch struct {
	IDs     []int32
	Windows []int  // lengths, which add up to len(IDs)
	Cache   *Cache // of the one window; nil: keys and values are forgotten after their layer
}

// Cache keeps the keys and values of one sequence.
type Cache struct {
	Len  int // positions in it
	k, v []device.Buffer
	rows int
}

// NewCache makes room for n positions.
func (m *Model) NewCache(n int) (*Cache, error) {
	c := &Cache{rows: n}
	keys, values := m.keyCols()
	for range m.Block.Layers {
		k, err := m.dev.New(n * keys)
		if err != nil {
			return nil, err
		}
		c.k = append(c.k, k)
		if values > 0 {
			if k, err = m.dev.New(n * values); err != nil {
				return nil, err
			}
		}
		c.v = append(c.v, k)
	}
	return c, nil
}

// keyCols gives the columns of keys and of values that are kept; latent attention has its values in its keys.
func (m *Model) keyCols() (keys, values int) {
	a := &m.Block.Attention
	if a.Kind == arch.MLA {
		return int(a.KVRank + a.RopeDim), 0
	}
	return int(a.HeadsKV * a.KeyDim), int(a.HeadsKV * a.ValueDim)
}

// pass is a batch on its way.
type pass struct {
	*Model
	*Batch
	x         device.View // the residual stream: a row a token
	positions []int32
	spans     []device.Span // First, Count and Past
	buffers   []device.Buffer
	err       error
}

// Forward runs a batch through all layers. It gives the residual stream after the last one, a row a token, which the
// caller frees.
func (m *Model) Forward(ctx context.Context, b *Batch) (device.View, error) {
	p := m.begin(b)
	defer p.free()
	for l := range m.layers {
		if err := ctx.Err(); err != nil {
			p.err = err
		}
		if p.err != nil {
			break
		}
		p.layer(m.layers[l], l)
	}
	if p.err == nil {
		p.err = m.dev.Wait()
	}
	if p.err != nil {
		m.dev.Free(p.x.Buffer)
		return device.View{}, p.err
	}
	if b.Cache != nil {
		b.Cache.Len += len(b.IDs)
	}
	return p.x, nil
}

// begin embeds the tokens.
func (m *Model) begin(b *Batch) *pass {
	p := &pass{Model: m, Batch: b}
	at, past := 0, 0
	if b.Cache != nil {
		past = b.Cache.Len
	}
	for _, n := range b.Windows {
		p.spans = append(p.spans, device.Span{First: at, Count: n, Past: past})
		for i := range n {
			p.positions = append(p.positions, int32(past+i))
		}
		at += n
	}
	p.x = p.new(int(m.Block.Width))
	p.buffers = nil // x outlives the pass
	if p.err == nil {
		m.dev.Lookup(p.x, m.global.weight("token_embd.weight"), b.IDs)
	}
	return p
}

// new makes a buffer with a row of cols values for every token; free gives it back.
func (p *pass) new(cols int) device.View { return p.rows(len(p.IDs), cols) }

func (p *pass) rows(n, cols int) device.View {
	b, err := p.dev.New(n * cols)
	if err != nil {
		if p.err == nil {
			p.err = err
		}
		return device.View{}
	}
	p.buffers = append(p.buffers, b)
	return device.Dense(b, n, cols)
}

func (p *pass) free() {
	for _, b := range p.buffers {
		p.dev.Free(b)
	}
	p.buffers = nil
}

// layer adds attention and feed-forward of layer l to the residual stream.
func (p *pass) layer(t *tensors, l int) {
	defer p.free()
	h, out := p.new(p.x.Cols), p.new(p.x.Cols)
	if p.err != nil {
		return
	}
	eps := p.Block.Norm.Eps
	p.dev.Norm(h, p.x, t.vector("attn_norm.weight"), eps)
	if p.Block.Attention.Kind == arch.MLA {
		p.latent(t, l, h, out)
	} else {
		p.grouped(t, l, h, out)
	}
	if p.err != nil {
		return
	}
	p.dev.Add(p.x, out)
	p.dev.Norm(h, p.x, t.vector("ffn_norm.weight"), eps)
	if p.Block.Sparse(int64(l)) {
		p.sparse(t, h, out)
	} else {
		p.dense(t, "", int(p.Block.MLP.Width), h, out)
	}
}

// dense adds a gated feed-forward block of h to the residual stream, by way of out; ending tells shared experts from the dense block.
func (p *pass) dense(t *tensors, ending string, width int, h, out device.View) {
	gate, up := p.new(width), p.new(width)
	if p.err != nil {
		return
	}
	p.dev.Multiply([]device.Product{
		{Dst: gate, X: h, W: t.weight("ffn_gate" + ending + ".weight")},
		{Dst: up, X: h, W: t.weight("ffn_up" + ending + ".weight")},
	})
	p.bias(gate, t.vector("ffn_gate"+ending+".bias"))
	p.bias(up, t.vector("ffn_up"+ending+".bias"))
	p.dev.Gate(gate, gate, up)
	p.dev.Multiply([]device.Product{{Dst: out, X: gate, W: t.weight("ffn_down" + ending + ".weight")}})
	p.bias(out, t.vector("ffn_down"+ending+".bias"))
	p.dev.Add(p.x, out)
}

// bias adds a vector to every row; nil is none.
func (p *pass) bias(x device.View, b device.Buffer) {
	if b != nil {
		p.dev.Add(x, device.Dense(b, 1, x.Cols))
	}
}

// sparse adds the chosen experts and the shared ones.
func (p *pass) sparse(t *tensors, h, out device.View) {
	e := &p.Block.Experts
	tokens, used, width := len(p.IDs), int(e.Used), int(e.Width)
	if e.SharedWidth > 0 {
		p.dense(t, "_shexp", int(e.SharedWidth), h, out)
	}
	logits := p.new(int(e.Count))
	in, gate, up, down := p.rows(tokens*used, h.Cols), p.rows(tokens*used, width), p.rows(tokens*used, width), p.rows(tokens*used, h.Cols)
	if p.err != nil {
		return
	}
	p.dev.Multiply([]device.Product{{Dst: logits, X: h, W: t.weight("ffn_gate_inp.weight")}})
	choices := p.dev.Route(logits, t.vector("exp_probs_b.bias"), &device.Routing{
		Used: used, Sigmoid: e.Gating == arch.Sigmoid, Normalize: e.Normalize, Scale: e.WeightScale,
		Groups: int(e.Groups), GroupsUsed: int(e.GroupsUsed), GroupTop: int(e.GroupTop),
	})
	rows, weights, ends := byExpert(choices, used, int(e.Count))
	p.dev.Gather(in, h, rows)
	var first, second []device.Product
	start := 0
	for expert, end := range ends {
		if n := end - start; n > 0 {
			x, g, u := in.Range(start, n), gate.Range(start, n), up.Range(start, n)
			first = append(first,
				device.Product{Dst: g, X: x, W: t.weight("ffn_gate_exps.weight"), Matrix: expert},
				device.Product{Dst: u, X: x, W: t.weight("ffn_up_exps.weight"), Matrix: expert})
			second = append(second, device.Product{Dst: down.Range(start, n), X: g, W: t.weight("ffn_down_exps.weight"), Matrix: expert})
		}
		start = end
	}
	p.dev.Multiply(first)
	p.dev.Gate(gate, gate, up)
	p.dev.Multiply(second)
	p.dev.Scatter(p.x, down, rows, weights)
}

// byExpert orders choices by expert and then by token: for each the token and the weight, and where an expert's end.
func byExpert(choices []device.Choice, used, experts int) (rows []int32, weights []float32, ends []int) {
	ends = make([]int, experts)
	for _, c := range choices {
		ends[c.Expert]++
	}
	at := make([]int, experts)
	sum := 0
	for e, n := range ends {
		at[e] = sum
		sum += n
		ends[e] = sum
	}
	rows, weights = make([]int32, sum), make([]float32, sum)
	for i, c := range choices {
		rows[at[c.Expert]], weights[at[c.Expert]] = int32(i/used), c.Weight
		at[c.Expert]++
	}
	return rows, weights, ends
}
