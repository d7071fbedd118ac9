package arch

import (
	"math"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

// Key is one GGUF key of an architecture. One of From, Rope, Expr and Make gives the value; From and
// Rope write nothing when the config has none of the names, or null.
type Key struct {
	Name string         // after "{arch}."; a name that starts with "general." stands whole
	Type gguf.ValueType // Uint32, Float32, Bool, String or Array (of int32)
	From []string       // config names; the first that the config has decides
	Rope []string       // the same in the rope parameters
	Expr string         // an integer expression over the model's numbers
	When func(*Model) bool
	Make func(*Model) (any, error) // nil writes nothing
}

const fileTypeKey = "general.file_type"

// baseKeys is what the reference writes for every text model, in its order (ggml.md 2.1).
var baseKeys = []Key{
	{Name: "block_count", Type: gguf.ValueUint32, Expr: "num_hidden_layers"},
	{Name: "context_length", Type: gguf.ValueUint32, From: []string{"max_position_embeddings", "n_ctx", "n_positions", "max_length", "max_sequence_length", "model_max_length"}},
	{Name: "embedding_length", Type: gguf.ValueUint32, From: []string{"hidden_size", "n_embd", "dim"}},
	{Name: "feed_forward_length", Type: gguf.ValueUint32, From: []string{"prefix_dense_intermediate_size", "dense_intermediate_size", "intermediate_size", "n_inner", "hidden_dim"}},
	{Name: "attention.head_count", Type: gguf.ValueUint32, From: []string{"num_attention_heads", "n_head", "n_heads"}},
	{Name: "attention.head_count_kv", Type: gguf.ValueUint32, From: []string{"num_key_value_heads", "n_kv_heads"}},
	{Name: "attention.causal", Type: gguf.ValueBool, From: []string{"is_causal"}, When: isNotCausal},
	{Name: "rope.scaling.type", Type: gguf.ValueString, Make: ropeScalingType},
	{Name: "rope.scaling.factor", Type: gguf.ValueFloat32, Rope: []string{"factor"}, When: linearOrYarn},
	{Name: "rope.scaling.original_context_length", Type: gguf.ValueUint32, When: yarn, Make: yarnContext},
	{Name: "rope.scaling.yarn_ext_factor", Type: gguf.ValueFloat32, Rope: []string{"extrapolation_factor"}, When: yarn},
	{Name: "rope.scaling.yarn_attn_factor", Type: gguf.ValueFloat32, Rope: []string{"attention_factor", "attn_factor"}, When: yarn},
	{Name: "rope.scaling.yarn_beta_fast", Type: gguf.ValueFloat32, Rope: []string{"beta_fast"}, When: yarn},
	{Name: "rope.scaling.yarn_beta_slow", Type: gguf.ValueFloat32, Rope: []string{"beta_slow"}, When: yarn},
	{Name: "rope.dimension_sections", Type: gguf.ValueArray, Make: ropeSections},
	{Name: "rope.freq_base", Type: gguf.ValueFloat32, Rope: []string{"rope_theta"}},
	{Name: "rope.freq_base_swa", Type: gguf.ValueFloat32, Make: slidingTheta},
	{Name: "attention.layer_norm_rms_epsilon", Type: gguf.ValueFloat32, From: []string{"rms_norm_eps", "norm_eps"}},
	{Name: "attention.layer_norm_epsilon", Type: gguf.ValueFloat32, From: []string{"layer_norm_eps", "layer_norm_epsilon", "norm_epsilon"}},
	{Name: "expert_count", Type: gguf.ValueUint32, From: []string{"num_local_experts", "num_experts", "n_routed_experts"}},
	{Name: "expert_used_count", Type: gguf.ValueUint32, From: []string{"num_experts_per_tok", "num_experts_per_token", "top_k_experts"}},
	{Name: "expert_group_count", Type: gguf.ValueUint32, From: []string{"n_group"}},
	{Name: "expert_group_used_count", Type: gguf.ValueUint32, From: []string{"topk_group"}},
	{Name: "expert_gating_func", Type: gguf.ValueUint32, Make: gatingFunc},
	{Name: "attention.key_length", Type: gguf.ValueUint32, From: []string{"head_dim"}},
	{Name: "attention.value_length", Type: gguf.ValueUint32, From: []string{"head_dim"}},
	{Name: fileTypeKey, Type: gguf.ValueUint32, Make: func(*Model) (any, error) { return uint32(0), nil }},
}

// base gives baseKeys with some replaced at their place, for architectures that change a config
// value before the reference writes the common keys.
func base(replaced ...Key) []Key {
	keys := append([]Key(nil), baseKeys...)
	for _, r := range replaced {
		for i := range keys {
			if keys[i].Name == r.Name {
				keys[i] = r
			}
		}
	}
	return keys
}

func isNotCausal(m *Model) bool {
	b, ok := m.value("is_causal").Boolean()
	return ok && !b
}

func linearOrYarn(m *Model) bool { return m.ropeType() == "linear" || m.ropeType() == "yarn" }

// yarn needs a factor: without one the reference takes the scaling for none.
func yarn(m *Model) bool { return m.ropeType() == "yarn" && m.rope["factor"].Present() }

func ropeScalingType(m *Model) (any, error) {
	switch t := m.ropeType(); {
	case (t == "linear" || t == "yarn") && m.rope["factor"].Present():
		return t, nil
	case t == "su" || t == "longrope":
		return "longrope", nil
	}
	return nil, nil
}

func yarnContext(m *Model) (any, error) {
	n, err := integer("original_max_position_embeddings", m.rope["original_max_position_embeddings"], 0, math.MaxUint32)
	return uint32(n), err
}

// ropeSections pads mrope_section to four.
func ropeSections(m *Model) (any, error) {
	v, has := m.ropeRoot["mrope_section"]
	if !has {
		return nil, nil
	}
	if v.Kind != strictjson.Array {
		return nil, fault.New(fault.Malformed, configFile, "mrope_section is %s, expected a list of integers", found(v))
	}
	sections := make([]int32, 4)
	for i := 0; i < len(v.Items) && i < 4; i++ {
		n, err := integer("mrope_section", v.Items[i], 0, math.MaxInt32)
		if err != nil {
			return nil, err
		}
		sections[i] = int32(n)
	}
	return sections, nil
}

func slidingTheta(m *Model) (any, error) {
	v := m.ropeRoot["sliding_attention"].Get("rope_theta")
	if !v.Present() {
		return nil, nil
	}
	f, err := float("rope_theta of sliding_attention", v)
	return float32(f), err
}

var gatingNames = []string{"score_function", "scoring_func", "score_func", "moe_router_activation", "moe_router_activation_func", "expert_selection_fn"}

// gatingFunc numbers the router's activation as GGUF does.
func gatingFunc(m *Model) (any, error) {
	v := m.value(gatingNames...)
	if !v.Present() {
		return nil, nil
	}
	switch name, _ := v.Str(); name {
	case "softmax":
		return uint32(1), nil
	case "sigmoid":
		return uint32(2), nil
	case "sqrtsoftplus":
		return uint32(4), nil
	}
	return nil, fault.New(fault.Unsupported, configFile, "the router's activation is %s, known are softmax, sigmoid and sqrtsoftplus", found(v))
}

// keys evaluates a Spec's keys.
func (m *Model) keys(s *Spec) ([]gguf.KV, error) {
	var kvs []gguf.KV
	at := map[string]int{}
	for i := range s.Keys {
		k := &s.Keys[i]
		value, err := m.key(k)
		if err != nil {
			return nil, err
		}
		if value == nil {
			continue
		}
		name := k.Name
		if name != fileTypeKey {
			name = s.Name + "." + name
		}
		if old, has := at[name]; has {
			kvs[old].Value = value
			continue
		}
		at[name] = len(kvs)
		kvs = append(kvs, gguf.KV{Key: name, Value: value})
	}
	return kvs, nil
}

// key evaluates one key; nil means that it is not written.
func (m *Model) key(k *Key) (any, error) {
	if k.When != nil && !k.When(m) {
		return nil, nil
	}
	if k.Make != nil {
		return k.Make(m)
	}
	if k.Expr != "" {
		n, err := m.eval(k.Expr)
		if err == nil && n > math.MaxUint32 {
			err = fault.New(fault.Limit, configFile, "%s = %d exceeds 32 bits", k.Expr, n)
		}
		return uint32(n), err
	}
	in, names := m.values, k.From
	if k.Rope != nil {
		in, names = m.rope, k.Rope
	}
	v, name := named(in, names)
	if !v.Present() {
		return nil, nil
	}
	switch k.Type {
	case gguf.ValueUint32:
		n, err := integer(name, v, 0, math.MaxUint32)
		return uint32(n), err
	case gguf.ValueFloat32:
		f, err := float(name, v)
		return float32(f), err
	}
	b, ok := v.Boolean()
	if !ok {
		return nil, fault.New(fault.Malformed, configFile, "%s is %s, expected true or false", name, found(v))
	}
	return b, nil
}
