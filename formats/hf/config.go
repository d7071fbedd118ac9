package hf

import (
	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

const (
	configName     = "config.json"
	generationName = "generation_config.json"
	maxDepth       = 128 // nesting in any JSON or YAML file of a checkpoint
)

// LoadConfig reads config.json. root is the file as it stands; merged is what the keys of the text
// model are read from: the keys of text_config (or of what other families call it) over the root's.
// A missing, malformed or non-object config.json is a fault of kind Malformed; NaN and Infinity are
// tolerated, and reading such a number through Int64 or Float64 says !ok.
func LoadConfig(src Source) (root, merged strictjson.Value, err error) {
	root, found, err := readObject(src, configName)
	if err == nil && !found {
		err = fault.New(fault.Malformed, configName, "is missing; a checkpoint is a directory with config.json and .safetensors files")
	}
	if err != nil {
		return strictjson.Value{}, strictjson.Value{}, err
	}
	merged, err = mergeText(root)
	return root, merged, err
}

// readObject reads a JSON file whose document is an object.
func readObject(src Source, name string) (v strictjson.Value, found bool, err error) {
	doc, found, err := ReadFile(src, name, ConfigLimit)
	if err != nil || !found {
		return strictjson.Value{}, found, err
	}
	if v, err = strictjson.Parse(doc, maxDepth); err != nil {
		return strictjson.Value{}, true, fault.New(fault.Malformed, name, "%w", err)
	}
	if v.Kind != strictjson.Object {
		return strictjson.Value{}, true, fault.New(fault.Malformed, name, "holds %v, expected an object", v.Kind)
	}
	return v, true, nil
}

// mergeText renames what families call their text model to text_config, the last name that is
// present winning, and lays its keys over the root's.
func mergeText(root strictjson.Value) (strictjson.Value, error) {
	text := root.Get("text_config")
	for _, alias := range [...]string{"llm_config", "lm_config", "thinker_config", "language_config", "lfm"} {
		v := root.Get(alias)
		if v.Kind == 0 {
			continue
		}
		if alias == "thinker_config" {
			v = v.Get("text_config")
		}
		if v.Kind != strictjson.Object {
			return strictjson.Value{}, fault.New(fault.Malformed, configName, "%s holds no configuration of a text model", alias)
		}
		text = v
	}
	if text.Kind == 0 {
		return root, nil
	}
	if text.Kind != strictjson.Object {
		return strictjson.Value{}, fault.New(fault.Malformed, configName, "text_config is %v, expected an object", text.Kind)
	}
	return overlay(root, text), nil
}

// overlay gives root's keys, then those that only text has; a key of both has text's value.
func overlay(root, text strictjson.Value) strictjson.Value {
	out := strictjson.Value{Kind: strictjson.Object, Pairs: make([]strictjson.Member, 0, len(root.Pairs)+len(text.Pairs)+1)}
	at := make(map[string]int, cap(out.Pairs))
	put := func(name string, v strictjson.Value) {
		i, known := at[name]
		if !known {
			at[name] = len(out.Pairs)
			out.Pairs = append(out.Pairs, strictjson.Member{Name: name, Value: v})
			return
		}
		out.Pairs[i].Value = v
	}
	for _, m := range root.Pairs {
		put(m.Name, m.Value)
	}
	put("text_config", text)
	for _, m := range text.Pairs {
		put(m.Name, m.Value)
	}
	return out
}
