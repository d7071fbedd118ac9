package tokenizer

import (
	"slices"
	"strconv"
	"strings"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

const addedScore = -1000 // of tokens beside the SentencePiece model

// sentencePiece writes tokenizer.model; done is false when there is none.
func (e *export) sentencePiece() (done bool, err error) {
	f, err := readSP(e.src)
	if err != nil || f == nil {
		return false, err
	}
	if err := e.refusePre(f.name); err != nil {
		return false, err
	}
	list, err := e.pieces(f)
	if err != nil {
		return false, err
	}
	if err := e.addedPieces(list); err != nil {
		return false, err
	}
	if err := e.describedPieces(list); err != nil {
		return false, err
	}
	return true, e.llamaModel(list)
}

// refusePre: SentencePiece has no pre-tokenizer.
func (e *export) refusePre(file string) error {
	if e.pre != "" {
		return fault.New(fault.Usage, file, "--pre %s does not apply: this tokenizer is SentencePiece, only byte-level BPE has a pre-tokenizer", e.pre)
	}
	return nil
}

// llamaModel writes a list with scores: model "llama".
func (e *export) llamaModel(list *tokenList) error {
	e.vocabulary("llama", "default", list)
	j, err := e.json()
	if err != nil {
		return err
	}
	s, err := e.specials(j, usualRoles, int64(len(list.texts)))
	if err != nil {
		return err
	}
	return s.write(e, nil)
}

// pieces lays the model's pieces over the padding; those beyond vocab_size are dropped.
func (e *export) pieces(f *spFile) (*tokenList, error) {
	seen := make(map[string]int, len(f.pieces))
	for id, p := range f.pieces {
		if first, dup := seen[p.text]; dup {
			return nil, fault.New(fault.Malformed, f.name, "pieces %d and %d are both %q", first, id, p.text)
		}
		seen[p.text] = id
	}
	n := int64(len(f.pieces))
	v := e.cfg.Get("vocab_size_per_layer_input")
	if v.Kind == 0 {
		if size, ok, err := e.vocabSize(); err != nil {
			return nil, err
		} else if ok {
			n = size
		}
	} else if size, ok := v.Int64(); !ok || size < 1 || size > MaxTokens {
		return nil, fault.New(fault.Malformed, configName, "vocab_size_per_layer_input is %s, expected an integer from 1 to %d", describe(v), MaxTokens)
	} else {
		n = size
	}
	list := newTokenList(n)
	list.scores = make([]float32, n)
	for i := range list.scores {
		list.scores[i] = -10000
	}
	for id, p := range f.pieces[:min(int64(len(f.pieces)), n)] {
		kind := p.kind
		if kind == kindUserDefined { // the reference does not ask for this type
			kind = kindNormal
		}
		list.texts[id], list.scores[id], list.types[id] = p.text, p.score, kind
	}
	return list, nil
}

// addedPieces lays added_tokens.json over the list.
func (e *export) addedPieces(list *tokenList) error {
	more, err := readObject(e.src, addedName)
	if err != nil {
		return err
	}
	for _, m := range more.Pairs {
		id, ok := m.Value.Int64()
		if !ok || id < 0 {
			return fault.New(fault.Malformed, addedName, "token %q has the id %s, expected an integer from 0", m.Name, describe(m.Value))
		}
		if id < int64(len(list.texts)) {
			list.texts[id], list.scores[id], list.types[id] = m.Name, addedScore, kindUserDefined
		}
	}
	return nil
}

// describedPieces lays added_tokens_decoder of tokenizer_config.json over the list.
func (e *export) describedPieces(list *tokenList) error {
	described := e.settings.Get("added_tokens_decoder")
	if described.Kind != 0 && described.Kind != strictjson.Object {
		return fault.New(fault.Malformed, settingsName, "added_tokens_decoder is %v, expected an object", described.Kind)
	}
	for _, m := range described.Pairs {
		id, err := strconv.ParseInt(m.Name, 10, 64)
		if err != nil || id < 0 {
			return fault.New(fault.Malformed, settingsName, "added_tokens_decoder has the id %q, expected an integer from 0", m.Name)
		}
		text, ok := m.Value.Get("content").Str()
		if !ok {
			return fault.New(fault.Malformed, settingsName, "added_tokens_decoder: token %d has no content", id)
		}
		if id >= int64(len(list.texts)) {
			continue
		}
		kind := int32(kindControl)
		if !truthy(m.Value.Get("special")) && !looksSpecial(text) {
			kind = kindUserDefined
			text = strings.ReplaceAll(text, "\u2581", " ")
		}
		list.texts[id], list.scores[id], list.types[id] = text, addedScore, kind
	}
	return nil
}

// isLlamaJSON tells a Llama vocabulary in tokenizer.json, as SentencePiece models are converted to,
// from a byte-level one.
func isLlamaJSON(j *jsonFile) bool {
	kind, _ := j.decoder.Get("type").Str()
	return j.kind == "BPE" && flag(j.model, "byte_fallback", false) && kind == "Sequence"
}

// llamaJSON writes such a vocabulary. It has no scores, and is not padded to vocab_size.
func (e *export) llamaJSON(j *jsonFile) error {
	if err := e.refusePre(j.name); err != nil {
		return err
	}
	a, err := e.newAuto(j)
	if err != nil {
		return err
	}
	base := int32(len(j.vocab.ids))
	role := map[string]bool{}
	for _, t := range a.special {
		role[t.content] = true
	}
	list := &tokenList{}
	put := func(text string, kind int32) {
		list.texts, list.types, list.scores = append(list.texts, text), append(list.types, kind), append(list.scores, addedScore)
	}
	for id := range base {
		if !j.vocab.has(id) {
			return fault.New(fault.Malformed, j.name, "%d tokens have no id %d: the vocabulary has a hole", base, id)
		}
		text, kind := j.vocab.texts[id], int32(kindNormal)
		if _, ok := hexByte(text); ok {
			kind = kindByte
		} else if role[text] {
			kind = kindControl
		}
		put(text, kind)
	}
	var beyond []int32
	for id := range a.added {
		if id >= base {
			beyond = append(beyond, id)
		}
	}
	slices.Sort(beyond)
	for _, id := range beyond {
		kind := int32(kindUserDefined)
		if role[a.added[id].content] {
			kind = kindControl
		}
		put(a.added[id].content, kind)
	}
	return e.llamaModel(list)
}
