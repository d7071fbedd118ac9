package tokenizer

import (
	"slices"
	"strings"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

// idKeys are the special ids that GGUF has a key for; the reference drops others, such as cls.
var idKeys = map[string]string{
	"bos": keyBOS, "eos": keyEOS, "eot": keyEOT,
	"eom":  "tokenizer.ggml.eom_token_id",
	"unk":  "tokenizer.ggml.unknown_token_id",
	"sep":  "tokenizer.ggml.seperator_token_id",
	"pad":  "tokenizer.ggml.padding_token_id",
	"mask": "tokenizer.ggml.mask_token_id",
}

// addKeys are the flags for tokens that go around a text.
var addKeys = map[string]string{
	"bos": keyAddBOS,
	"eos": "tokenizer.ggml.add_eos_token",
	"sep": "tokenizer.ggml.add_sep_token",
}

// usualRoles are the roles of special tokens in the order that the reference looks them up.
var usualRoles = []string{"bos", "eos", "unk", "sep", "pad", "cls", "mask"}

// role is a value of a special token's role; a list of them keeps the order of first assignment,
// which is the order of the keys in the file.
type role[T any] struct {
	name  string
	value T
}

func assign[T any](list *[]role[T], name string, value T) {
	for i := range *list {
		if (*list)[i].name == name {
			(*list)[i].value = value
			return
		}
	}
	*list = append(*list, role[T]{name, value})
}

// specials are the ids and flags of special tokens, the chat template and the normalizer keys.
type specials struct {
	roles    []string
	limit    int64 // ids from here on are ignored; -1 for none
	ids      []role[int64]
	adds     []role[bool]
	template *chatTemplate
	lower    strictjson.Value // normalizer flags; not Present when there is none
	strip    strictjson.Value
}

// specials walks tokenizer.json (j may be nil), tokenizer_config.json and config.json. The first id
// found for a role wins.
func (e *export) specials(j *jsonFile, roles []string, limit int64) (*specials, error) {
	s := &specials{roles: slices.Clone(roles), limit: limit}
	settings := newOverlay(e.settings)
	if j != nil {
		s.normalizer(j.normalizer)
		if err := s.postProcessor(j.postProcessor, settings); err != nil {
			return nil, err
		}
	}
	if !settings.empty() {
		var err error
		if s.template, err = readTemplate(e.src, e.settings); err != nil {
			return nil, err
		}
		for _, name := range s.roles {
			if b, ok := settings.get("add_" + name + "_token").Boolean(); ok {
				assign(&s.adds, name, b)
			}
			token := settings.get(name + "_token")
			if token.Kind == strictjson.Object {
				token = token.Get("content")
			}
			content, ok := token.Str()
			if !ok || j == nil {
				continue
			}
			if i := slices.IndexFunc(j.added, func(t addedToken) bool { return t.content == content }); i >= 0 {
				if err := s.setID(name, int64(j.added[i].id)); err != nil {
					return nil, err
				}
			}
		}
	}
	for _, name := range s.roles {
		id := e.root.Get(name + "_token_id")
		if !id.Present() {
			id = e.root.Get("text_config").Get(name + "_token_id")
		}
		if !id.IsInt() { // lists of ids too are ignored
			continue
		}
		n, _ := id.Int64()
		if err := s.setID(name, n); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// setID keeps the first id of a role.
func (s *specials) setID(name string, id int64) error {
	if id < 0 {
		return fault.New(fault.Malformed, configName, "%s_token_id is %d, expected an id from 0", name, id)
	}
	if s.limit >= 0 && id >= s.limit {
		return nil
	}
	if !slices.ContainsFunc(s.ids, func(r role[int64]) bool { return r.name == name }) {
		assign(&s.ids, name, id)
	}
	return nil
}

// write sets the keys; merges come first, as in the reference.
func (s *specials) write(e *export, merges []string) error {
	e.set(keyMerges, merges)
	for _, r := range s.ids {
		if key, ok := idKeys[r.name]; ok {
			if err := e.setID(key, r.value); err != nil {
				return err
			}
		}
	}
	for _, r := range s.adds {
		if key, ok := addKeys[r.name]; ok {
			e.set(key, r.value)
		}
	}
	if s.template != nil {
		s.template.write(e)
	}
	if s.lower.Present() {
		e.set(keyLowercase, truthy(s.lower))
	}
	if s.strip.Present() {
		e.set(keyStripMarks, truthy(s.strip))
	}
	return nil
}

// normalizer looks for lowercasing and accent stripping, also inside sequences.
func (s *specials) normalizer(v strictjson.Value) {
	kind, _ := v.Get("type").Str()
	yes := strictjson.Value{Kind: strictjson.Bool, Text: "true"}
	switch kind {
	case "Lowercase":
		s.lower = yes
	case "StripAccents":
		s.strip = yes
	case "BertNormalizer":
		if x := v.Get("lowercase"); x.Kind != 0 {
			s.lower = x
		}
		if x := v.Get("strip_accents"); x.Kind != 0 {
			s.strip = x
		}
	case "Sequence":
		for _, n := range v.Get("normalizers").Items {
			s.normalizer(n)
		}
	}
}

// looksSpecial is the reference's guess for added tokens that should be control tokens although
// their file does not say so.
func looksSpecial(token string) bool {
	switch token {
	case "<pad>", "<mask>", "<2mass>", "[@BOS@]":
		return true
	}
	between := func(prefix, suffix string) bool {
		return strings.HasPrefix(token, prefix) && strings.HasSuffix(token, suffix)
	}
	return between("<|", "|>") || between("<\uff5c", "\uff5c>") || between("<unused", ">")
}
