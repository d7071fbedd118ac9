package arch

import (
	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
)

// hunyuanMoE is Hunyuan-A13B: transformers models/hunyuan_v1_moe, llama.cpp
// src/models/hunyuan-moe.cpp. Every layer has routed experts and a shared one; queries and keys are
// normalized per head after their rotation. Per-layer lists of the config must be constant.
var hunyuanMoE = Spec{
	Name:  "hunyuan-moe",
	Vocab: "hunyuan-moe",
	HF:    []string{"HunYuanMoEV1ForCausalLM"},
	Nums: with(decoderNums,
		Num{Name: "num_experts", From: []string{"num_local_experts", "num_experts"}, Min: 1, Max: maxExperts},
		Num{Name: "moe_intermediate_size", Uniform: true, Min: 1, Max: maxWidth},
		Num{Name: "moe_topk", Uniform: true, Min: 1, Max: maxExperts},
		Num{Name: "num_shared_expert", Uniform: true, Min: 1, Max: maxExperts},
	),
	Experts: "num_experts",
	Check: func(m *Model) error {
		if dynamic(m) {
			_, alpha, err := m.dynamicAlpha(hunyuanMoEAlpha)
			if err != nil {
				return err
			}
			dims := m.Num("hidden_size") / m.Num("num_attention_heads")
			if alpha != hunyuanMoEAlpha || dims != 128 || m.Num("head_dim") != 128 {
				return fault.New(fault.Unsupported, configFile, "dynamic rope scaling with alpha %v and heads of %d; known is 1000 with 128", alpha, dims)
			}
		}
		if err := m.checkExperts("num_experts", "moe_topk"); err != nil {
			return err
		}
		return checkHeads(m)
	},
	Keys: append(base(),
		Key{Name: "expert_shared_feed_forward_length", Type: gguf.ValueUint32, Expr: "intermediate_size"},
		Key{Name: "expert_feed_forward_length", Type: gguf.ValueUint32, Expr: "moe_intermediate_size"},
		Key{Name: "expert_used_count", Type: gguf.ValueUint32, Expr: "moe_topk"},
		Key{Name: "expert_shared_count", Type: gguf.ValueUint32, Expr: "num_shared_expert"},
		Key{Name: "rope.freq_base", Type: gguf.ValueFloat32, When: dynamic, Make: func(m *Model) (any, error) {
			theta, alpha, err := m.dynamicAlpha(hunyuanMoEAlpha)
			return float32(dynamicBase(theta, alpha, m.Num("head_dim"))), err
		}},
		Key{Name: "rope.scaling.type", Type: gguf.ValueString, When: dynamic, Make: func(*Model) (any, error) { return "none", nil }},
		Key{Name: "rope.scaling.factor", Type: gguf.ValueFloat32, When: dynamic, Make: func(*Model) (any, error) { return float32(1), nil }},
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
		same("model.layers.{l}.mlp.gate.wg.weight", "blk.{l}.ffn_gate_inp.weight", "num_experts", "hidden_size"),
		stacked("model.layers.{l}.mlp.experts.{e}.down_proj.weight", "blk.{l}.ffn_down_exps.weight", "hidden_size", "moe_intermediate_size"),
		stacked("model.layers.{l}.mlp.experts.{e}.gate_proj.weight", "blk.{l}.ffn_gate_exps.weight", "moe_intermediate_size", "hidden_size"),
		stacked("model.layers.{l}.mlp.experts.{e}.up_proj.weight", "blk.{l}.ffn_up_exps.weight", "moe_intermediate_size", "hidden_size"),
		same("model.layers.{l}.mlp.shared_mlp.gate_proj.weight", "blk.{l}.ffn_gate_shexp.weight", "intermediate_size*num_shared_expert", "hidden_size"),
		same("model.layers.{l}.mlp.shared_mlp.up_proj.weight", "blk.{l}.ffn_up_shexp.weight", "intermediate_size*num_shared_expert", "hidden_size"),
		same("model.layers.{l}.mlp.shared_mlp.down_proj.weight", "blk.{l}.ffn_down_shexp.weight", "hidden_size", "intermediate_size*num_shared_expert"),
	},
	Ignore:   derivable,
	DropTied: true,
	Block: Block{
		Norm:      Norm{Kind: RMSNorm},
		Attention: Attention{Kind: GQA, QKNorm: QKNormAfterRope},
		Rope:      Rope{Pairing: RopeHalves},
		MLP:       MLP{Kind: GatedSiLU},
		Experts:   Experts{Gating: Softmax, Normalize: true, WeightScale: 1},
	},
	Fill: func(m *Model, b *Block) {
		b.Rope.scaleByAlpha(m, hunyuanMoEAlpha)
		b.Experts.Used = m.Num("moe_topk")
		b.Experts.Width = m.Num("moe_intermediate_size")
		b.Experts.SharedWidth = m.Num("intermediate_size") * m.Num("num_shared_expert")
	},
}

// hunyuanMoEAlpha is the only alpha that the reference knows.
const hunyuanMoEAlpha = 1000
