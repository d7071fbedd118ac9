package arch

import "github.com/qconv/qconv/formats/gguf"

// llama is Llama 1 to 3.x, Mistral and Mixtral: transformers models/{llama,mistral,mixtral},
// llama.cpp src/models/llama.cpp. GGUF rotates neighbours where the checkpoint rotates halves, so the
// rows of queries and keys, and their biases, are permuted.
var llama = Spec{
	Name:    "llama",
	Vocab:   "llama",
	HF:      []string{"LlamaForCausalLM", "LLaMAForCausalLM", "MistralForCausalLM", "MixtralForCausalLM", "LlamaModel"},
	Bare:    []string{"LlamaModel"},
	Cut:     []string{"text_model."},
	Nums:    with(decoderNums, Num{Name: "num_local_experts", From: []string{"num_local_experts", "num_experts", "n_routed_experts"}, Default: "0", Max: maxExperts}),
	Experts: "num_local_experts",
	Check: func(m *Model) error {
		if _, _, err := m.llama3(); err != nil {
			return err
		}
		if m.Num("num_local_experts") > 0 {
			if err := m.checkExperts("num_local_experts", "num_experts_per_tok", "num_experts_per_token", "top_k_experts"); err != nil {
				return err
			}
		}
		return checkHeads(m)
	},
	Keys: append(base(),
		Key{Name: "vocab_size", Type: gguf.ValueUint32, Expr: "vocab_size"},
		Key{Name: "rope.dimension_count", Type: gguf.ValueUint32, Expr: "head_dim"},
	),
	Rules: []Rule{
		same("model.embed_tokens.weight", "token_embd.weight", "vocab_size", "hidden_size"),
		same("model.norm.weight", "output_norm.weight", "hidden_size"),
		same("lm_head.weight", "output.weight", "vocab_size", "hidden_size").needed(Head),
		same("model.layers.{l}.input_layernorm.weight", "blk.{l}.attn_norm.weight", "hidden_size"),
		permuted("model.layers.{l}.self_attn.q_proj.weight", "blk.{l}.attn_q.weight", "num_attention_heads", "num_attention_heads*head_dim", "hidden_size"),
		permuted("model.layers.{l}.self_attn.k_proj.weight", "blk.{l}.attn_k.weight", "num_key_value_heads", "num_key_value_heads*head_dim", "hidden_size"),
		same("model.layers.{l}.self_attn.v_proj.weight", "blk.{l}.attn_v.weight", "num_key_value_heads*head_dim", "hidden_size"),
		same("model.layers.{l}.self_attn.o_proj.weight", "blk.{l}.attn_output.weight", "hidden_size", "num_attention_heads*head_dim"),
		permuted("model.layers.{l}.self_attn.q_proj.bias", "blk.{l}.attn_q.bias", "num_attention_heads", "num_attention_heads*head_dim").needed(Uniform),
		permuted("model.layers.{l}.self_attn.k_proj.bias", "blk.{l}.attn_k.bias", "num_key_value_heads", "num_key_value_heads*head_dim").needed(Uniform),
		same("model.layers.{l}.self_attn.v_proj.bias", "blk.{l}.attn_v.bias", "num_key_value_heads*head_dim").needed(Uniform),
		same("model.layers.{l}.self_attn.o_proj.bias", "blk.{l}.attn_output.bias", "hidden_size").needed(Uniform),
		same("model.layers.{l}.post_attention_layernorm.weight", "blk.{l}.ffn_norm.weight", "hidden_size"),
		same("model.layers.{l}.mlp.gate_proj.weight", "blk.{l}.ffn_gate.weight", "intermediate_size", "hidden_size").in(llamaDense),
		same("model.layers.{l}.mlp.up_proj.weight", "blk.{l}.ffn_up.weight", "intermediate_size", "hidden_size").in(llamaDense),
		same("model.layers.{l}.mlp.down_proj.weight", "blk.{l}.ffn_down.weight", "hidden_size", "intermediate_size").in(llamaDense),
		same("model.layers.{l}.mlp.gate_proj.bias", "blk.{l}.ffn_gate.bias", "intermediate_size").in(llamaDense).needed(Uniform),
		same("model.layers.{l}.mlp.up_proj.bias", "blk.{l}.ffn_up.bias", "intermediate_size").in(llamaDense).needed(Uniform),
		same("model.layers.{l}.mlp.down_proj.bias", "blk.{l}.ffn_down.bias", "hidden_size").in(llamaDense).needed(Uniform),
		same("model.layers.{l}.block_sparse_moe.gate.weight", "blk.{l}.ffn_gate_inp.weight", "num_local_experts", "hidden_size").in(llamaSparse),
		stacked("model.layers.{l}.block_sparse_moe.experts.{e}.w1.weight", "blk.{l}.ffn_gate_exps.weight", "intermediate_size", "hidden_size").in(llamaSparse),
		stacked("model.layers.{l}.block_sparse_moe.experts.{e}.w2.weight", "blk.{l}.ffn_down_exps.weight", "hidden_size", "intermediate_size").in(llamaSparse),
		stacked("model.layers.{l}.block_sparse_moe.experts.{e}.w3.weight", "blk.{l}.ffn_up_exps.weight", "intermediate_size", "hidden_size").in(llamaSparse),
	},
	Ignore: derivable,
	Extra:  ropeFreqs,
	Block: Block{
		Norm:      Norm{Kind: RMSNorm},
		Attention: Attention{Kind: GQA},
		Rope:      Rope{Pairing: RopeNeighbours},
		MLP:       MLP{Kind: GatedSiLU},
		Experts:   Experts{Gating: Softmax, Normalize: true, WeightScale: 1},
	},
	Fill: func(m *Model, b *Block) {
		if t, _ := m.value("model_type").Str(); t == "mistral" || t == "mixtral" {
			b.window(m)
		}
		if b.Experts.Count > 0 {
			b.Experts.Used, _ = m.value("num_experts_per_tok", "num_experts_per_token", "top_k_experts").Int64()
			b.Experts.Width = m.Num("intermediate_size")
		}
	},
}

func llamaDense(m *Model, _ int64) bool  { return m.Num("num_local_experts") == 0 }
func llamaSparse(m *Model, _ int64) bool { return m.Num("num_local_experts") > 0 }
