package tokenizer

import (
	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/hf"
	"github.com/qconv/qconv/formats/internal/strictjson"
	"golang.org/x/text/unicode/norm"
)

// settings reads tokenizer_config.json; the absent value when there is none.
func settings(src hf.Source) (v strictjson.Value, err error) {
	const name = "tokenizer_config.json"
	data, found, err := hf.ReadFile(src, name, hf.ConfigLimit)
	if err != nil || !found {
		return v, err
	}
	if v, err = strictjson.Parse(data, jsonDepth); err != nil {
		return v, badJSON(name, err)
	}
	return v, nil
}

// wantedAround reads from tokenizer_config.json whether <s> goes before a text and </s> behind it.
// Llama's and Mistral's classes put <s> when the file is silent.
func wantedAround(src hf.Source) (bos, eos bool, err error) {
	v, err := settings(src)
	return flag(v, "add_bos_token", true), flag(v, "add_eos_token", false), err
}

// classAround replaces what goes around a text where tokenizer_config.json names Llama's class,
// which does not look at the post-processor of tokenizer.json.
func (t *Tokenizer) classAround(src hf.Source, f *jsonFile) error {
	v, err := settings(src)
	if err != nil {
		return err
	}
	switch text(v, "tokenizer_class", "") {
	case "LlamaTokenizer", "LlamaTokenizerFast", "CodeLlamaTokenizer", "CodeLlamaTokenizerFast":
	default:
		return nil
	}
	id := func(role, missing string) []int32 {
		content := text(v, role, text(v.Get(role), "content", missing))
		if id, ok := f.vocab.ids[content]; ok {
			return []int32{id}
		}
		for _, a := range f.added {
			if a.content == content {
				return []int32{a.id}
			}
		}
		return nil
	}
	t.before, t.after = nil, nil
	if flag(v, "add_bos_token", true) {
		t.before = id("bos_token", "<s>")
	}
	if flag(v, "add_eos_token", false) {
		t.after = id("eos_token", "</s>")
	}
	return nil
}

// newSP makes a tokenizer that gives the ids of SentencePiece. Control pieces in the text are found
// with ParseSpecial only; a text behind one of them is encoded like a text of its own, which is what
// llama.cpp does.
func newSP(f *spFile, bos, eos bool) (*Tokenizer, error) {
	m, err := newSPM(f)
	if err != nil {
		return nil, err
	}
	t := &Tokenizer{file: f.name, model: m, normalize: spNormalizer(f)}
	if m.words() {
		t.splitters, t.cacheable = []splitter{beforeBlanks}, true
	}
	kinds := make([]int32, len(f.pieces))
	var control []addedToken
	for i, p := range f.pieces {
		kinds[i] = p.kind
		t.pieces, t.known = append(t.pieces, p.text), append(t.known, true)
		if p.kind == kindControl || p.kind == kindUnknown {
			control = append(control, addedToken{id: int32(i), content: p.text, special: true})
		}
	}
	if t.raw, err = newLexicon(control, f.name); err != nil {
		return nil, err
	}
	for _, around := range [...]struct {
		want bool
		id   int64
		to   *[]int32
		name string
	}{{bos, f.bos, &t.before, "bos"}, {eos, f.eos, &t.after, "eos"}} {
		switch {
		case !around.want || around.id < 0:
		case around.id >= int64(len(kinds)) || kinds[around.id] != kindControl:
			return nil, fault.New(fault.Malformed, f.name, "%s_id is %d, which is no control piece", around.name, around.id)
		default:
			*around.to = append(*around.to, int32(around.id))
		}
	}
	t.decode = decodeKinds(kinds, false, f.dummyPrefix)
	return t, nil
}

// newRanks makes a tokenizer that gives the ids of Hunyuan's class: tiktoken with Qwen2's pattern,
// on the text's normal form C, for which it asks Python, that is Unicode 15 with Python 3.12.
func newRanks(f *rankFile) (*Tokenizer, error) {
	t := &Tokenizer{file: f.name, model: ranked{f.ranks}, cacheable: true, decode: decodeRaw}
	t.whole = func(s string) string { return normalizePart(norm.NFC, s) }
	t.splitters = []splitter{at(matcher(qwen2.match).first, isolated, false)}
	var err error
	if t.raw, err = newLexicon(f.special, f.name); err != nil {
		return nil, err
	}
	t.pieces = append(t.pieces, f.tokens...)
	for _, s := range f.special {
		t.pieces = append(t.pieces, s.content)
	}
	t.known = make([]bool, len(t.pieces))
	for i := range t.known {
		t.known[i] = true
	}
	return t, nil
}
