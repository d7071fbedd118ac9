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

// tokensByID gives the added tokens that are named by id outside tokenizer.json, sorted. Without
// added_tokens_decoder the files of older versions count: special_tokens_map.json, whose roles go
// to names, and added_tokens.json.
func (e *export) tokensByID(j *jsonFile, names *overlay) ([]addedToken, error) {
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
	roles := roleNames(names)
	for _, m := range more.Pairs {
		id, ok := m.Value.Int64()
		if !ok || id < 0 || id >= MaxTokens {
			return nil, fault.New(fault.Malformed, addedName, "token %q has the id %s, expected an integer from 0 to %d", m.Name, describe(m.Value), MaxTokens-1)
		}
		special := slices.Contains(roles, m.Name)
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

// sortedByID gives tokens without their ids.
func sortedByID(byID map[int64]addedToken) []addedToken {
	ids := make([]int64, 0, len(byID))
	for id := range byID {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	list := make([]addedToken, len(ids))
	for i, id := range ids {
		list[i] = byID[id]
		list[i].id = 0
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
				t = marked(t)
				if !slices.ContainsFunc(list, func(o strictjson.Value) bool { return same(o, t) }) {
					list = append(list, t)
				}
			}
			v.Items = list
		}
		names.put(m.Name, marked(v))
	}
	return nil
}

// roleNames are the contents of tokens with a role, as far as added_tokens.json heeds them: not those
// that tokenizer_config.json writes as objects, nor the class's own.
func roleNames(names *overlay) []string {
	var list []string
	put := func(v strictjson.Value, objects bool) {
		if v.Kind == strictjson.Object && objects {
			v = v.Get("content")
		}
		if content, ok := v.Str(); ok {
			list = append(list, content)
		}
	}
	for _, name := range singleRoles {
		_, mapped := names.over[name]
		put(names.get(name), mapped)
	}
	_, mapped := names.over["additional_special_tokens"]
	for _, v := range names.get("additional_special_tokens").Items {
		put(v, mapped)
	}
	return list
}

// marked gives a token written as an object the flag special: in special_tokens_map.json all are.
func marked(v strictjson.Value) strictjson.Value {
	if v.Kind == strictjson.Object {
		v.Pairs = slices.DeleteFunc(slices.Clone(v.Pairs), func(m strictjson.Member) bool { return m.Name == "special" })
		v.Pairs = append(v.Pairs, strictjson.Member{Name: "special", Value: strictjson.Value{Kind: strictjson.Bool, Text: "true"}})
	}
	return v
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

// roleToken is a token with a role.
type roleToken struct {
	addedToken
	plain bool // written as a string, without flags
}

// roleTokens gives the tokens that have a role. A role that no file names has the class's token; an
// explicit null means none. A token that byID has too has the flags from there.
func roleTokens(class string, names *overlay, byID []addedToken) ([]roleToken, error) {
	var list []roleToken
	seen := map[string]bool{} // a name counts once, but a list may have it several times
	put := func(v strictjson.Value, own, named bool) error {
		t := roleToken{addedToken{content: v.Text, special: true}, v.Kind == strictjson.String}
		if !t.plain {
			var err error
			if t.addedToken, err = tokenObject(v); err != nil {
				return err
			}
		}
		if i := slices.IndexFunc(byID, func(o addedToken) bool { return o.content == t.content }); i >= 0 && named {
			for _, o := range byID[i:] { // the last one of a name counts
				if o.content == t.content {
					t = roleToken{o, false}
				}
			}
		}
		if class == "Qwen2Tokenizer" && own { // this class gives its tokens flags
			t.plain = false
		}
		if !seen[t.content] {
			list = append(list, t)
		}
		return nil
	}
	done := func() {
		for _, t := range list {
			seen[t.content] = true
		}
	}
	for _, name := range singleRoles {
		done()
		v := names.get(name)
		named := v.Kind != 0
		if missing, ok := classTokens[class][name]; ok && !named {
			v = strictjson.Value{Kind: strictjson.String, Text: missing}
		}
		if v.Present() && v.Text+v.Get("content").Text != "" {
			if err := put(v, qwen2Roles[name], named); err != nil {
				return nil, err
			}
		}
	}
	more := slices.Clone(names.get("additional_special_tokens").Items)
	if class == "CodeLlamaTokenizer" {
		for _, fill := range []string{"\u2581<PRE>", "\u2581<MID>", "\u2581<SUF>", "\u2581<EOT>"} {
			more = append(more, strictjson.Value{Kind: strictjson.String, Text: fill})
		}
	}
	extra := names.get("extra_special_tokens")
	more = append(more, extra.Items...) // transformers 5 has a list where 4 has an object
	done()
	for _, v := range more {
		if err := put(v, false, false); err != nil {
			return nil, err
		}
	}
	for _, m := range extra.Pairs {
		done()
		if err := put(m.Value, false, false); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// qwen2Roles are the roles that Qwen2Tokenizer takes as arguments of its own.
var qwen2Roles = map[string]bool{"bos_token": true, "eos_token": true, "unk_token": true, "pad_token": true}
