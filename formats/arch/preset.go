package arch

import (
	"strconv"

	"github.com/qconv/qconv/formats/internal/strictjson"
)

// preset is what a configuration class of transformers 4.57.6 adds to a config.json of its
// model_type, as far as the converter looks at it. The reference loads configs through AutoConfig,
// so these values reach the GGUF keys. A config whose model_type has no class there stays as it is.
type preset struct {
	defaults  map[string]string // JSON literals for names that the config lacks; an explicit null stays
	ropeCheck bool              // rope_scaling is validated, and its "type" written over its "rope_type"
	derive    func(map[string]strictjson.Value)
}

var presets = map[string]preset{
	"qwen2": {ropeCheck: true, derive: deriveQwen2, defaults: map[string]string{
		"vocab_size": "151936", "hidden_size": "4096", "intermediate_size": "22016", "num_hidden_layers": "32",
		"num_attention_heads": "32", "num_key_value_heads": "32", "max_position_embeddings": "32768",
		"rms_norm_eps": "1e-6", "rope_theta": "10000.0", "sliding_window": "4096", "max_window_layers": "28"}},
	"llama": {ropeCheck: true, derive: deriveLlama, defaults: map[string]string{
		"vocab_size": "32000", "hidden_size": "4096", "intermediate_size": "11008", "num_hidden_layers": "32",
		"num_attention_heads": "32", "num_key_value_heads": "null", "max_position_embeddings": "2048",
		"rms_norm_eps": "1e-6", "rope_theta": "10000.0", "head_dim": "null"}},
	"mistral": {derive: deriveKVHeads, defaults: map[string]string{
		"vocab_size": "32000", "hidden_size": "4096", "intermediate_size": "14336", "num_hidden_layers": "32",
		"num_attention_heads": "32", "num_key_value_heads": "8", "max_position_embeddings": "131072",
		"rms_norm_eps": "1e-6", "rope_theta": "10000.0", "head_dim": "null", "sliding_window": "4096"}},
	"mixtral": {derive: deriveKVHeads, defaults: map[string]string{
		"vocab_size": "32000", "hidden_size": "4096", "intermediate_size": "14336", "num_hidden_layers": "32",
		"num_attention_heads": "32", "num_key_value_heads": "8", "max_position_embeddings": "131072",
		"rms_norm_eps": "1e-5", "rope_theta": "1e6", "head_dim": "null", "sliding_window": "null",
		"num_experts_per_tok": "2", "num_local_experts": "8"}},
	"deepseek_v2": {ropeCheck: true, derive: deriveDeepseek2, defaults: map[string]string{
		"vocab_size": "32000", "hidden_size": "4096", "intermediate_size": "11008", "num_hidden_layers": "32",
		"num_attention_heads": "32", "num_key_value_heads": "null", "max_position_embeddings": "2048",
		"rms_norm_eps": "1e-6", "rope_theta": "10000.0", "first_k_dense_replace": "0", "kv_lora_rank": "512",
		"q_lora_rank": "1536", "n_group": "null", "n_routed_experts": "64", "n_shared_experts": "2",
		"qk_nope_head_dim": "128", "qk_rope_head_dim": "64", "routed_scaling_factor": "1.0", "topk_group": "null",
		"topk_method": `"greedy"`, "v_head_dim": "128", "num_experts_per_tok": "null", "norm_topk_prob": "false",
		"moe_intermediate_size": "1407"}},
	"deepseek_v3": {ropeCheck: true, derive: deriveDeepseek3, defaults: map[string]string{
		"vocab_size": "129280", "hidden_size": "7168", "intermediate_size": "18432", "moe_intermediate_size": "2048",
		"num_hidden_layers": "61", "num_attention_heads": "128", "num_key_value_heads": "128", "n_shared_experts": "1",
		"n_routed_experts": "256", "routed_scaling_factor": "2.5", "kv_lora_rank": "512", "q_lora_rank": "1536",
		"qk_rope_head_dim": "64", "v_head_dim": "128", "qk_nope_head_dim": "128", "n_group": "8", "topk_group": "4",
		"num_experts_per_tok": "8", "first_k_dense_replace": "3", "norm_topk_prob": "true",
		"max_position_embeddings": "4096", "rms_norm_eps": "1e-6", "rope_theta": "10000.0"}},
	"hunyuan_v1_dense": {derive: deriveKVHeads, defaults: map[string]string{
		"vocab_size": "290943", "hidden_size": "4096", "intermediate_size": "11008", "num_hidden_layers": "32",
		"num_attention_heads": "32", "num_key_value_heads": "null", "max_position_embeddings": "2048",
		"rms_norm_eps": "1e-5", "rope_theta": "10000.0", "head_dim": "null"}},
	"hunyuan_v1_moe": {derive: deriveKVHeads, defaults: map[string]string{
		"vocab_size": "290943", "hidden_size": "4096", "intermediate_size": "11008", "num_hidden_layers": "32",
		"num_attention_heads": "32", "num_key_value_heads": "null", "max_position_embeddings": "2048",
		"rms_norm_eps": "1e-5", "rope_theta": "10000.0", "head_dim": "null", "num_experts": "1", "moe_topk": "1"}},
}

// ropeRequired lists what rope_config_validation of transformers 4.57.6 demands of each kind of
// rope_scaling. A config that lacks one is refused there, and the reference falls back to the raw file.
var ropeRequired = map[string][]string{
	"default": nil, "linear": {"factor"}, "dynamic": {"factor"}, "yarn": {"factor"},
	"longrope": {"short_factor", "long_factor"},
	"llama3":   {"factor", "original_max_position_embeddings", "low_freq_factor", "high_freq_factor"},
}

// applyPreset completes values in place.
func applyPreset(values map[string]strictjson.Value) {
	modelType, _ := values["model_type"].Str()
	p, known := presets[modelType]
	if !known {
		return
	}
	scaling := values["rope_scaling"]
	if p.ropeCheck && scaling.Kind == strictjson.Object {
		typed, ok := checkedRope(scaling)
		if !ok {
			return
		}
		values["rope_scaling"] = typed
	}
	for name, literal := range p.defaults {
		if _, has := values[name]; !has {
			values[name], _ = strictjson.Parse([]byte(literal), 1)
		}
	}
	if p.derive != nil {
		p.derive(values)
	}
}

// checkedRope writes "type" over "rope_type"; ok is false when a required name is missing.
func checkedRope(v strictjson.Value) (_ strictjson.Value, ok bool) {
	if old := v.Get("type"); old.Kind != 0 {
		pairs := []strictjson.Member{{Name: "rope_type", Value: old}}
		for _, p := range v.Pairs {
			if p.Name != "rope_type" {
				pairs = append(pairs, p)
			}
		}
		v.Pairs = pairs
	}
	kind, isString := v.Get("rope_type").Str()
	if v.Get("rope_type").Kind == 0 {
		return v, false // counts as "default", which demands the name itself
	}
	if isString {
		for _, name := range ropeRequired[kind] {
			if v.Get(name).Kind == 0 {
				return v, false
			}
		}
	}
	return v, true
}

func deriveKVHeads(v map[string]strictjson.Value) {
	if !v["num_key_value_heads"].Present() {
		v["num_key_value_heads"] = v["num_attention_heads"]
	}
}

func deriveLlama(v map[string]strictjson.Value) {
	deriveKVHeads(v)
	if v["head_dim"].Present() {
		return
	}
	width, okW := v["hidden_size"].Int64()
	heads, okH := v["num_attention_heads"].Int64()
	if okW && okH && width > 0 && heads > 0 { // otherwise the numbers' own check reports it
		v["head_dim"] = strictjson.Value{Kind: strictjson.Number, Text: strconv.FormatInt(width/heads, 10)}
	}
}

func deriveQwen2(v map[string]strictjson.Value) {
	deriveKVHeads(v)
	if use, _ := v["use_sliding_window"].Boolean(); !use {
		v["sliding_window"] = strictjson.Value{Kind: strictjson.Null, Text: "null"}
	}
}

func deriveDeepseek2(v map[string]strictjson.Value) {
	deriveKVHeads(v)
	v["head_dim"] = v["qk_rope_head_dim"]
}

func deriveDeepseek3(v map[string]strictjson.Value) {
	deriveKVHeads(v)
	if _, has := v["head_dim"]; !has { // one of its own in the config is set after the class's
		v["head_dim"] = v["qk_rope_head_dim"]
	}
}
