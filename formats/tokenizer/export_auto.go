package tokenizer

import (
	"slices"
	"strings"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

// autoTokenizer is tokenizer.json as transformers 4.57.6 has it in memory: the reference does not
// look at the file but at AutoTokenizer, which adds tokens, gives ids anew and changes flags.
type autoTokenizer struct {
	file     *jsonFile
	class    string // without "Fast"
	settings strictjson.Value
	added    map[int32]addedToken
	ids      map[string]int32 // of added tokens
	special  []roleToken      // all_special_tokens: what has a role, in the order of roles
	cleanup  bool             // decoding removes spaces before punctuation
}

// newAuto does what AutoTokenizer.from_pretrained does to the vocabulary.
func (e *export) newAuto(j *jsonFile) (*autoTokenizer, error) {
	a := &autoTokenizer{file: j, settings: e.settings, added: map[int32]addedToken{}, ids: map[string]int32{}}
	a.cleanup, _ = e.settings.Get("clean_up_tokenization_spaces").Boolean()
	for _, named := range []strictjson.Value{e.settings.Get("tokenizer_class"), e.root.Get("tokenizer_class")} {
		if a.class == "" {
			a.class, _ = named.Str()
		}
	}
	if a.class = strings.TrimSuffix(a.class, "Fast"); a.class == "" {
		kind, _ := e.root.Get("model_type").Str()
		a.class = modelClasses[kind]
	}

	for _, t := range j.added {
		if err := a.add(t); err != nil {
			return nil, err
		}
		if id := a.ids[t.content]; t.content != "" && id != t.id && !j.vocab.has(id) {
			return nil, fault.New(fault.Mismatch, j.name, "added token %q has id %d, but Hugging Face's tokenizers would give it %d", t.content, t.id, id)
		}
	}
	names := newOverlay(e.settings)
	byID, err := e.tokensByID(j, names)
	if err != nil {
		return nil, err
	}
	if a.special, err = roleTokens(a.class, names, byID); err != nil {
		return nil, err
	}
	return a, a.addNamed(byID)
}

// add is add_tokens of the tokenizers library: a token that is already there with the same flags is
// left alone; one that is in the vocabulary keeps its id; others come after all that is there,
// whatever id their file gives them.
func (a *autoTokenizer) add(t addedToken) error {
	if t.content == "" {
		return nil
	}
	id, known := a.ids[t.content]
	if !known {
		if id, known = a.file.vocab.ids[t.content]; !known {
			id = int32(len(a.file.vocab.ids))
			for old := range a.added {
				id = max(id, old+1)
			}
			if a.file.vocab.has(id) {
				return fault.New(fault.Mismatch, a.file.name, "added token %q would get the id %d of token %q: the vocabulary has holes", t.content, id, a.file.vocab.texts[id])
			}
			if id >= MaxTokens {
				return fault.New(fault.Limit, a.file.name, "more than %d tokens", MaxTokens)
			}
		}
	}
	t.id = id
	a.ids[t.content] = id
	a.added[id] = t
	return nil
}

// addNamed adds what tokenizer_config.json and its companions name, first by id, then by role. All
// that have an id are added again, for transformers compares them with ids by mistake; so their
// flags count, not those of tokenizer.json.
func (a *autoTokenizer) addNamed(byID []addedToken) error {
	isRole := func(content string) bool {
		return slices.ContainsFunc(a.special, func(t roleToken) bool { return t.content == content })
	}
	list := slices.Clone(byID)
	for _, t := range a.special {
		known := slices.Contains(byID, t.addedToken)
		if t.plain { // a name without flags: any token of this name will do
			_, known = a.ids[t.content]
			known = known || slices.ContainsFunc(byID, func(o addedToken) bool { return o.content == t.content })
		}
		if !known {
			list = append(list, t.addedToken)
		}
	}
	for _, t := range list {
		t.special = t.special || isRole(t.content)
		if err := a.add(t); err != nil {
			return err
		}
	}
	return nil
}

// size is the number of texts, top the largest id.
func (a *autoTokenizer) size() (n, top int64) {
	n, top = int64(len(a.file.vocab.ids)), int64(len(a.file.vocab.texts))-1
	for content, id := range a.ids {
		if _, ok := a.file.vocab.ids[content]; !ok {
			n++
		}
		top = max(top, int64(id))
	}
	return n, top
}

// around gives the ids that the tokenizer puts around a text by itself. Llama's class ignores the
// post-processor of the file.
func (a *autoTokenizer) around() (before, after []int32) {
	if a.class == "LlamaTokenizer" || a.class == "CodeLlamaTokenizer" {
		id := func(name string) []int32 {
			v := a.settings.Get(name)
			content, ok := v.Str()
			if !ok {
				content, ok = v.Get("content").Str()
			}
			if v.Kind == 0 {
				content, ok = classTokens[a.class][name]
			}
			if n, known := a.ids[content]; ok && known {
				return []int32{n}
			}
			return nil
		}
		if flag(a.settings, "add_bos_token", true) {
			before = id("bos_token")
		}
		if flag(a.settings, "add_eos_token", false) {
			after = id("eos_token")
		}
		return before, after
	}
	list := a.file.postProcessor.Get("processors").Items
	if list == nil {
		list = []strictjson.Value{a.file.postProcessor}
	}
	for _, p := range list {
		switch text(p, "type", "") {
		case "RobertaProcessing", "BertProcessing":
			for _, end := range [...]struct {
				name string
				to   *[]int32
			}{{"cls", &before}, {"sep", &after}} {
				if pair := p.Get(end.name).Items; len(pair) == 2 {
					if n, ok := count(pair[1]); ok {
						*end.to = append(*end.to, int32(n))
					}
				}
			}
			continue
		case "TemplateProcessing":
		default:
			continue
		}
		seen := false
		for _, piece := range p.Get("single").Items {
			seen = seen || piece.Get("Sequence").Kind != 0
			name, _ := piece.Get("SpecialToken").Get("id").Str()
			for _, v := range p.Get("special_tokens").Get(name).Get("ids").Items {
				if n, ok := count(v); ok && !seen {
					before = append(before, int32(n))
				} else if ok {
					after = append(after, int32(n))
				}
			}
		}
	}
	return before, after
}
