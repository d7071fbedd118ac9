package arch

import "github.com/qconv/qconv/formats/gguf"

// hunyuanDense is HunYuan 0.5B to 7B: transformers models/hunyuan_v1_dense, llama.cpp
// src/models/hunyuan-vl.cpp. Queries and keys are normalized per head after their rotation.
var hunyuanDense = Spec{
	Name:  "hunyuan-dense",
	Vocab: "hunyuan-dense",
	HF:    []string{"HunYuanDenseV1ForCausalLM"},
	Nums:  decoderNums,
	Check: func(m *Model) error {
		if scaledByAlpha(m) {
			if _, err := integer("head_dim", m.value("head_dim"), 3, maxWidth); err != nil {
				return err // the reference takes it from the config only
			}
			if _, _, err := m.dynamicAlpha(hunyuanAlpha); err != nil {
				return err
			}
		}
		return checkHeads(m)
	},
	Keys: append(base(
		Key{Name: "expert_count", Type: gguf.ValueUint32, From: []string{"num_local_experts", "n_routed_experts"}}),
		Key{Name: "rope.freq_base", Type: gguf.ValueFloat32, When: scaledByAlpha, Make: func(m *Model) (any, error) {
			theta, alpha, err := m.dynamicAlpha(hunyuanAlpha)
			return float32(dynamicBase(theta, alpha, m.Num("head_dim"))), err
		}},
		Key{Name: "rope.scaling.type", Type: gguf.ValueString, When: scaledByAlpha, Make: func(*Model) (any, error) { return "none", nil }},
		Key{Name: "rope.scaling.factor", Type: gguf.ValueFloat32, When: scaledByAlpha, Make: func(*Model) (any, error) { return float32(1), nil }},
		Key{Name: "rope.scaling.original_context_length", Type: gguf.ValueUint32, When: dynamic, Make: func(*Model) (any, error) { return uint32(dynamicContext), nil }},
		Key{Name: "context_length", Type: gguf.ValueUint32, When: dynamic, Make: func(*Model) (any, error) { return uint32(dynamicContext), nil }},
	),
	Rules: []Rule{
		same("model.embed_tokens.weight", "token_embd.weight", "vocab_size", "hidden_size"),
		same("model.norm.weight", "output_norm.weight", "hidden_size"),
		same("lm_head.weight", "output.weight", "vocab_size", "hidden_size").needed(Head),
		same("model.layers.{l}.input_layernorm.weight", "blk.{l}.attn_norm.weight", "hidden_size"),
		same("model.layers.{l}.self_attn.q_proj.weight", "blk.{l}.attn_q.weight", "num_attention_heads*head_dim", "hidden_size"),
		same("model.layers.{l}.self_attn.k_proj.weight", "blk.{l}.attn_k.weight", "num_key_value_heads*head_dim", "hidden_size"),
		same("model.layers.{l}.self_attn.v_proj.weight", "blk.{l}.attn_v.weight", "num_key_value_heads*head_dim", "hidden_size"),
		same("model.layers.{l}.self_attn.o_proj.weight", "blk.{l}.attn_output.weight", "hidden_size", "num_attention_heads*head_dim"),
		same("model.layers.{l}.self_attn.query_layernorm.weight", "blk.{l}.attn_q_norm.weight", "head_dim"),
		same("model.layers.{l}.self_attn.key_layernorm.weight", "blk.{l}.attn_k_norm.weight", "head_dim"),
		same("model.layers.{l}.post_attention_layernorm.weight", "blk.{l}.ffn_norm.weight", "hidden_size"),
		same("model.layers.{l}.mlp.gate_proj.weight", "blk.{l}.ffn_gate.weight", "intermediate_size", "hidden_size"),
		same("model.layers.{l}.mlp.up_proj.weight", "blk.{l}.ffn_up.weight", "intermediate_size", "hidden_size"),
		same("model.layers.{l}.mlp.down_proj.weight", "blk.{l}.ffn_down.weight", "hidden_size", "intermediate_size"),
	},
	Ignore:   derivable,
	DropTied: true,
	Block: Block{
		Norm:      Norm{Kind: RMSNorm},
		Attention: Attention{Kind: GQA, QKNorm: QKNormAfterRope},
		Rope:      Rope{Pairing: RopeHalves},
		MLP:       MLP{Kind: GatedSiLU},
	},
	Fill: func(m *Model, b *Block) { b.Rope.scaleByAlpha(m, hunyuanAlpha) },
}

// hunyuanAlpha is the dense models' alpha when the config gives none.
const hunyuanAlpha = 50

func dynamic(m *Model) bool       { return m.rootType() == "dynamic" }
func scaledByAlpha(m *Model) bool { return dynamic(m) || m.rootType() == "xdrope" }

// scaleByAlpha makes a dynamic scaling what it amounts to: another base.
func (r *Rope) scaleByAlpha(m *Model, byDefault float64) {
	if !scaledByAlpha(m) {
		return
	}
	if theta, alpha, err := m.dynamicAlpha(byDefault); err == nil {
		r.Base, r.Scaling = dynamicBase(theta, alpha, m.Num("head_dim")), RopePlain
	}
}
