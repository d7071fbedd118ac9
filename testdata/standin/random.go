package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/qconv/qconv/formats/safetensors"
)

// random is a model of random weights: for benchmarks of whole models, which need values and not the model's sense.
type random struct {
	base    string // a checkpoint that lends its config and tokenizer; run from the root of the repository
	shards  int
	config  map[string]any // what differs from the base's
	tensors func(n func(key string) int64, add func(layer int64, name string, shape ...int64))
}

var randomModels = map[string]random{
	// A Qwen2 whose rows fit every block type.
	"half-billion": {base: "testdata/harbour-2m", shards: 2, tensors: qwen2Tensors, config: map[string]any{
		"hidden_size": 1280, "intermediate_size": 3584, "num_hidden_layers": 24, "max_window_layers": 24,
		"num_attention_heads": 20, "num_key_value_heads": 4, "vocab_size": 32768,
	}},
	// Six layers of Qwen2.5-1.5B: 331 million weights.
	"qwen-layers": {base: "testdata/harbour-2m", shards: 1, tensors: qwen2Tensors, config: map[string]any{
		"hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 6, "max_window_layers": 6,
		"num_attention_heads": 12, "num_key_value_heads": 2, "vocab_size": 16384, "max_position_embeddings": 4096,
	}},
	// Qwen2.5-3B, but for a vocabulary of its own in the end: 3.1 billion weights.
	"three-billion": {base: "testdata/harbour-2m", shards: 3, tensors: qwen2Tensors, config: map[string]any{
		"hidden_size": 2048, "intermediate_size": 11008, "num_hidden_layers": 36, "max_window_layers": 36,
		"num_attention_heads": 16, "num_key_value_heads": 2, "vocab_size": 81920, "max_position_embeddings": 4096,
	}},
	// Four layers of QwQ-32B, embeddings and output of their true size: 3.5 billion weights.
	"qwq-layers": {base: "testdata/harbour-2m", shards: 4, tensors: qwen2Tensors, config: map[string]any{
		"hidden_size": 5120, "intermediate_size": 27648, "num_hidden_layers": 4, "max_window_layers": 4,
		"num_attention_heads": 40, "num_key_value_heads": 8, "vocab_size": 152064, "max_position_embeddings": 32768,
		"rope_theta": 1000000.0,
	}},
	// A DeepSeek V3 with 8 of 128 experts: 1.3 billion weights, of which 0.2 billion work for a token.
	"deepseek-experts": {base: "testdata/fixtures/deepseek-v3", shards: 2, tensors: deepSeekTensors, config: map[string]any{
		"hidden_size": 1024, "intermediate_size": 4096, "moe_intermediate_size": 512, "num_hidden_layers": 7,
		"num_attention_heads": 16, "num_key_value_heads": 16, "q_lora_rank": 512, "kv_lora_rank": 256,
		"qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
		"n_routed_experts": 128, "n_group": 8, "topk_group": 4, "num_experts_per_tok": 8, "vocab_size": 8192,
	}},
}

// global is the layer of tensors that belong to none.
const global = -1

func qwen2Tensors(n func(string) int64, add func(int64, string, ...int64)) {
	width, feed := n("hidden_size"), n("intermediate_size")
	kv := width / n("num_attention_heads") * n("num_key_value_heads")
	add(global, "model.embed_tokens.weight", n("vocab_size"), width)
	for l := range n("num_hidden_layers") {
		add(l, "self_attn.q_proj.weight", width, width)
		add(l, "self_attn.q_proj.bias", width)
		add(l, "self_attn.k_proj.weight", kv, width)
		add(l, "self_attn.k_proj.bias", kv)
		add(l, "self_attn.v_proj.weight", kv, width)
		add(l, "self_attn.v_proj.bias", kv)
		add(l, "self_attn.o_proj.weight", width, width)
		add(l, "mlp.gate_proj.weight", feed, width)
		add(l, "mlp.up_proj.weight", feed, width)
		add(l, "mlp.down_proj.weight", width, feed)
		add(l, "input_layernorm.weight", width)
		add(l, "post_attention_layernorm.weight", width)
	}
	add(global, "model.norm.weight", width)
	add(global, "lm_head.weight", n("vocab_size"), width)
}

func deepSeekTensors(n func(string) int64, add func(int64, string, ...int64)) {
	width, heads, query, latent, rope := n("hidden_size"), n("num_attention_heads"), n("q_lora_rank"), n("kv_lora_rank"), n("qk_rope_head_dim")
	gated := func(l int64, name string, feed int64) {
		add(l, name+".gate_proj.weight", feed, width)
		add(l, name+".up_proj.weight", feed, width)
		add(l, name+".down_proj.weight", width, feed)
	}
	add(global, "model.embed_tokens.weight", n("vocab_size"), width)
	for l := range n("num_hidden_layers") {
		add(l, "self_attn.q_a_proj.weight", query, width)
		add(l, "self_attn.q_a_layernorm.weight", query)
		add(l, "self_attn.q_b_proj.weight", heads*(n("qk_nope_head_dim")+rope), query)
		add(l, "self_attn.kv_a_proj_with_mqa.weight", latent+rope, width)
		add(l, "self_attn.kv_a_layernorm.weight", latent)
		add(l, "self_attn.kv_b_proj.weight", heads*(n("qk_nope_head_dim")+n("v_head_dim")), latent)
		add(l, "self_attn.o_proj.weight", width, heads*n("v_head_dim"))
		if l < n("first_k_dense_replace") {
			gated(l, "mlp", n("intermediate_size"))
		} else {
			add(l, "mlp.gate.weight", n("n_routed_experts"), width)
			add(l, "mlp.gate.e_score_correction_bias", n("n_routed_experts"))
			for e := range n("n_routed_experts") {
				gated(l, fmt.Sprintf("mlp.experts.%d", e), n("moe_intermediate_size"))
			}
			gated(l, "mlp.shared_experts", n("moe_intermediate_size")*n("n_shared_experts"))
		}
		add(l, "input_layernorm.weight", width)
		add(l, "post_attention_layernorm.weight", width)
	}
	add(global, "model.norm.weight", width)
	add(global, "lm_head.weight", n("vocab_size"), width)
}

// write makes a BF16 checkpoint.
func (m random) write(out string) error {
	if err := os.Mkdir(out, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"tokenizer.json", "tokenizer_config.json", "generation_config.json"} {
		b, err := os.ReadFile(filepath.Join(m.base, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(out, name), b, 0o644); err != nil {
			return err
		}
	}
	b, err := os.ReadFile(filepath.Join(m.base, "config.json"))
	if err != nil {
		return err
	}
	var config map[string]any
	if err := json.Unmarshal(b, &config); err != nil {
		return err
	}
	maps.Copy(config, m.config)
	if err := writeJSON(filepath.Join(out, "config.json"), config); err != nil {
		return err
	}
	number := func(key string) int64 {
		switch v := config[key].(type) {
		case int:
			return int64(v)
		case float64:
			return int64(v)
		}
		panic("no number " + key)
	}
	shards := make([][]safetensors.Tensor, m.shards)
	last := 0 // shard
	m.tensors(number, func(layer int64, name string, shape ...int64) {
		if layer != global {
			last = int(layer * int64(m.shards) / number("num_hidden_layers"))
			name = fmt.Sprintf("model.layers.%d.%s", layer, name)
		}
		shards[last] = append(shards[last], safetensors.Tensor{Name: name, Dtype: "BF16", Shape: shape})
	})
	where := map[string]string{}
	var total int64
	var v values
	for i, ts := range shards {
		name := fmt.Sprintf("model-%05d-of-%05d.safetensors", i+1, m.shards)
		size, err := writeShard(filepath.Join(out, name), ts, 1<<40, &v)
		if err != nil {
			return err
		}
		total += size
		for _, t := range ts {
			where[t.Name] = name
		}
	}
	return writeJSON(filepath.Join(out, "model.safetensors.index.json"), map[string]any{"metadata": map[string]int64{"total_size": total}, "weight_map": where})
}

// randomNames lists the models, in order.
func randomNames() []string { return slices.Sorted(maps.Keys(randomModels)) }
