package model

import (
	"github.com/qconv/qconv/formats/arch"
	"github.com/qconv/qconv/runtime/device"
)

// grouped is attention with a key and a value head for every run of query heads.
func (p *Pass) grouped(l *Layer) {
	a := &p.m.Block.Attention
	q, mixed := p.new(int(a.Heads*a.KeyDim)), p.new(int(a.Heads*a.ValueDim))
	k, v := p.keys(l.number)
	if p.err != nil {
		return
	}
	p.multiply(l.tensors,
		product{dst: q, x: p.h, weight: "attn_q.weight"},
		product{dst: k, x: p.h, weight: "attn_k.weight"},
		product{dst: v, x: p.h, weight: "attn_v.weight"})
	p.bias(q, l.vector("attn_q.bias"))
	p.bias(k, l.vector("attn_k.bias"))
	p.bias(v, l.vector("attn_v.bias"))
	if a.QKNorm == arch.QKNormBeforeRope {
		p.normHeads(l, q, k)
	}
	p.rotate(q, int(a.Heads), int(a.KeyDim), 0)
	p.rotate(k, int(a.HeadsKV), int(a.KeyDim), 0)
	if a.QKNorm == arch.QKNormAfterRope {
		p.normHeads(l, q, k)
	}
	attention := &device.Attention{
		Heads: int(a.Heads), HeadsKV: int(a.HeadsKV), KeyDim: int(a.KeyDim), ValueDim: int(a.ValueDim), Scale: a.Scale,
	}
	if int64(l.number) >= a.WindowFrom {
		attention.Window = int(a.Window)
	}
	p.attend(mixed, q, k, v, attention)
	p.multiply(l.tensors, product{dst: p.out, x: mixed, weight: "attn_output.weight"})
	p.bias(p.out, l.vector("attn_output.bias"))
}

// latent is multi-head latent attention with the key matrices absorbed into the queries: keys are the latents with the
// rotated part behind, values are the latents.
func (p *Pass) latent(l *Layer) {
	a := &p.m.Block.Attention
	heads, rank, rope, nope := int(a.Heads), int(a.KVRank), int(a.RopeDim), int(a.NopeDim)
	q := p.new(heads * int(a.KeyDim))
	absorbed, mixed, values := p.new(heads*(rank+rope)), p.new(heads*rank), p.new(heads*int(a.ValueDim))
	k, _ := p.keys(l.number)
	if a.QRank > 0 {
		ranked := p.new(int(a.QRank))
		if p.err != nil {
			return
		}
		p.multiply(l.tensors, product{dst: ranked, x: p.h, weight: "attn_q_a.weight"}, product{dst: k, x: p.h, weight: "attn_kv_a_mqa.weight"})
		p.m.dev.Norm(ranked, ranked, l.vector("attn_q_a_norm.weight"), p.m.Block.Norm.Eps)
		p.multiply(l.tensors, product{dst: q, x: ranked, weight: "attn_q_b.weight"})
	} else {
		if p.err != nil {
			return
		}
		p.multiply(l.tensors, product{dst: q, x: p.h, weight: "attn_q.weight"}, product{dst: k, x: p.h, weight: "attn_kv_a_mqa.weight"})
	}
	latents := k.Columns(0, rank)
	p.m.dev.Norm(latents, latents, l.vector("attn_kv_a_norm.weight"), p.m.Block.Norm.Eps)
	p.rotate(k, 1, rank+rope, rank)
	p.rotate(q, heads, nope+rope, nope)
	var products []product
	for i := range heads {
		head := q.Columns(i*(nope+rope), nope+rope)
		to := absorbed.Columns(i*(rank+rope), rank+rope)
		products = append(products, product{dst: to.Columns(0, rank), x: head.Columns(0, nope), weight: "attn_k_b.weight", matrix: i})
		p.m.dev.Copy(to.Columns(rank, rope), head.Columns(nope, rope))
	}
	p.multiply(l.tensors, products...)
	p.attend(mixed, absorbed, k, latents, &device.Attention{Heads: heads, HeadsKV: 1, KeyDim: rank + rope, ValueDim: rank, Scale: a.Scale})
	products = products[:0]
	for i := range heads {
		products = append(products, product{
			dst: values.Columns(i*int(a.ValueDim), int(a.ValueDim)), x: mixed.Columns(i*rank, rank), weight: "attn_v_b.weight", matrix: i,
		})
	}
	p.multiply(l.tensors, products...)
	p.multiply(l.tensors, product{dst: p.out, x: values, weight: "attn_output.weight"})
	p.bias(p.out, l.vector("attn_output.bias"))
}

// keys gives where this batch's keys and values go: behind those in the cache, or to buffers of their own.
func (p *Pass) keys(l int) (k, v device.View) {
	keys, values := p.m.keyCols()
	if c := p.Cache; c != nil {
		k = device.Dense(c.k[l], c.rows, keys).Range(c.Len, len(p.IDs))
		if values > 0 {
			v = device.Dense(c.v[l], c.rows, values).Range(c.Len, len(p.IDs))
		}
		return k, v
	}
	if k = p.new(keys); values > 0 {
		v = p.new(values)
	}
	return k, v
}

// attend lets every window look at its keys and values, of which k and v are those of this batch.
func (p *Pass) attend(dst, q, k, v device.View, a *device.Attention) {
	for i := range p.spans {
		s := &p.spans[i]
		s.K, s.V = k.Range(s.First-s.Past, s.Past+s.Count), v.Range(s.First-s.Past, s.Past+s.Count)
	}
	p.m.dev.Attend(dst, q, p.spans, a)
}

// normHeads normalizes every head of queries and keys.
func (p *Pass) normHeads(l *Layer, q, k device.View) {
	d := int(p.m.Block.Attention.KeyDim)
	for _, x := range []struct {
		v device.View
		w device.Buffer
	}{{q, l.vector("attn_q_norm.weight")}, {k, l.vector("attn_k_norm.weight")}} {
		heads := device.View{Buffer: x.v.Buffer, At: x.v.At, Rows: x.v.Rows * (x.v.Cols / d), Cols: d, Stride: d}
		p.m.dev.Norm(heads, heads, x.w, p.m.Block.Norm.Eps)
	}
}

// rotate turns the rotated values of each head, which begin at first.
func (p *Pass) rotate(x device.View, heads, headDim, first int) {
	r := &p.m.Block.Rope
	p.m.dev.Rotate(x, &device.Rotation{
		Heads: heads, HeadDim: headDim, First: first, Dims: int(r.Dims), Neighbours: r.Pairing == arch.RopeNeighbours,
		Angles: p.m.angles, Positions: p.positions,
	})
}
