package arch

// qwen2 is Qwen2, Qwen2.5 and QwQ: transformers models/qwen2, llama.cpp src/models/qwen2.cpp.
// Queries, keys and values have biases; nothing is reordered.
var qwen2 = Spec{
	Name:  "qwen2",
	Vocab: "qwen2",
	HF:    []string{"Qwen2ForCausalLM", "Qwen2Model"},
	Bare:  []string{"Qwen2Model"},
	Nums:  decoderNums,
	Check: checkHeads,
	Keys:  base(),
	Rules: []Rule{
		same("model.embed_tokens.weight", "token_embd.weight", "vocab_size", "hidden_size"),
		same("model.norm.weight", "output_norm.weight", "hidden_size"),
		same("lm_head.weight", "output.weight", "vocab_size", "hidden_size").needed(Head),
		same("model.layers.{l}.input_layernorm.weight", "blk.{l}.attn_norm.weight", "hidden_size"),
		same("model.layers.{l}.self_attn.q_proj.weight", "blk.{l}.attn_q.weight", "num_attention_heads*head_dim", "hidden_size"),
		same("model.layers.{l}.self_attn.k_proj.weight", "blk.{l}.attn_k.weight", "num_key_value_heads*head_dim", "hidden_size"),
		same("model.layers.{l}.self_attn.v_proj.weight", "blk.{l}.attn_v.weight", "num_key_value_heads*head_dim", "hidden_size"),
		same("model.layers.{l}.self_attn.q_proj.bias", "blk.{l}.attn_q.bias", "num_attention_heads*head_dim"),
		same("model.layers.{l}.self_attn.k_proj.bias", "blk.{l}.attn_k.bias", "num_key_value_heads*head_dim"),
		same("model.layers.{l}.self_attn.v_proj.bias", "blk.{l}.attn_v.bias", "num_key_value_heads*head_dim"),
		same("model.layers.{l}.self_attn.o_proj.weight", "blk.{l}.attn_output.weight", "hidden_size", "num_attention_heads*head_dim"),
		same("model.layers.{l}.post_attention_layernorm.weight", "blk.{l}.ffn_norm.weight", "hidden_size"),
		same("model.layers.{l}.mlp.gate_proj.weight", "blk.{l}.ffn_gate.weight", "intermediate_size", "hidden_size"),
		same("model.layers.{l}.mlp.up_proj.weight", "blk.{l}.ffn_up.weight", "intermediate_size", "hidden_size"),
		same("model.layers.{l}.mlp.down_proj.weight", "blk.{l}.ffn_down.weight", "hidden_size", "intermediate_size"),
	},
	Ignore: derivable,
	Block: Block{
		Norm:      Norm{Kind: RMSNorm},
		Attention: Attention{Kind: GQA},
		Rope:      Rope{Pairing: RopeHalves},
		MLP:       MLP{Kind: GatedSiLU},
	},
	Fill: func(m *Model, b *Block) {
		if use, _ := m.value("use_sliding_window").Boolean(); use {
			b.window(m)
			b.Attention.WindowFrom, _ = m.value("max_window_layers").Int64()
		}
	},
}
