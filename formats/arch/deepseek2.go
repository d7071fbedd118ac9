package arch

import (
	"math"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
)

// deepseek2 is DeepSeek V2, V2-Lite, V3 and R1: transformers models/{deepseek_v2,deepseek_v3},
// llama.cpp src/models/deepseek2.cpp. Latent attention is stored with kv_b split per head, its key
// half transposed, so that GGUF's keys are the latents: one key head of kv_lora_rank + qk_rope_head_dim.
var deepseek2 = Spec{
	Name:  "deepseek2",
	Vocab: "deepseek2",
	HF:    []string{"DeepseekV2ForCausalLM", "DeepseekV3ForCausalLM"},
	Nums: []Num{
		decoderNums[0], decoderNums[1], decoderNums[2], decoderNums[3], decoderNums[4], decoderNums[5],
		{Name: "q_lora_rank", Default: "0", Max: maxWidth},
		{Name: "kv_lora_rank", Default: "512", Min: 1, Max: maxWidth},
		{Name: "qk_nope_head_dim", Min: 1, Max: maxWidth},
		{Name: "qk_rope_head_dim", Min: 2, Max: maxWidth},
		{Name: "v_head_dim", Min: 1, Max: maxWidth},
		{Name: "n_routed_experts", Default: "0", Max: maxExperts},
		{Name: "n_shared_experts", Default: "0", Max: maxExperts},
		{Name: "moe_intermediate_size", From: []string{"moe_intermediate_size", "intermediate_size"}, Min: 1, Max: maxWidth},
		{Name: "first_k_dense_replace", Default: "0", Max: maxLayers},
	},
	Experts: "n_routed_experts",
	Check:   checkDeepseek,
	Keys: append(base(
		Key{Name: "attention.head_count_kv", Type: gguf.ValueUint32, Expr: "1"},
		Key{Name: "attention.layer_norm_rms_epsilon", Type: gguf.ValueFloat32, Make: deepseekEps}),
		Key{Name: "leading_dense_block_count", Type: gguf.ValueUint32, Make: func(m *Model) (any, error) { return uint32(leadingDense(m)), nil }},
		Key{Name: "vocab_size", Type: gguf.ValueUint32, Expr: "vocab_size"},
		Key{Name: "attention.q_lora_rank", Type: gguf.ValueUint32, From: []string{"q_lora_rank"}},
		Key{Name: "attention.kv_lora_rank", Type: gguf.ValueUint32, Expr: "kv_lora_rank"},
		Key{Name: "attention.key_length", Type: gguf.ValueUint32, Expr: "kv_lora_rank + qk_rope_head_dim"},
		Key{Name: "attention.value_length", Type: gguf.ValueUint32, Expr: "kv_lora_rank"},
		Key{Name: "attention.key_length_mla", Type: gguf.ValueUint32, Expr: "qk_nope_head_dim + qk_rope_head_dim"},
		Key{Name: "attention.value_length_mla", Type: gguf.ValueUint32, Expr: "v_head_dim"},
		Key{Name: "expert_feed_forward_length", Type: gguf.ValueUint32, Expr: "moe_intermediate_size"},
		Key{Name: "expert_count", Type: gguf.ValueUint32, From: []string{"n_routed_experts"}},
		Key{Name: "expert_shared_count", Type: gguf.ValueUint32, Expr: "n_shared_experts"},
		Key{Name: "expert_weights_scale", Type: gguf.ValueFloat32, From: []string{"routed_scaling_factor"}},
		Key{Name: "expert_weights_norm", Type: gguf.ValueBool, From: []string{"norm_topk_prob"}, When: func(m *Model) bool { b, ok := m.value("norm_topk_prob").Boolean(); return b || !ok }},
		Key{Name: "rope.dimension_count", Type: gguf.ValueUint32, Expr: "qk_rope_head_dim"},
		Key{Name: "rope.scaling.yarn_log_multiplier", Type: gguf.ValueFloat32, Make: yarnLogMultiplier},
	),
	Rules: []Rule{
		same("model.embed_tokens.weight", "token_embd.weight", "vocab_size", "hidden_size"),
		same("model.norm.weight", "output_norm.weight", "hidden_size"),
		same("lm_head.weight", "output.weight", "vocab_size", "hidden_size").needed(Head),
		same("model.layers.{l}.input_layernorm.weight", "blk.{l}.attn_norm.weight", "hidden_size"),
		same("model.layers.{l}.self_attn.q_proj.weight", "blk.{l}.attn_q.weight", "num_attention_heads*(qk_nope_head_dim+qk_rope_head_dim)", "hidden_size").in(plainQuery),
		same("model.layers.{l}.self_attn.q_a_proj.weight", "blk.{l}.attn_q_a.weight", "q_lora_rank", "hidden_size").in(rankedQuery),
		same("model.layers.{l}.self_attn.q_a_layernorm.weight", "blk.{l}.attn_q_a_norm.weight", "q_lora_rank").in(rankedQuery),
		same("model.layers.{l}.self_attn.q_b_proj.weight", "blk.{l}.attn_q_b.weight", "num_attention_heads*(qk_nope_head_dim+qk_rope_head_dim)", "q_lora_rank").in(rankedQuery),
		same("model.layers.{l}.self_attn.kv_a_proj_with_mqa.weight", "blk.{l}.attn_kv_a_mqa.weight", "kv_lora_rank+qk_rope_head_dim", "hidden_size"),
		same("model.layers.{l}.self_attn.kv_a_layernorm.weight", "blk.{l}.attn_kv_a_norm.weight", "kv_lora_rank"),
		{
			From:  "model.layers.{l}.self_attn.kv_b_proj.weight",
			Shape: []string{"num_key_value_heads*(qk_nope_head_dim+v_head_dim)", "kv_lora_rank"},
			To: []Out{
				{To: "blk.{l}.attn_k_b.weight", Op: SplitTransposed, Heads: "num_key_value_heads", Skip: "0", Take: "qk_nope_head_dim"},
				{To: "blk.{l}.attn_v_b.weight", Op: Split, Heads: "num_key_value_heads", Skip: "qk_nope_head_dim", Take: "v_head_dim"},
			},
		},
		same("model.layers.{l}.self_attn.o_proj.weight", "blk.{l}.attn_output.weight", "hidden_size", "num_attention_heads*v_head_dim"),
		same("model.layers.{l}.post_attention_layernorm.weight", "blk.{l}.ffn_norm.weight", "hidden_size"),
		same("model.layers.{l}.mlp.gate_proj.weight", "blk.{l}.ffn_gate.weight", "intermediate_size", "hidden_size").in(deepseekDense),
		same("model.layers.{l}.mlp.up_proj.weight", "blk.{l}.ffn_up.weight", "intermediate_size", "hidden_size").in(deepseekDense),
		same("model.layers.{l}.mlp.down_proj.weight", "blk.{l}.ffn_down.weight", "hidden_size", "intermediate_size").in(deepseekDense),
		same("model.layers.{l}.mlp.gate.weight", "blk.{l}.ffn_gate_inp.weight", "n_routed_experts", "hidden_size").in(deepseekSparse),
		same("model.layers.{l}.mlp.gate.e_score_correction.bias", "blk.{l}.exp_probs_b.bias", "n_routed_experts").in(deepseekSparse).needed(Uniform),
		stacked("model.layers.{l}.mlp.experts.{e}.down_proj.weight", "blk.{l}.ffn_down_exps.weight", "hidden_size", "moe_intermediate_size").in(deepseekSparse),
		stacked("model.layers.{l}.mlp.experts.{e}.gate_proj.weight", "blk.{l}.ffn_gate_exps.weight", "moe_intermediate_size", "hidden_size").in(deepseekSparse),
		stacked("model.layers.{l}.mlp.experts.{e}.up_proj.weight", "blk.{l}.ffn_up_exps.weight", "moe_intermediate_size", "hidden_size").in(deepseekSparse),
		same("model.layers.{l}.mlp.shared_experts.gate_proj.weight", "blk.{l}.ffn_gate_shexp.weight", "moe_intermediate_size*n_shared_experts", "hidden_size").in(deepseekShared),
		same("model.layers.{l}.mlp.shared_experts.up_proj.weight", "blk.{l}.ffn_up_shexp.weight", "moe_intermediate_size*n_shared_experts", "hidden_size").in(deepseekShared),
		same("model.layers.{l}.mlp.shared_experts.down_proj.weight", "blk.{l}.ffn_down_shexp.weight", "hidden_size", "moe_intermediate_size*n_shared_experts").in(deepseekShared),
	},
	Ignore:     derivable,
	PastLayers: true,
	DropTied:   true,
	Block: Block{
		Norm:      Norm{Kind: RMSNorm},
		Attention: Attention{Kind: MLA},
		Rope:      Rope{Pairing: RopeNeighbours},
		MLP:       MLP{Kind: GatedSiLU},
		Experts:   Experts{Gating: Softmax},
	},
	Fill: fillDeepseek,
}

func plainQuery(m *Model, _ int64) bool  { return m.Num("q_lora_rank") == 0 }
func rankedQuery(m *Model, _ int64) bool { return m.Num("q_lora_rank") > 0 }

// leadingDense gives how many layers come before the first with experts: all of a model without.
func leadingDense(m *Model) int64 {
	if m.Num("n_routed_experts") == 0 && !m.value("first_k_dense_replace").Present() {
		return m.Num("num_hidden_layers")
	}
	return m.Num("first_k_dense_replace")
}

func deepseekDense(m *Model, layer int64) bool {
	return m.Num("n_routed_experts") == 0 || layer < leadingDense(m)
}
func deepseekSparse(m *Model, layer int64) bool { return !deepseekDense(m, layer) }
func deepseekShared(m *Model, layer int64) bool {
	return m.Num("n_shared_experts") > 0 && deepseekSparse(m, layer)
}

// deepseekEps is the norms' epsilon, 1e-6 for a config that does not say.
func deepseekEps(m *Model) (any, error) {
	if v := m.value("rms_norm_eps"); v.Kind != 0 {
		f, err := float("rms_norm_eps", v)
		return float32(f), err
	}
	return float32(1e-6), nil
}

// yarnLogMultiplier is a tenth of mscale_all_dim: what llama.cpp multiplies by ln(factor).
func yarnLogMultiplier(m *Model) (any, error) {
	v := m.ropeRoot["mscale_all_dim"]
	if !v.Present() {
		return nil, nil
	}
	f, err := float("mscale_all_dim", v)
	return float32(0.1 * f), err
}

// checkDeepseek checks what the split of kv_b and the router need.
func checkDeepseek(m *Model) error {
	if q, kv := m.Num("num_attention_heads"), m.Num("num_key_value_heads"); q != kv {
		return fault.New(fault.Malformed, configFile, "num_key_value_heads is %d, expected num_attention_heads = %d: latent attention has a key for every head", kv, q)
	}
	if r := m.Num("qk_rope_head_dim"); r%2 != 0 {
		return fault.New(fault.Malformed, configFile, "qk_rope_head_dim is %d, expected an even number", r)
	}
	if v := m.value("rms_norm_eps"); v.Kind != 0 {
		if err := checkEps(m); err != nil {
			return err
		}
	}
	if m.Num("n_routed_experts") == 0 {
		return nil
	}
	if _, err := m.number(m.values, 1, "routed_scaling_factor"); err != nil {
		return err
	}
	if _, _, err := m.mscales(); err != nil {
		return err
	}
	return m.checkExperts("n_routed_experts", "num_experts_per_tok")
}

func fillDeepseek(m *Model, b *Block) {
	if b.Norm.Eps == 0 && !m.value("rms_norm_eps").Present() {
		b.Norm.Eps = 1e-6
	}
	b.Attention.HeadsKV = b.Attention.Heads
	// mscale_all_dim enlarges the logits: DeepSeek's own modeling_deepseek.py and llama.cpp, for V2 and V3.
	// transformers 4.57.6 leaves it out of V2.
	if b.Rope.Scaling == RopeYaRN {
		if _, all, _ := m.mscales(); all != 0 {
			k := yarnMagnitude(b.Rope.Factor, all)
			b.Attention.Scale = k * k / math.Sqrt(float64(b.Attention.KeyDim))
		}
	}
	if b.Experts.Count == 0 {
		return
	}
	e := &b.Experts
	e.LeadingDense = leadingDense(m)
	e.Used, _ = m.value("num_experts_per_tok").Int64()
	e.Width = m.Num("moe_intermediate_size")
	e.SharedWidth = e.Width * m.Num("n_shared_experts")
	if name, _ := m.value(gatingNames...).Str(); name == "sigmoid" {
		e.Gating = Sigmoid
	}
	e.Normalize, _ = m.value("norm_topk_prob").Boolean()
	e.WeightScale, _ = m.number(m.values, 1, "routed_scaling_factor")
	method, _ := m.value("topk_method").Str()
	e.Groups, e.GroupsUsed, e.GroupTop = 1, 1, 1
	if method != "greedy" {
		if n, ok := m.value("n_group").Int64(); ok && n > 1 {
			e.Groups = n
			e.GroupsUsed, _ = m.value("topk_group").Int64()
		}
	}
	if method == "noaux_tc" {
		e.GroupTop = 2
	}
}
