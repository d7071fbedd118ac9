package tokenizer

import (
	"slices"
	"strconv"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

// classTokens are the special tokens that a tokenizer class has when no file names others. Other
// classes have none.
var classTokens = map[string]map[string]string{
	"LlamaTokenizer":     {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"},
	"CodeLlamaTokenizer": {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"},
	"Qwen2Tokenizer":     {"unk_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"},
	"GPT2Tokenizer":      {"unk_token": "<|endoftext|>", "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"},
}

// modelClasses is the tokenizer class of a model_type, for checkpoints that name none.
var modelClasses = map[string]string{
	"qwen2": "Qwen2Tokenizer", "llama": "LlamaTokenizer", "mistral": "LlamaTokenizer", "mixtral": "LlamaTokenizer",
	"deepseek_v2": "LlamaTokenizer", "deepseek_v3": "LlamaTokenizer",
}

// singleRoles are the names of special tokens in the order of transformers.
var singleRoles = [...]string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}

// decoderTokens gives the added tokens that are named by id outside tokenizer.json, sorted. Without
// added_tokens_decoder the files of older versions count: special_tokens_map.json, whose roles go
// to names, and added_tokens.json.
func (e *export) decoderTokens(j *jsonFile, names *overlay) ([]addedToken, error) {
	byID := map[int64]addedToken{}
	if list := e.settings.Get("added_tokens_decoder"); list.Kind != 0 {
		if list.Kind != strictjson.Object {
			return nil, fault.New(fault.Malformed, settingsName, "added_tokens_decoder is %v, expected an object", list.Kind)
		}
		for _, m := range list.Pairs {
			id, err := strconv.ParseInt(m.Name, 10, 64)
			if err != nil || id < 0 || id >= MaxTokens {
				return nil, fault.New(fault.Malformed, settingsName, "added_tokens_decoder has the id %q, expected an integer from 0 to %d", m.Name, MaxTokens-1)
			}
			t, err := tokenObject(m.Value)
			if err != nil {
				return nil, err
			}
			byID[id] = t
		}
		return sortedByID(byID), nil
	}
	if err := e.mapRoles(names); err != nil {
		return nil, err
	}
	more, err := readObject(e.src, addedName)
	if err != nil {
		return nil, err
	}
	roles, err := (&autoTokenizer{}).roleTokens(names) // without those of the class, as there
	if err != nil {
		return nil, err
	}
	for _, m := range more.Pairs {
		id, ok := m.Value.Int64()
		if !ok || id < 0 || id >= MaxTokens {
			return nil, fault.New(fault.Malformed, addedName, "token %q has the id %s, expected an integer from 0 to %d", m.Name, describe(m.Value), MaxTokens-1)
		}
		special := slices.ContainsFunc(roles, func(t addedToken) bool { return t.content == m.Name })
		byID[id] = addedToken{content: m.Name, normalized: !special, special: special}
	}
	for _, t := range j.added {
		byID[int64(t.id)] = t
	}
	return sortedByID(byID), nil
}

const (
	addedName = "added_tokens.json"
	rolesName = "special_tokens_map.json"
)

func sortedByID(byID map[int64]addedToken) []addedToken {
	ids := make([]int64, 0, len(byID))
	for id := range byID {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	list := make([]addedToken, len(ids))
	for i, id := range ids {
		list[i] = byID[id]
	}
	return list
}

// mapRoles lays special_tokens_map.json over tokenizer_config.json.
func (e *export) mapRoles(names *overlay) error {
	roles, err := readObject(e.src, rolesName)
	if err != nil {
		return err
	}
	for _, m := range roles.Pairs {
		v := m.Value
		if m.Name == "additional_special_tokens" && v.Kind == strictjson.Array {
			list := slices.Clone(names.get(m.Name).Items)
			for _, t := range v.Items {
				if !slices.ContainsFunc(list, func(o strictjson.Value) bool { return same(o, t) }) {
					list = append(list, t)
				}
			}
			v.Items = list
		}
		names.put(m.Name, v)
	}
	return nil
}

// tokenObject reads a token written as an object with flags.
func tokenObject(v strictjson.Value) (addedToken, error) {
	t := addedToken{singleWord: flag(v, "single_word", false), lstrip: flag(v, "lstrip", false), rstrip: flag(v, "rstrip", false), special: flag(v, "special", false)}
	t.normalized = flag(v, "normalized", !t.special)
	var ok bool
	if t.content, ok = v.Get("content").Str(); !ok {
		return t, fault.New(fault.Malformed, settingsName, "a special token is %s, expected a string or an object with content", describe(v))
	}
	return t, nil
}

// roleTokens gives the tokens that have a role. A role that no file names has the class's token; an
// explicit null means none.
func (a *autoTokenizer) roleTokens(names *overlay) ([]addedToken, error) {
	var list []addedToken
	put := func(v strictjson.Value) error {
		t := addedToken{content: v.Text, special: true}
		if v.Kind != strictjson.String {
			var err error
			if t, err = tokenObject(v); err != nil {
				return err
			}
		}
		if !slices.ContainsFunc(list, func(o addedToken) bool { return o.content == t.content }) {
			list = append(list, t)
		}
		return nil
	}
	for _, name := range singleRoles {
		v := names.get(name)
		if missing, ok := classTokens[a.class][name]; ok && v.Kind == 0 {
			v = strictjson.Value{Kind: strictjson.String, Text: missing}
		}
		if v.Present() && v.Text+v.Get("content").Text != "" {
			if err := put(v); err != nil {
				return nil, err
			}
		}
	}
	more := slices.Clone(names.get("additional_special_tokens").Items)
	if a.class == "CodeLlamaTokenizer" {
		for _, fill := range []string{"\u2581<PRE>", "\u2581<MID>", "\u2581<SUF>", "\u2581<EOT>"} {
			more = append(more, strictjson.Value{Kind: strictjson.String, Text: fill})
		}
	}
	extra := names.get("extra_special_tokens")
	more = append(more, extra.Items...) // transformers 5 has a list where 4 has an object
	for _, m := range extra.Pairs {
		more = append(more, m.Value)
	}
	for _, v := range more {
		if err := put(v); err != nil {
			return nil, err
		}
	}
	return list, nil
}
