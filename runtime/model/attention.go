package model

import (
	"github.com/qconv/qconv/formats/arch"
	"github.com/qconv/qconv/runtime/device"
)

// grouped is attention with a key and a value head for every run of query heads: h to out.
func (p *pass) grouped(t *tensors, l int, h, out device.View) {
	a := &p.Block.Attention
	q, mixed := p.new(int(a.Heads*a.KeyDim)), p.new(int(a.Heads*a.ValueDim))
	k, v := p.keys(l)
	if p.err != nil {
		return
	}
	p.dev.Multiply([]device.Product{
		{Dst: q, X: h, W: t.weight("attn_q.weight")},
		{Dst: k, X: h, W: t.weight("attn_k.weight")},
		{Dst: v, X: h, W: t.weight("attn_v.weight")},
	})
	p.bias(q, t.vector("attn_q.bias"))
	p.bias(k, t.vector("attn_k.bias"))
	p.bias(v, t.vector("attn_v.bias"))
	if a.QKNorm == arch.QKNormBeforeRope {
		p.normHeads(t, q, k)
	}
	p.rotate(q, int(a.Heads), int(a.KeyDim), 0)
	p.rotate(k, int(a.HeadsKV), int(a.KeyDim), 0)
	if a.QKNorm == arch.QKNormAfterRope {
		p.normHeads(t, q, k)
	}
	attention := &device.Attention{
		Heads: int(a.Heads), HeadsKV: int(a.HeadsKV), KeyDim: int(a.KeyDim), ValueDim: int(a.ValueDim), Scale: a.Scale,
	}
	if int64(l) >= a.WindowFrom {
		attention.Window = int(a.Window)
	}
	p.attend(mixed, q, k, v, attention)
	p.dev.Multiply([]device.Product{{Dst: out, X: mixed, W: t.weight("attn_output.weight")}})
	p.bias(out, t.vector("attn_output.bias"))
}

// latent is multi-head latent attention with the key matrices absorbed into the queries: keys are the latents with the
// rotated part behind, values are the latents.
func (p *pass) latent(t *tensors, l int, h, out device.View) {
	a := &p.Block.Attention
	heads, rank, rope, nope := int(a.Heads), int(a.KVRank), int(a.RopeDim), int(a.NopeDim)
	q := p.new(heads * int(a.KeyDim))
	absorbed, mixed, values := p.new(heads*(rank+rope)), p.new(heads*rank), p.new(heads*int(a.ValueDim))
	k, _ := p.keys(l)
	if a.QRank > 0 {
		ranked := p.new(int(a.QRank))
		if p.err != nil {
			return
		}
		p.dev.Multiply([]device.Product{{Dst: ranked, X: h, W: t.weight("attn_q_a.weight")}, {Dst: k, X: h, W: t.weight("attn_kv_a_mqa.weight")}})
		p.dev.Norm(ranked, ranked, t.vector("attn_q_a_norm.weight"), p.Block.Norm.Eps)
		p.dev.Multiply([]device.Product{{Dst: q, X: ranked, W: t.weight("attn_q_b.weight")}})
	} else {
		if p.err != nil {
			return
		}
		p.dev.Multiply([]device.Product{{Dst: q, X: h, W: t.weight("attn_q.weight")}, {Dst: k, X: h, W: t.weight("attn_kv_a_mqa.weight")}})
	}
	latents := k.Columns(0, rank)
	p.dev.Norm(latents, latents, t.vector("attn_kv_a_norm.weight"), p.Block.Norm.Eps)
	p.rotate(k, 1, rank+rope, rank)
	p.rotate(q, heads, nope+rope, nope)
	var products []device.Product
	for i := range heads {
		head := q.Columns(i*(nope+rope), nope+rope)
		to := absorbed.Columns(i*(rank+rope), rank+rope)
		products = append(products, device.Product{Dst: to.Columns(0, rank), X: head.Columns(0, nope), W: t.weight("attn_k_b.weight"), Matrix: i})
		p.dev.Copy(to.Columns(rank, rope), head.Columns(nope, rope))
	}
	p.dev.Multiply(products)
	p.attend(mixed, absorbed, k, latents, &device.Attention{Heads: heads, HeadsKV: 1, KeyDim: rank + rope, ValueDim: rank, Scale: a.Scale})
	products = products[:0]
	for i := range heads {
		products = append(products, device.Product{
			Dst: values.Columns(i*int(a.ValueDim), int(a.ValueDim)), X: mixed.Columns(i*rank, rank), W: t.weight("attn_v_b.weight"), Matrix: i,
		})
	}
	p.dev.Multiply(products)
	p.dev.Multiply([]device.Product{{Dst: out, X: values, W: t.weight("attn_output.weight")}})
	p.bias(out, t.vector("attn_output.bias"))
}

// keys gives where this batch's keys and values go: behind those in the cache, or to buffers of their own.
func (p *pass) keys(l int) (k, v device.View) {
	keys, values := p.keyCols()
	if c := p.Cache; c != nil {
		k = device.Dense(c.k[l], c.rows, keys).Range(c.Len, len(p.IDs))
		return k, device.Dense(c.v[l], c.rows, values).Range(c.Len, len(p.IDs))
	}
	if k = p.new(keys); values > 0 {
		v = p.new(values)
	}
	return k, v
}

// attend lets every window look at its keys and values, of which k and v are those of this batch.
func (p *pass) attend(dst, q, k, v device.View, a *device.Attention) {
	for i := range p.spans {
		s := &p.spans[i]
		s.K, s.V = k.Range(s.First-s.Past, s.Past+s.Count), v.Range(s.First-s.Past, s.Past+s.Count)
	}
	p.dev.Attend(dst, q, p.spans, a)
}

// normHeads normalizes every head of queries and keys.
func (p *pass) normHeads(t *tensors, q, k device.View) {
	d := int(p.Block.Attention.KeyDim)
	for _, x := range []struct {
		v device.View
		w device.Buffer
	}{{q, t.vector("attn_q_norm.weight")}, {k, t.vector("attn_k_norm.weight")}} {
		heads := device.View{Buffer: x.v.Buffer, At: x.v.At, Rows: x.v.Rows * (x.v.Cols / d), Cols: d, Stride: d}
		p.dev.Norm(heads, heads, x.w, p.Block.Norm.Eps)
	}
}

// rotate turns the rotated values of each head, which begin at first.
func (p *pass) rotate(x device.View, heads, headDim, first int) {
	r := &p.Block.Rope
	p.dev.Rotate(x, &device.Rotation{
		Heads: heads, HeadDim: headDim, First: first, Dims: int(r.Dims), Neighbours: r.Pairing == arch.RopeNeighbours,
		Angles: p.angles, Positions: p.positions,
	})
}
