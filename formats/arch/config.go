package arch

import (
	"maps"
	"slices"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

// Nested configs that the reference renames to text_config, in its order: the last one present wins.
var textConfigs = []string{"text_config", "llm_config", "lm_config", "language_config", "lfm"}

// newModel lays a config out as the reference sees it: what transformers adds to it, text_config
// over the root, and the rope parameters with their mirrored values.
func newModel(s *Spec, cfg strictjson.Value) (*Model, error) {
	if cfg.Kind != strictjson.Object {
		return nil, fault.New(fault.Malformed, configFile, "the document is %s, expected an object", found(cfg))
	}
	m := &Model{values: members(cfg)}
	m.Class, _ = architecture(cfg)
	applyPreset(m.values)
	for _, name := range textConfigs {
		if inner := cfg.Get(name); inner.Kind == strictjson.Object {
			maps.Copy(m.values, members(inner))
		}
	}
	m.bare = slices.Contains(s.Bare, m.Class)
	var err error
	if m.tied, err = m.flag("tie_word_embeddings"); err != nil {
		return nil, err
	}
	if act, ok := m.value("hidden_act").Str(); ok && act != "silu" && act != "swish" {
		return nil, fault.New(fault.Unsupported, configFile, "hidden_act is %q, %s runs silu only", act, s.Name)
	}
	if m.value("draft_vocab_size").Present() {
		return nil, fault.New(fault.Unsupported, configFile, "draft_vocab_size: a draft model for speculative decoding; convert its target model instead")
	}
	return m, m.mirrorRope()
}

// members gives an object's members by name.
func members(v strictjson.Value) map[string]strictjson.Value {
	in := make(map[string]strictjson.Value, len(v.Pairs))
	for _, p := range v.Pairs {
		in[p.Name] = p.Value
	}
	return in
}

var (
	globalTheta = []string{"global_rope_theta", "rope_global_theta", "rope_theta_global", "rope_theta", "rotary_emb_base"}
	localTheta  = []string{"local_rope_theta", "rope_local_theta", "rope_theta_local", "swa_rope_theta", "rope_local_base_freq"}
)

// mirrorRope finds the rope parameters and completes them from the config's root.
func (m *Model) mirrorRope() error {
	v := m.value("rope_parameters", "rope_scaling")
	if v.Present() && v.Kind != strictjson.Object {
		return fault.New(fault.Malformed, configFile, "the rope parameters are %s, expected an object", found(v))
	}
	m.ropeRoot = members(v)
	m.rope = m.ropeRoot
	_, full := m.ropeRoot["full_attention"]
	_, sliding := m.ropeRoot["sliding_attention"]
	if !full && !sliding {
		if t := m.value(localTheta...); t.Present() {
			m.ropeRoot["sliding_attention"] = strictjson.Value{Kind: strictjson.Object, Pairs: []strictjson.Member{{Name: "rope_theta", Value: t}}}
		}
		mirror := func(to string, v strictjson.Value) {
			if _, has := m.ropeRoot[to]; !has && v.Present() {
				m.ropeRoot[to] = v
			}
		}
		mirror("rope_theta", m.value(globalTheta...))
		mirror("rope_type", m.ropeRoot["type"])
		mirror("partial_rotary_factor", m.value("partial_rotary_factor", "rope_pct", "rope_percent"))
		mirror("original_max_position_embeddings", m.value("original_max_position_embeddings"))
	}
	if full {
		inner := m.ropeRoot["full_attention"]
		if inner.Kind != strictjson.Object {
			return fault.New(fault.Malformed, configFile, "full_attention of the rope parameters is %s, expected an object", found(inner))
		}
		m.rope = members(inner)
	}
	if t := m.rope["rope_type"]; t.Present() && t.Kind != strictjson.String {
		return fault.New(fault.Malformed, configFile, "rope_type is %s, expected a string", found(t))
	}
	return nil
}

// ropeType gives the rope scaling's kind, "" when there is none.
func (m *Model) ropeType() string {
	t, _ := m.rope["rope_type"].Str()
	return t
}
