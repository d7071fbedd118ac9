package tokenizer

import (
	"unicode/utf8"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/hf"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

// Load makes the tokenizer of a checkpoint from tokenizer.json, else tokenizer.model (SentencePiece),
// else Hunyuan's hy.tiktoken. cfg is config.json. Faults are Malformed, Mismatch, Limit, IO, or
// Unsupported for a tokenizer that qconv does not know.
func Load(src hf.Source, cfg strictjson.Value) (*Tokenizer, error) {
	j, err := readJSON(src)
	if err != nil {
		return nil, err
	}
	if j != nil {
		t, err := newJSON(j)
		if err == nil {
			err = t.classAround(src, j)
		}
		if err != nil {
			return nil, err
		}
		return t, nil
	}
	sp, err := readSP(src)
	if err != nil {
		return nil, err
	}
	if sp != nil {
		bos, eos, err := wantedAround(src)
		if err != nil {
			return nil, err
		}
		return newSP(sp, bos, eos)
	}
	r, err := readRanks(src, cfg)
	if err != nil {
		return nil, err
	}
	if r != nil {
		return newRanks(r)
	}
	return nil, fault.New(fault.Unsupported, src.Name(), "holds no tokenizer.json, no tokenizer.model and no hy.tiktoken")
}

// newJSON makes a tokenizer that gives the ids of Hugging Face's tokenizers.
func newJSON(f *jsonFile) (*Tokenizer, error) {
	if f.kind != "BPE" {
		return nil, fault.New(fault.Unsupported, f.name, "model type %q is not known, only BPE is", f.kind)
	}
	m, err := newBPE(f)
	if err != nil {
		return nil, err
	}
	t := &Tokenizer{file: f.name, model: m, cacheable: true, pieces: f.vocab.texts}
	t.known = make([]bool, len(t.pieces))
	for id := range t.known {
		t.known[id] = f.vocab.has(int32(id))
	}
	if t.normalize, err = newNormalizer(f.normalizer, f.name); err != nil {
		return nil, err
	}
	if err := t.addTokens(f); err != nil {
		return nil, err
	}
	if t.splitters, m.bytes, err = newSplitters(f.preTokenizer, f.name, true); err != nil {
		return nil, err
	}
	if len(t.splitters) == 0 && m.words(f.merges) {
		t.splitters = []splitter{beforeBlanks}
	}
	if t.before, t.after, err = newTemplate(f.postProcessor, f.name); err != nil {
		return nil, err
	}
	for _, id := range append(t.before[:len(t.before):len(t.before)], t.after...) {
		if int(id) >= len(t.pieces) || !t.known[id] {
			return nil, fault.New(fault.Malformed, f.name, "post_processor adds id %d, which is no token", id)
		}
	}
	d, err := newDecoder(f.decoder, f.name)
	t.decode = chain(d)
	return t, err
}

// addTokens gives added tokens their ids as the library does: that of the vocabulary, whatever the file
// says, else the next one. A file that gives a new token another id contradicts itself.
func (t *Tokenizer) addTokens(f *jsonFile) error {
	size := int32(len(f.vocab.ids))
	top := int32(-1)
	given := map[string]int32{}
	var raw, normalized []addedToken
	last := map[string]int{} // content to its place in f.added: the last one counts
	for i, a := range f.added {
		last[a.content] = i
	}
	for i, a := range f.added {
		if a.content == "" {
			continue
		}
		id, ok := given[a.content]
		if !ok {
			id, ok = f.vocab.ids[a.content]
		}
		if !ok {
			id = size
			if top >= size {
				id = top + 1
			}
		}
		if _, own := f.vocab.ids[a.content]; id != a.id && !own {
			return fault.New(fault.Mismatch, f.name, "added token %q has id %d, but Hugging Face's tokenizers would give it %d", a.content, a.id, id)
		}
		given[a.content], a.id = id, id
		top = max(top, id)
		for int(id) >= len(t.pieces) {
			t.pieces, t.known = append(t.pieces, ""), append(t.known, false)
		}
		t.pieces[id], t.known[id] = a.content, true
		if last[a.content] != i {
			continue
		}
		if !a.normalized {
			raw = append(raw, a)
			continue
		}
		if t.normalize != nil {
			a.content = t.normalize(a.content)
		}
		normalized = append(normalized, a)
	}
	var err error
	if t.raw, err = newLexicon(raw, f.name); err == nil {
		t.folded, err = newLexicon(normalized, f.name)
	}
	return err
}

// newSplitters makes the pre-tokenizer of tokenizer.json. outer is set for the outermost one: a
// ByteLevel at its end leaves the alphabet to the model, which is what bytes tells.
func newSplitters(v strictjson.Value, file string, outer bool) (list []splitter, bytes bool, err error) {
	if !v.Present() {
		return nil, false, nil
	}
	switch kind, _ := v.Get("type").Str(); kind {
	case "Sequence":
		items := v.Get("pretokenizers").Items
		for i, item := range items {
			more, b, err := newSplitters(item, file, outer && i == len(items)-1)
			if err != nil {
				return nil, false, err
			}
			list, bytes = append(list, more...), b
		}
		return list, bytes, nil
	case "ByteLevel":
		return []splitter{byteLevel(flag(v, "add_prefix_space", true), flag(v, "use_regex", true), !outer)}, outer, nil
	case "Split":
		s, err := newSplit(v, file)
		return []splitter{s}, false, err
	case "Digits":
		b := contiguous
		if flag(v, "individual_digits", false) {
			b = isolated
		}
		return []splitter{at(runes(isNumeric), b, false)}, false, nil
	case "Punctuation":
		name := text(v, "behavior", "Isolated")
		b, ok := behaviors[name]
		if !ok {
			return nil, false, fault.New(fault.Malformed, file, "behavior %q of pre-tokenizer Punctuation is not known", name)
		}
		return []splitter{at(runes(isPunctuation), b, false)}, false, nil
	case "Metaspace":
		replacement, scheme, split, err := metaspaceParts(v, file)
		if err != nil {
			return nil, false, err
		}
		return []splitter{metaspace(replacement, scheme, split)}, false, nil
	default:
		return nil, false, fault.New(fault.Unsupported, file, "pre-tokenizer %q is not known", kind)
	}
}

func newSplit(v strictjson.Value, file string) (splitter, error) {
	name := text(v, "behavior", "")
	b, ok := behaviors[name]
	if !ok {
		return nil, fault.New(fault.Malformed, file, "behavior %q of pre-tokenizer Split is not known", name)
	}
	invert := flag(v, "invert", false)
	if plain, ok := v.Get("pattern").Get("String").Str(); ok {
		if plain == "" {
			return nil, fault.New(fault.Unsupported, file, "splitting at the empty string is not known")
		}
		return at(literal(plain), b, invert), nil
	}
	pattern, ok := v.Get("pattern").Get("Regex").Str()
	if !ok {
		return nil, fault.New(fault.Malformed, file, "pre-tokenizer Split has no pattern")
	}
	find := known(pattern)
	if find == nil {
		return nil, fault.New(fault.Unsupported, file, "the pre-tokenizer's pattern %.200q is not known, and patterns from files are not compiled; converting works if you name the pre-tokenizer with --pre", pattern)
	}
	return at(find, b, invert), nil
}

// metaspaceParts reads a Metaspace, which pre-tokenizers and decoders have.
func metaspaceParts(v strictjson.Value, file string) (replacement, scheme string, split bool, err error) {
	replacement, scheme = text(v, "replacement", blankMark), text(v, "prepend_scheme", prependAlways)
	if !flag(v, "add_prefix_space", true) {
		scheme = prependNever
	}
	if utf8.RuneCountInString(replacement) != 1 || scheme != prependAlways && scheme != prependFirst && scheme != prependNever {
		return "", "", false, fault.New(fault.Malformed, file, "Metaspace has replacement %q and prepend_scheme %q, expected a character, and always, first or never", replacement, scheme)
	}
	return replacement, scheme, flag(v, "split", true), nil
}

// newTemplate gives the ids that the post-processor of tokenizer.json puts around a text.
func newTemplate(v strictjson.Value, file string) (before, after []int32, err error) {
	if !v.Present() {
		return nil, nil, nil
	}
	switch kind, _ := v.Get("type").Str(); kind {
	case "ByteLevel": // changes offsets only
		return nil, nil, nil
	case "Sequence":
		for _, item := range v.Get("processors").Items {
			b, a, err := newTemplate(item, file)
			if err != nil {
				return nil, nil, err
			}
			before, after = append(b, before...), append(after, a...)
		}
		return before, after, nil
	case "TemplateProcessing":
		texts := 0
		for _, item := range v.Get("single").Items {
			if item.Get("Sequence").Present() {
				texts++
				continue
			}
			name := text(item.Get("SpecialToken"), "id", "")
			for _, n := range v.Get("special_tokens").Get(name).Get("ids").Items {
				id, ok := count(n)
				if !ok || id >= MaxTokens {
					return nil, nil, fault.New(fault.Malformed, file, "special token %q of the post-processor has the id %s", name, n.Text)
				}
				if texts == 0 {
					before = append(before, int32(id))
				} else {
					after = append(after, int32(id))
				}
			}
		}
		if texts != 1 {
			return nil, nil, fault.New(fault.Unsupported, file, "the post-processor's template has %d texts, expected one", texts)
		}
		return before, after, nil
	default:
		return nil, nil, fault.New(fault.Unsupported, file, "post-processor %q is not known", kind)
	}
}
