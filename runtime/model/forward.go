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
	m    *Model
	k, v []device.Buffer // of each layer
	rows int
}

// NewCache makes room for n positions.
func (m *Model) NewCache(n int) (*Cache, error) {
	c := &Cache{m: m, rows: n}
	keys, values := m.keyCols()
	for range m.Block.Layers {
		k, err := m.dev.New(n * keys)
		if err != nil {
			c.Free()
			return nil, err
		}
		c.k = append(c.k, k)
		if values == 0 {
			continue
		}
		v, err := m.dev.New(n * values)
		if err != nil {
			c.Free()
			return nil, err
		}
		c.v = append(c.v, v)
	}
	return c, nil
}

// Free gives the memory back.
func (c *Cache) Free() {
	for _, b := range append(c.k, c.v...) {
		c.m.dev.Free(b)
	}
	c.k, c.v = nil, nil
}

// keyCols gives the columns of keys and of values that are kept; latent attention has its values in its keys.
func (m *Model) keyCols() (keys, values int) {
	a := &m.Block.Attention
	if a.Kind == arch.MLA {
		return int(a.KVRank + a.RopeDim), 0
	}
	return int(a.HeadsKV * a.KeyDim), int(a.HeadsKV * a.ValueDim)
}

// Pass is a batch on its way through the layers.
type Pass struct {
	*Batch
	m         *Model
	x         device.View // the residual stream: a row a token
	h         device.View // of a layer: what attention or feed-forward read
	out       device.View // of a layer: what they add
	positions []int32
	spans     []device.Span // First, Count and Past
	routes    *routes
	buffers   []device.Buffer
	observer  Observer
	err       error
}

// Begin embeds a batch's tokens, for which LoadEmbedding is needed.
func (m *Model) Begin(b *Batch) (*Pass, error) {
	p := &Pass{Batch: b, m: m}
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
	x, err := m.dev.New(len(b.IDs) * int(m.Block.Width))
	if err != nil {
		return nil, err
	}
	p.x = device.Dense(x, len(b.IDs), int(m.Block.Width))
	m.dev.Lookup(p.x, m.global.weight("token_embd.weight"), b.IDs)
	return p, nil
}

// X is the residual stream, a row a token. It is valid until End.
func (p *Pass) X() device.View { return p.x }

// Read gives rows of the residual stream, from row first on: len(dst) values.
func (p *Pass) Read(dst []float32, first int) error {
	return p.m.dev.Read(dst, p.x.Range(first, len(dst)/p.x.Cols))
}

// Write sets rows of the residual stream, from row first on: len(src) values.
func (p *Pass) Write(src []float32, first int) {
	p.m.dev.Write(p.x.Range(first, len(src)/p.x.Cols), src)
}

// End frees the pass.
func (p *Pass) End() {
	p.free()
	p.m.dev.Free(p.x.Buffer)
}

// Forward runs a batch through all layers, which Load brought in.
func (m *Model) Forward(ctx context.Context, b *Batch) (*Pass, error) {
	p, err := m.Begin(b)
	if err != nil {
		return nil, err
	}
	if err := p.Through(ctx, func(int) {}); err != nil {
		p.End()
		return nil, err
	}
	return p, nil
}

// Through runs a pass through all layers, which Load brought in; watch is told how many are done.
func (p *Pass) Through(ctx context.Context, watch func(layers int)) error {
	for i, l := range p.m.layers {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.Layer(l); err != nil {
			return err
		}
		watch(i + 1)
	}
	if p.Cache != nil {
		p.Cache.Len += len(p.IDs)
	}
	return nil
}

// Layer adds a whole layer to the residual stream.
func (p *Pass) Layer(l *Layer) error {
	defer p.free()
	if err := p.Attention(l); err != nil {
		return err
	}
	if l.Sparse() {
		p.experts(l)
	}
	return p.err
}

// Attention adds attention to the residual stream, and then the feed-forward block or, of a layer with experts, the
// shared ones. What the routed experts read stays until free.
func (p *Pass) Attention(l *Layer) error {
	p.h, p.out = p.new(p.x.Cols), p.new(p.x.Cols)
	if p.err != nil {
		return p.err
	}
	eps := p.m.Block.Norm.Eps
	p.m.dev.Norm(p.h, p.x, l.vector("attn_norm.weight"), eps)
	if p.m.Block.Attention.Kind == arch.MLA {
		p.latent(l)
	} else {
		p.grouped(l)
	}
	if p.err != nil {
		return p.err
	}
	p.freeFrom(2) // what comes next reads but h and out
	p.m.dev.Add(p.x, p.out)
	p.m.dev.Norm(p.h, p.x, l.vector("ffn_norm.weight"), eps)
	switch {
	case !l.Sparse():
		p.dense(l, "", int(p.m.Block.MLP.Width))
	case p.m.Block.Experts.SharedWidth > 0:
		p.dense(l, "_shexp", int(p.m.Block.Experts.SharedWidth))
	}
	return p.err
}

// new makes a buffer with a row of cols values for every token; free gives it back.
func (p *Pass) new(cols int) device.View { return p.rows(len(p.IDs), cols) }

func (p *Pass) rows(n, cols int) device.View {
	b, err := p.m.dev.New(n * cols)
	if err != nil {
		if p.err == nil {
			p.err = err
		}
		return device.View{}
	}
	p.buffers = append(p.buffers, b)
	return device.Dense(b, n, cols)
}

func (p *Pass) free() { p.freeFrom(0) }

// freeFrom frees all buffers but the first n.
func (p *Pass) freeFrom(n int) {
	for _, b := range p.buffers[n:] {
		p.m.dev.Free(b)
	}
	p.buffers = p.buffers[:n]
}

// Leave ends a layer that went by Attention, Route and Expert.
func (p *Pass) Leave() { p.free() }

// Slim frees what Attention left but what Expert reads, which is its first buffer: many passes can wait in a layer.
func (p *Pass) Slim() { p.freeFrom(1) }

// dense adds a gated feed-forward block; ending tells shared experts from the dense block.
func (p *Pass) dense(l *Layer, ending string, width int) {
	gate, up := p.new(width), p.new(width)
	if p.err != nil {
		return
	}
	dev := p.m.dev
	p.multiply(l.tensors,
		product{dst: gate, x: p.h, weight: "ffn_gate" + ending + ".weight"},
		product{dst: up, x: p.h, weight: "ffn_up" + ending + ".weight"})
	p.bias(gate, l.vector("ffn_gate"+ending+".bias"))
	p.bias(up, l.vector("ffn_up"+ending+".bias"))
	dev.Gate(gate, gate, up)
	p.multiply(l.tensors, product{dst: p.out, x: gate, weight: "ffn_down" + ending + ".weight"})
	p.bias(p.out, l.vector("ffn_down"+ending+".bias"))
	dev.Add(p.x, p.out)
}

// bias adds a vector to every row; nil is none.
func (p *Pass) bias(x device.View, b device.Buffer) {
	if b != nil {
		p.m.dev.Add(x, device.Dense(b, 1, x.Cols))
	}
}
