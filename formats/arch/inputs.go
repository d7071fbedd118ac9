package arch

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/qconv/qconv/formats/fault"
)

// Input is a tensor that the forward pass reads.
type Input struct {
	Name  string
	Shape []int64 // innermost dimension first
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// Globals gives the tensors outside the layers, the token embeddings first.
func (b *Block) Globals() []Input {
	inputs := []Input{{"token_embd.weight", []int64{b.Width, b.Vocab}}, {"output_norm.weight", []int64{b.Width}}}
	if !b.TiedOutput {
		inputs = append(inputs, Input{"output.weight", []int64{b.Width, b.Vocab}})
	}
	if b.Rope.Scaling == RopeDivided {
		inputs = append(inputs, Input{"rope_freqs.weight", []int64{b.Rope.Dims / 2}})
	}
	return inputs
}

// Layer gives the tensors of layer l, in the order in which the pass comes to them.
func (b *Block) Layer(l int64) (inputs []Input) {
	add := func(name string, shape ...int64) {
		inputs = append(inputs, Input{"blk." + itoa(l) + "." + name, shape})
	}
	a := &b.Attention
	add("attn_norm.weight", b.Width)
	if a.Kind == MLA {
		if a.QRank > 0 {
			add("attn_q_a.weight", b.Width, a.QRank)
			add("attn_q_a_norm.weight", a.QRank)
			add("attn_q_b.weight", a.QRank, a.Heads*a.KeyDim)
		} else {
			add("attn_q.weight", b.Width, a.Heads*a.KeyDim)
		}
		add("attn_kv_a_mqa.weight", b.Width, a.KVRank+a.RopeDim)
		add("attn_kv_a_norm.weight", a.KVRank)
		add("attn_k_b.weight", a.NopeDim, a.KVRank, a.Heads)
		add("attn_v_b.weight", a.KVRank, a.ValueDim, a.Heads)
	} else {
		for _, p := range []struct {
			name string
			rows int64
		}{{"attn_q", a.Heads * a.KeyDim}, {"attn_k", a.HeadsKV * a.KeyDim}, {"attn_v", a.HeadsKV * a.ValueDim}} {
			add(p.name+".weight", b.Width, p.rows)
			if a.QKVBias {
				add(p.name+".bias", p.rows)
			}
		}
		if a.QKNorm != NoQKNorm {
			add("attn_q_norm.weight", a.KeyDim)
			add("attn_k_norm.weight", a.KeyDim)
		}
	}
	add("attn_output.weight", a.Heads*a.ValueDim, b.Width)
	if a.OutBias {
		add("attn_output.bias", b.Width)
	}
	add("ffn_norm.weight", b.Width)
	if !b.Sparse(l) {
		for _, p := range [][3]any{{"ffn_gate", b.Width, b.MLP.Width}, {"ffn_up", b.Width, b.MLP.Width}, {"ffn_down", b.MLP.Width, b.Width}} {
			add(p[0].(string)+".weight", p[1].(int64), p[2].(int64))
			if b.MLP.Bias {
				add(p[0].(string)+".bias", p[2].(int64))
			}
		}
		return inputs
	}
	e := &b.Experts
	add("ffn_gate_inp.weight", b.Width, e.Count)
	if e.Bias {
		add("exp_probs_b.bias", e.Count)
	}
	add("ffn_gate_exps.weight", b.Width, e.Width, e.Count)
	add("ffn_up_exps.weight", b.Width, e.Width, e.Count)
	add("ffn_down_exps.weight", e.Width, b.Width, e.Count)
	if e.SharedWidth > 0 {
		add("ffn_gate_shexp.weight", b.Width, e.SharedWidth)
		add("ffn_up_shexp.weight", b.Width, e.SharedWidth)
		add("ffn_down_shexp.weight", e.SharedWidth, b.Width)
	}
	return inputs
}

// Sparse tells whether layer l has experts in place of a dense feed-forward block.
func (b *Block) Sparse(l int64) bool { return b.Experts.Count > 0 && l >= b.Experts.LeadingDense }

// check compares the tensors with what the recipe inputs: each is there, with its shape, and there is no other, which would
// change what the model computes. Those of layers that predict further tokens are not looked at.
func (k *fileKeys) check(b *Block) error {
	inputs := b.Globals()
	for l := range b.Layers {
		inputs = append(inputs, b.Layer(l)...)
	}
	known := map[string]bool{}
	for _, n := range inputs {
		known[n.Name] = true
		shape, ok := k.tensors[n.Name]
		if !ok {
			return fault.New(fault.Mismatch, k.file, "tensor %s is missing; the keys say that it has the shape %v", n.Name, n.Shape)
		}
		if !slices.Equal(trim(shape), trim(n.Shape)) {
			return fault.New(fault.Mismatch, k.file, "the shape is %v, the keys say %v", shape, n.Shape).In(n.Name)
		}
	}
	blocks := k.numOr("block_count", b.Layers, b.Layers, maxLayers)
	for _, name := range slices.Sorted(maps.Keys(k.tensors)) {
		if known[name] {
			continue
		}
		var layer int64
		if rest, ok := strings.CutPrefix(name, "blk."); ok {
			number, _, _ := strings.Cut(rest, ".")
			layer, _ = strconv.ParseInt(number, 10, 64) // what is no number is not known in layer 0
		}
		switch {
		case layer >= blocks:
			return fault.New(fault.Mismatch, k.file, "key %q is %d, so that layers are numbered 0 to %d", k.arch+"block_count", blocks, blocks-1).In(name)
		case layer < b.Layers:
			return fault.New(fault.Unsupported, k.file, "it is not known what a model of architecture %s does with it", strings.TrimSuffix(k.arch, ".")).In(name)
		}
	}
	return nil
}

// trim drops trailing dimensions of 1.
func trim(shape []int64) []int64 {
	for len(shape) > 1 && shape[len(shape)-1] == 1 {
		shape = shape[:len(shape)-1]
	}
	return shape
}
