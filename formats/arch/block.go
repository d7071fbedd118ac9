package arch

import (
	"math"
	"strings"

	"github.com/qconv/qconv/formats/fault"
)

// Block says how the forward pass runs. In a Spec the kinds are set and the numbers are zero; in a
// Binding all is set. It speaks of the GGUF tensors, so after PermuteQK and the split of kv_b:
//
//	x = token_embd[id]
//	for each layer l:
//		x += attention(norm(x, blk.l.attn_norm))
//		x += ffn(norm(x, blk.l.ffn_norm))
//	logits = output · norm(x, output_norm)     (token_embd in place of output when TiedOutput)
//
// ffn is MLP in a layer below Experts.LeadingDense or of a model without experts, else the sum of the
// routed experts and, if SharedWidth > 0, of the shared one. The formulas are those of llama.cpp
// v0.5.0 (src/models/*.cpp, src/llama-graph.cpp) and of the checkpoints' own models; where llama.cpp
// simplifies (sliding windows, how groups of experts compare) the fields say what the model does.
type Block struct {
	Layers     int64
	Width      int64 // of the residual stream, n_embd
	Vocab      int64
	Context    int64 // positions the model was made for, as the GGUF key says
	Norm       Norm
	Attention  Attention
	Rope       Rope
	MLP        MLP
	Experts    Experts
	TiedOutput bool
}

// NormKind is how a vector is normalized.
type NormKind uint8

// RMSNorm is w * x / sqrt(mean(x²) + Eps).
const RMSNorm NormKind = 1

// Norm is the normalization of the residual stream and, where Attention has them, of queries and keys.
type Norm struct {
	Kind NormKind
	Eps  float64
}

// AttentionKind is how queries, keys and values are made.
type AttentionKind uint8

const (
	// GQA: q = Wq·h (+bq), k = Wk·h (+bk), v = Wv·h (+bv); Heads query heads share HeadsKV key and value
	// heads in equal runs. Tensors attn_q, attn_k, attn_v, attn_output.
	GQA AttentionKind = iota + 1
	// MLA, multi-head latent attention: q = attn_q_b · norm(attn_q_a · h, attn_q_a_norm), or attn_q · h when
	// QRank is 0; each head's NopeDim values come first, its RopeDim rotated ones last. attn_kv_a_mqa · h gives
	// KVRank latent values, which attn_kv_a_norm normalizes, and one rotated key of RopeDim values for all heads.
	// Head i's key is the latent through attn_k_b[i] (stored transposed: NopeDim inner, KVRank rows), then the
	// rotated key; its value is attn_v_b[i] · latent. Equivalently attn_k_b is absorbed into the query, and keys
	// are the latents themselves.
	MLA
)

// QKNorm says whether queries and keys are normalized per head, by attn_q_norm and attn_k_norm.
type QKNorm uint8

const (
	NoQKNorm QKNorm = iota
	QKNormBeforeRope
	QKNormAfterRope
)

// Attention is softmax(Scale · q·k) · v under a causal mask, then attn_output.
type Attention struct {
	Kind       AttentionKind
	Heads      int64
	HeadsKV    int64
	KeyDim     int64 // of a query or key head; MLA: NopeDim + RopeDim
	ValueDim   int64 // of a value head
	Scale      float64
	QKNorm     QKNorm
	QKVBias    bool  // attn_q.bias, attn_k.bias, attn_v.bias
	OutBias    bool  // attn_output.bias
	Window     int64 // a query sees this many latest positions, its own included; 0: all. transformers only, GGUF has no key for it here
	WindowFrom int64 // first layer that Window holds for
	QRank      int64 // MLA
	KVRank     int64
	NopeDim    int64
	RopeDim    int64
}

// RopePairing says which two values of a head rotate together.
type RopePairing uint8

const (
	RopeHalves     RopePairing = iota + 1 // j and j + Dims/2 ("neox")
	RopeNeighbours                        // 2j and 2j+1
)

// RopeScaling is how the angle of pair j, p·Base^(-2j/Dims) at position p, is changed.
type RopeScaling uint8

const (
	RopePlain   RopeScaling = iota // not at all
	RopeLinear                     // divided by Factor
	RopeDivided                    // divided by rope_freqs[j], a tensor (Llama 3)
	RopeYaRN                       // between divided by Factor and not, by a ramp over j from BetaFast to BetaSlow rotations in OrigContext
	RopeOther                      // Type is a kind that GGUF does not express for this architecture
)

// Rope is the rotary position embedding of queries and keys: the pair (a, b) becomes Magnitude times
// (a·cos - b·sin, a·sin + b·cos).
//
// YaRN (llama.cpp ggml rope_yarn, transformers _compute_yarn_parameters): with
// dim(r) = Dims·ln(OrigContext/(2πr)) / (2·ln Base), low = max(0, floor(dim(BetaFast))),
// high = min(Dims-1, ceil(dim(BetaSlow))) and ramp = 1 - clamp((j-low)/max(0.001, high-low), 0, 1), the angle
// is ramp·angle + (1-ramp)·angle/Factor, and Magnitude is attention_factor, or else
// mscale(mscale)/mscale(mscale_all_dim) where both are given, or else mscale(1); mscale(m) = 1 + 0.1·m·ln Factor.
type Rope struct {
	Pairing     RopePairing
	Dims        int64 // rotated values of a head, the first ones (MLA: all RopeDim)
	Base        float64
	Scaling     RopeScaling
	Type        string // as the config spells it
	Factor      float64
	OrigContext int64
	BetaFast    float64
	BetaSlow    float64
	Magnitude   float64
}

// MLPKind is the shape of a feed-forward block.
type MLPKind uint8

// GatedSiLU is down · (silu(gate · h) ⊙ (up · h)).
const GatedSiLU MLPKind = 1

// MLP is a dense feed-forward block: ffn_gate, ffn_up, ffn_down.
type MLP struct {
	Kind  MLPKind
	Width int64
	Bias  bool
}

// Gating turns router logits into probabilities.
type Gating uint8

const (
	Softmax Gating = iota + 1
	Sigmoid
)

// Experts is a mixture of experts: p = Gating(ffn_gate_inp · h); those Used of Count with the highest
// p (+ exp_probs_b when Bias) are chosen, among the GroupsUsed best of Groups equal runs of experts when
// Groups > 1; their weights are p without the bias, divided by their sum when Normalize, times WeightScale.
type Experts struct {
	Count        int64
	Used         int64
	Width        int64 // of one routed expert
	SharedWidth  int64 // of all shared experts together, 0 for none
	LeadingDense int64 // layers before the first with experts
	Gating       Gating
	Bias         bool
	Groups       int64
	GroupsUsed   int64
	GroupTop     int64 // a group is as good as the sum of its this many best
	Normalize    bool
	WeightScale  float64
}

// block fills a Spec's Block. Numbers that only some architectures have come from Spec.Fill.
func (m *Model) block(s *Spec, b *Binding) (Block, error) {
	k := s.Block
	k.Layers, k.Width, k.Vocab = b.Layers, m.Num("hidden_size"), m.Num("vocab_size")
	k.MLP.Width = m.Num("intermediate_size")
	a := &k.Attention
	a.Heads, a.HeadsKV = b.Heads, m.Num("num_key_value_heads")
	if a.Kind == GQA {
		a.KeyDim, a.ValueDim = m.Num("head_dim"), m.Num("head_dim")
		k.Rope.Dims = a.KeyDim
	} else {
		a.QRank, a.KVRank = m.Num("q_lora_rank"), m.Num("kv_lora_rank")
		a.NopeDim, a.RopeDim, a.ValueDim = m.Num("qk_nope_head_dim"), m.Num("qk_rope_head_dim"), m.Num("v_head_dim")
		a.KeyDim = a.NopeDim + a.RopeDim
		k.Rope.Dims = a.RopeDim
	}
	a.Scale = 1 / math.Sqrt(float64(a.KeyDim))
	if k.Experts.Count = b.Experts; b.Experts == 0 {
		k.Experts = Experts{}
	}
	k.TiedOutput = true
	for i := range b.Targets {
		name := b.Targets[i].Name
		k.TiedOutput = k.TiedOutput && name != "output.weight"
		a.QKVBias = a.QKVBias || strings.HasSuffix(name, ".attn_q.bias")
		a.OutBias = a.OutBias || strings.HasSuffix(name, ".attn_output.bias")
		k.MLP.Bias = k.MLP.Bias || strings.HasSuffix(name, ".ffn_up.bias")
		k.Experts.Bias = k.Experts.Bias || strings.HasSuffix(name, ".exp_probs_b.bias")
	}
	for _, kv := range b.KVs {
		if n, ok := kv.Value.(uint32); ok && kv.Key == s.Name+".context_length" {
			k.Context = int64(n)
		}
	}
	var err error
	if k.Norm.Eps, err = m.number(m.values, 0, "rms_norm_eps", "norm_eps"); err != nil {
		return k, err
	}
	if err = m.fillRope(&k.Rope); err != nil {
		return k, err
	}
	if s.Fill != nil {
		s.Fill(m, &k)
	}
	if k.Rope.Scaling == RopeOther {
		m.notice("rope scaling of type %s is not written: llama.cpp takes the angles as they are", fault.Printable(k.Rope.Type))
	}
	return k, nil
}

// fillRope reads the rotary embedding's numbers.
func (m *Model) fillRope(r *Rope) (err error) {
	r.Magnitude, r.Factor, r.Type = 1, 1, m.ropeType()
	if r.Base, err = m.number(m.rope, 10000, "rope_theta"); err != nil {
		return err
	}
	switch strings.ToLower(r.Type) {
	case "", "default", "none":
		return nil
	case "llama3":
		r.Scaling = RopeDivided
		return nil
	case "linear":
		r.Scaling = RopeLinear
		r.Factor, err = m.number(m.rope, 1, "factor")
		return err
	case "yarn":
		if !yarn(m) {
			return nil
		}
		return m.fillYaRN(r)
	}
	r.Scaling = RopeOther
	return nil
}

func (m *Model) fillYaRN(r *Rope) (err error) {
	r.Scaling = RopeYaRN
	if r.Factor, err = m.number(m.rope, 1, "factor"); err != nil {
		return err
	}
	if r.OrigContext, err = integer("original_max_position_embeddings", m.rope["original_max_position_embeddings"], 0, math.MaxUint32); err != nil {
		return err
	}
	if r.BetaFast, err = m.number(m.rope, 32, "beta_fast"); err != nil {
		return err
	}
	if r.BetaSlow, err = m.number(m.rope, 1, "beta_slow"); err != nil {
		return err
	}
	some, all, err := m.mscales()
	if err != nil {
		return err
	}
	if some == 0 || all == 0 {
		some, all = 1, 0
	}
	r.Magnitude, err = m.number(m.rope, yarnMagnitude(r.Factor, some)/yarnMagnitude(r.Factor, all), "attention_factor", "attn_factor")
	return err
}

// mscales reads YaRN's mscale and mscale_all_dim, 0 when absent.
func (m *Model) mscales() (some, all float64, err error) {
	if some, err = m.number(m.rope, 0, "mscale"); err == nil {
		all, err = m.number(m.rope, 0, "mscale_all_dim")
	}
	return some, all, err
}

// yarnMagnitude is YaRN's get_mscale.
func yarnMagnitude(factor, mscale float64) float64 {
	if factor <= 1 {
		return 1
	}
	return 0.1*mscale*math.Log(factor) + 1
}
