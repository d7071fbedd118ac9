package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/qconv/qconv/formats/safetensors"
)

// Dimensions of half-billion: a Qwen2 whose rows fit every block type.
const (
	hbHidden, hbFeed, hbLayers = 1280, 3584, 24
	hbHeads, hbHeadsKV         = 20, 4
	hbVocab                    = 32768
)

// tinyModel lends its tokenizer; run from the root of the repository.
const tinyModel = "testdata/harbour-2m"

// writeHalfBillion writes a BF16 checkpoint of 501 million random weights in two shards: for benchmarks of whole
// models, which need values and not the model's sense.
func writeHalfBillion(out string) error {
	if err := os.Mkdir(out, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"tokenizer.json", "tokenizer_config.json", "generation_config.json"} {
		b, err := os.ReadFile(filepath.Join(tinyModel, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(out, name), b, 0o644); err != nil {
			return err
		}
	}
	b, err := os.ReadFile(filepath.Join(tinyModel, "config.json"))
	if err != nil {
		return err
	}
	var config map[string]any
	if err := json.Unmarshal(b, &config); err != nil {
		return err
	}
	for k, v := range map[string]int{
		"hidden_size": hbHidden, "intermediate_size": hbFeed, "num_hidden_layers": hbLayers, "max_window_layers": hbLayers,
		"num_attention_heads": hbHeads, "num_key_value_heads": hbHeadsKV, "vocab_size": hbVocab,
	} {
		config[k] = v
	}
	if b, err = json.MarshalIndent(config, "", "  "); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, "config.json"), b, 0o644); err != nil {
		return err
	}
	shards := [2][]safetensors.Tensor{}
	add := func(shard int, name string, shape ...int64) {
		shards[shard] = append(shards[shard], safetensors.Tensor{Name: name, Dtype: "BF16", Shape: shape})
	}
	const kv = hbHidden / hbHeads * hbHeadsKV
	add(0, "model.embed_tokens.weight", hbVocab, hbHidden)
	for l := range hbLayers {
		shard := l * 2 / hbLayers
		for _, t := range []struct {
			name  string
			shape []int64
		}{
			{"self_attn.q_proj.weight", []int64{hbHidden, hbHidden}}, {"self_attn.q_proj.bias", []int64{hbHidden}},
			{"self_attn.k_proj.weight", []int64{kv, hbHidden}}, {"self_attn.k_proj.bias", []int64{kv}},
			{"self_attn.v_proj.weight", []int64{kv, hbHidden}}, {"self_attn.v_proj.bias", []int64{kv}},
			{"self_attn.o_proj.weight", []int64{hbHidden, hbHidden}}, {"mlp.gate_proj.weight", []int64{hbFeed, hbHidden}},
			{"mlp.up_proj.weight", []int64{hbFeed, hbHidden}}, {"mlp.down_proj.weight", []int64{hbHidden, hbFeed}},
			{"input_layernorm.weight", []int64{hbHidden}}, {"post_attention_layernorm.weight", []int64{hbHidden}},
		} {
			add(shard, fmt.Sprintf("model.layers.%d.%s", l, t.name), t.shape...)
		}
	}
	add(1, "model.norm.weight", hbHidden)
	add(1, "lm_head.weight", hbVocab, hbHidden)
	where := map[string]string{}
	var total int64
	for i, ts := range shards {
		name := fmt.Sprintf("model-%05d-of-00002.safetensors", i+1)
		size, err := writeShard(filepath.Join(out, name), ts, 1<<40)
		if err != nil {
			return err
		}
		total += size
		for _, t := range ts {
			where[t.Name] = name
		}
	}
	if b, err = json.Marshal(map[string]any{"metadata": map[string]int64{"total_size": total}, "weight_map": where}); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, "model.safetensors.index.json"), b, 0o644)
}
