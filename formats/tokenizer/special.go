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

// overlay is tokenizer_config.json with the values that the post-processor puts in.
type overlay struct {
	base strictjson.Value
	over map[string]strictjson.Value
}

func newOverlay(base strictjson.Value) *overlay {
	return &overlay{base: base, over: map[string]strictjson.Value{}}
}

// empty is true when the file is missing or holds {}, which the reference takes for missing.
func (o *overlay) empty() bool { return len(o.base.Pairs) == 0 }

func (o *overlay) get(name string) strictjson.Value {
	if v, ok := o.over[name]; ok {
		return v
	}
	return o.base.Get(name)
}

func (o *overlay) put(name string, v strictjson.Value) { o.over[name] = v }

// same compares token names; only strings can be the same, as a template has strings.
func same(a, b strictjson.Value) bool {
	return a.Kind == strictjson.String && b.Kind == strictjson.String && a.Text == b.Text
}

func either(v, a, b strictjson.Value) bool { return same(v, a) || same(v, b) }

// postProcessor tells from the processors of tokenizer.json which tokens go around a text, and which
// names tokenizer_config.json then lacks.
func (s *specials) postProcessor(v strictjson.Value, settings *overlay) error {
	p := &around{specials: s, settings: settings}
	p.bos, p.cls = settings.get("bos_token"), settings.get("cls_token")
	p.eos, p.sep = settings.get("eos_token"), settings.get("sep_token")
	if !settings.empty() {
		if !truthy(p.bos) && truthy(p.cls) {
			p.bos = p.cls
			settings.put("bos_token", p.bos)
		}
		if !truthy(p.eos) && truthy(p.sep) {
			p.eos = p.sep
			settings.put("eos_token", p.eos)
		}
	}
	if !truthy(v) {
		return nil
	}
	if v.Kind != strictjson.Object {
		return fault.New(fault.Malformed, jsonName, "post_processor is %v, expected an object", v.Kind)
	}
	list := []strictjson.Value{v}
	if many := v.Get("processors"); many.Kind != 0 {
		list = many.Items
	}
	for _, one := range list {
		switch kind, _ := one.Get("type").Str(); kind {
		case "RobertaProcessing":
			p.roberta(one)
		case "TemplateProcessing":
			p.single(one.Get("single").Items)
			p.pair(one.Get("pair").Items)
		}
	}
	return nil
}

// around follows the processors.
type around struct {
	*specials
	settings           *overlay
	bos, cls, eos, sep strictjson.Value // as the reference sees them at this point
	first, last        strictjson.Value // special tokens around a single text
}

func (p *around) roberta(v strictjson.Value) {
	for _, name := range []string{"bos", "eos", "sep"} {
		assign(&p.adds, name, true)
	}
	if p.settings.empty() {
		return
	}
	named := func(key string, other strictjson.Value) strictjson.Value {
		if x := v.Get(key); len(x.Items) > 0 {
			return x.Items[0]
		}
		return other
	}
	if !truthy(p.cls) {
		p.cls = named("cls", p.bos)
		p.settings.put("cls_token", p.cls)
	}
	if !truthy(p.sep) {
		p.sep = named("sep", p.eos)
		p.settings.put("sep_token", p.sep)
	}
}

// special gives the special token of a piece of a template, or the absent Value.
func special(piece strictjson.Value) strictjson.Value {
	id := piece.Get("SpecialToken").Get("id")
	if !truthy(id) {
		return strictjson.Value{}
	}
	return id
}

// single reads what goes around one text.
func (p *around) single(pieces []strictjson.Value) {
	p.first, p.last = strictjson.Value{}, strictjson.Value{}
	if len(pieces) < 2 {
		return
	}
	known := !p.settings.empty()
	if first := special(pieces[0]); first.Kind != 0 {
		p.first = first
		switch {
		case !known:
			p.bos = first
		case !either(first, p.bos, p.cls):
			if !truthy(p.bos) {
				p.bos = first
				p.settings.put("bos_token", first)
			}
			if !truthy(p.cls) {
				p.cls = first
				p.settings.put("cls_token", first)
			}
		}
		assign(&p.adds, "bos", either(first, p.bos, p.cls))
	}
	if last := special(pieces[len(pieces)-1]); last.Kind != 0 {
		p.last = last
		switch {
		case !known:
			p.eos = last
		case !same(last, p.eos):
			// The old end token still ends something: a turn, or a message.
			for _, name := range []string{"eot", "eom"} {
				if !slices.Contains(p.roles, name) {
					p.roles = append(p.roles, name)
					p.settings.put(name+"_token", p.eos)
					break
				}
			}
			p.eos = last
			p.settings.put("eos_token", last)
		}
		assign(&p.adds, "eos", same(last, p.eos))
	}
}

// pair reads what goes between two texts.
func (p *around) pair(pieces []strictjson.Value) {
	if len(pieces) == 0 {
		return
	}
	start, stop := 0, len(pieces)
	if p.first.Kind != 0 && same(special(pieces[0]), p.first) {
		start = 1
	}
	if p.last.Kind != 0 && same(special(pieces[len(pieces)-1]), p.last) {
		stop--
	}
	if start >= stop {
		return
	}
	pieces = pieces[start:stop]
	sequence := func(v strictjson.Value) string { return text(v.Get("Sequence"), "id", "") }
	if sequence(pieces[0]) != "A" || sequence(pieces[len(pieces)-1]) != "B" || len(pieces) < 3 {
		return
	}
	middle := pieces[1 : len(pieces)-1]
	add := false
	if x := special(middle[0]); x.Kind != 0 && either(x, p.sep, p.eos) && p.last.Kind == 0 {
		add = true
	}
	if len(middle) == 2 {
		if x := special(middle[1]); x.Kind != 0 && either(x, p.sep, p.eos) {
			add = true
		}
	}
	assign(&p.adds, "sep", add)
	if add && !truthy(p.sep) && !p.settings.empty() {
		p.settings.put("sep_token", p.eos)
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
