package tokenizer

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
)

// preTokenizer is what tokenizer.ggml.pre stands for.
type preTokenizer struct {
	patterns     []string // applied one after the other
	ignoreMerges bool
	addBOS       bool // unless tokenizer.ggml.add_bos_token says otherwise
	noBOS        bool // there is none unless a key names one
}

// ggufPre gives the pre-tokenizer of a name. The patterns are those of the tokenizers that the names
// were made for: where llama.cpp's engine collapses all letters of a kind (Lu, Ll, Lt ...) into one,
// the tokenizer's own pattern is followed. ok is false for names that are not known here.
func ggufPre(name string) (p preTokenizer, ok bool) {
	switch name {
	case "llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano":
		return preTokenizer{patterns: []string{llama3Text}, ignoreMerges: true, addBOS: true}, true
	case "dbrx", "smaug-bpe":
		return preTokenizer{patterns: []string{llama3Text}}, true
	case "glm4", "chatglm-bpe":
		return preTokenizer{patterns: []string{llama3Text}, noBOS: true}, true
	case "qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "megrez", "stablelm2", "hunyuan", "solar-open", "grok-2",
		"bailingmoe", "bailingmoe2", "llada-moe":
		return preTokenizer{patterns: []string{qwen2Text}}, true
	case "qwen35":
		return preTokenizer{patterns: []string{qwen35Text}}, true
	case "deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4":
		return preTokenizer{patterns: []string{`\p{N}{1,3}`, kanaText, deepSeek3Text}}, true
	case "spark2_5":
		return preTokenizer{patterns: []string{`\p{N}{1,3}`, kanaText, spark25Text, `\p{N}`}}, true
	case "deepseek-llm":
		// Digits one by one, as the tokenizer has them; the reference's pattern takes them together, and no
		// token of that vocabulary holds two, so the ids are the same.
		return preTokenizer{patterns: []string{`[\r\n]`, `\s?[` + deepLettersText + `]+`, `\s?[` + deepMarksText + `]+`, `\s+$`, asianText, `\p{N}`}}, true
	case "deepseek-coder":
		return preTokenizer{patterns: []string{`[\r\n]`, `\s?\p{L}+`, `\s?\p{P}+`, asianText, `\p{N}`}}, true
	case "gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2":
		return preTokenizer{patterns: []string{o200kText}}, true
	case "tekken":
		return preTokenizer{patterns: []string{tekkenText}, ignoreMerges: true, addBOS: true}, true
	case "gpt-2", "phi-2", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de", "gigachat", "a.x-4.0", "mellum", "modern-bert", "exaone4",
		"jina-v1-en", "jina-v2-code", "roberta-bpe", "mpt", "olmo", "jais", "trillion", "granite-docling":
		return preTokenizer{patterns: []string{gpt2Text}}, true
	case "starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b", "mellum2":
		return preTokenizer{patterns: []string{`\p{N}`, gpt2Text}}, true
	case "falcon":
		return preTokenizer{patterns: []string{falconText, gpt2Text, `[0-9][0-9][0-9]`}}, true
	case "poro-chat", "bloom", "gpt3-finnish":
		return preTokenizer{patterns: []string{sentenceText}}, true
	case "viking":
		return preTokenizer{patterns: []string{sentenceText, `\p{N}`}}, true
	case "seed-coder":
		return preTokenizer{patterns: []string{seedCoderText}}, true
	case "ufakzeka":
		return preTokenizer{patterns: []string{ufakzekaText}}, true
	case "laguna":
		return preTokenizer{patterns: []string{`[^\n]+|[\n]+`, qwen2Text}}, true
	case "minicpm5":
		return preTokenizer{patterns: []string{`\p{N}{1,3}`, miniCPM5Text}, ignoreMerges: true}, true
	case "default":
		return preTokenizer{patterns: []string{falcon0Text, gpt2Text, `\p{N}+`, `[0-9][0-9][0-9]`}}, true
	}
	return preTokenizer{}, false
}

// ggufVocab is tokenizer.ggml.tokens with what belongs to each.
type ggufVocab struct {
	texts  []string
	kinds  []int32
	scores []float32
	ids    map[string]int32
}

// FromGGUF makes the tokenizer that tokenizer.ggml.* of a GGUF file describes, with llama.cpp's
// meaning of the keys. Models gpt2 (byte-level BPE) and llama (SentencePiece BPE) are known; other
// models and pre-tokenizers are faults of kind Unsupported. A missing tokenizer.ggml.pre is the
// default one.
func FromGGUF(f *gguf.File) (*Tokenizer, error) {
	kind, ok := gguf.Value[string](f, "tokenizer.ggml.model")
	if !ok {
		return nil, fault.New(fault.Malformed, f.Name, "key tokenizer.ggml.model is missing, or no string: the file has no tokenizer")
	}
	v, err := newGGUFVocab(f)
	if err != nil {
		return nil, err
	}
	t := &Tokenizer{file: f.Name, partition: true, pieces: v.texts}
	t.known = make([]bool, len(v.texts))
	for i := range t.known {
		t.known[i] = true
	}
	bos, eos := int64(11), int64(11) // GPT-2's, for want of keys
	addBOS, addEOS := false, false
	switch kind {
	case "gpt2":
		name, _ := gguf.Value[string](f, "tokenizer.ggml.pre")
		if name == "" {
			name = "default"
		}
		p, ok := ggufPre(name)
		if !ok {
			return nil, fault.New(fault.Unsupported, f.Name, "tokenizer.ggml.pre is %q, which is not known", name)
		}
		addBOS = p.addBOS
		if p.noBOS {
			bos = -1
		}
		for _, text := range p.patterns {
			t.splitters = append(t.splitters, at(known(text), isolated, false))
		}
		t.cacheable = true
		if t.model, err = newGGUFBPE(f, v, p.ignoreMerges); err != nil {
			return nil, err
		}
	case "llama":
		bos, eos, addBOS = 1, 2, true
		t.prefix = true
		if prefix, ok := gguf.Value[bool](f, "tokenizer.ggml.add_space_prefix"); ok {
			t.prefix = prefix
		}
		t.splitters = []splitter{func(dst []string, s string, _ bool) ([]string, bool) {
			return append(dst, strings.ReplaceAll(s, " ", blankMark)), true
		}}
		m := newGGUFSPM(f, v)
		if t.model = m; m.words() {
			t.splitters = append(t.splitters, beforeBlanks)
			t.cacheable = true
		}
	default:
		return nil, fault.New(fault.Unsupported, f.Name, "tokenizer.ggml.model is %q, only gpt2 and llama are known", kind)
	}
	if t.before, err = v.around(f, "bos", bos, addBOS); err != nil {
		return nil, err
	}
	if t.after, err = v.around(f, "eos", eos, addEOS); err != nil {
		return nil, err
	}
	if t.raw, err = newLexicon(v.partitioned(f), f.Name); err != nil {
		return nil, err
	}
	t.ends = v.endTokens(f, eos)
	t.decode = decodeKinds(v.kinds, kind == "gpt2", t.prefix)
	return t, nil
}

func newGGUFVocab(f *gguf.File) (*ggufVocab, error) {
	texts, ok := gguf.Value[[]string](f, "tokenizer.ggml.tokens")
	if !ok || len(texts) == 0 {
		return nil, fault.New(fault.Malformed, f.Name, "key tokenizer.ggml.tokens is missing, empty, or no list of strings")
	}
	if len(texts) > MaxTokens {
		return nil, fault.New(fault.Limit, f.Name, "tokenizer.ggml.tokens holds %d tokens, the limit is %d", len(texts), MaxTokens)
	}
	v := &ggufVocab{texts: append([]string(nil), texts...), ids: make(map[string]int32, len(texts))}
	for i, text := range v.texts {
		if text == "" { // as the reference does
			text = "[EMPTY_" + strconv.Itoa(i) + "]"
			v.texts[i] = text
		}
		if other, dup := v.ids[text]; dup {
			return nil, fault.New(fault.Malformed, f.Name, "tokens %d and %d are both %q", other, i, text)
		}
		v.ids[text] = int32(i)
	}
	if v.kinds, ok = gguf.Value[[]int32](f, "tokenizer.ggml.token_type"); !ok {
		if _, there := f.Get("tokenizer.ggml.token_type"); there {
			return nil, fault.New(fault.Malformed, f.Name, "tokenizer.ggml.token_type is no list of i32")
		}
		v.kinds = make([]int32, len(texts))
		for i := range v.kinds {
			v.kinds[i] = kindNormal
		}
	}
	if v.scores, ok = gguf.Value[[]float32](f, "tokenizer.ggml.scores"); !ok {
		if _, there := f.Get("tokenizer.ggml.scores"); there {
			return nil, fault.New(fault.Malformed, f.Name, "tokenizer.ggml.scores is no list of f32")
		}
		v.scores = make([]float32, len(texts))
	}
	if len(v.kinds) < len(texts) || len(v.scores) < len(texts) {
		return nil, fault.New(fault.Malformed, f.Name, "%d tokens have %d types and %d scores", len(texts), len(v.kinds), len(v.scores))
	}
	v.kinds, v.scores = append([]int32(nil), v.kinds[:len(texts)]...), v.scores[:len(texts)]
	for i, s := range v.scores {
		if s != s {
			return nil, fault.New(fault.Malformed, f.Name, "token %d has the score NaN", i)
		}
	}
	return v, nil
}

// around gives the ids that stand before (bos) or behind (eos) a text.
func (v *ggufVocab) around(f *gguf.File, name string, id int64, add bool) ([]int32, error) {
	if n, ok := gguf.Value[uint32](f, "tokenizer.ggml."+name+"_token_id"); ok && int64(n) < int64(len(v.texts)) {
		id = int64(n)
	}
	if b, ok := gguf.Value[bool](f, "tokenizer.ggml.add_"+name+"_token"); ok {
		add = b
	}
	if !add {
		return nil, nil
	}
	if id < 0 || id >= int64(len(v.texts)) {
		return nil, fault.New(fault.Malformed, f.Name, "tokenizer.ggml.add_%s_token is set, but there is no such token", name)
	}
	return []int32{int32(id)}, nil
}

// newGGUFBPE makes the model. Merges may name texts that are no tokens: these get ids behind the
// vocabulary, and are written byte by byte.
func newGGUFBPE(f *gguf.File, v *ggufVocab, ignoreMerges bool) (*bpe, error) {
	list, ok := gguf.Value[[]string](f, "tokenizer.ggml.merges")
	if !ok {
		return nil, fault.New(fault.Malformed, f.Name, "key tokenizer.ggml.merges is missing, or no list of strings")
	}
	if len(list) > MaxMerges {
		return nil, fault.New(fault.Limit, f.Name, "tokenizer.ggml.merges holds %d merges, the limit is %d", len(list), MaxMerges)
	}
	m := &bpe{ids: v.ids, bytes: true, ignoreMerges: ignoreMerges, unk: -1, tokens: int32(len(v.texts)), merges: make(mergeTable, len(list))}
	intern := func(text string) int32 {
		id, ok := m.ids[text]
		if !ok {
			id = int32(len(m.ids))
			m.ids[text] = id
		}
		return id
	}
	for rank, text := range list {
		// The space is looked for behind the first byte, which may be a space itself.
		if len(text) < 2 {
			continue
		}
		k := strings.IndexByte(text[1:], ' ')
		if k < 0 {
			continue
		}
		left, right := text[:k+1], text[k+2:]
		if right == "" || !utf8.ValidString(text) {
			continue
		}
		key := pairKey(intern(left), intern(right))
		if _, dup := m.merges[key]; !dup {
			m.merges[key] = merged{int32(rank), intern(left + right)}
		}
	}
	return m, nil
}

// newGGUFSPM makes the model. Unlike SentencePiece, the reference lets merging make any token, also
// control and unused ones.
func newGGUFSPM(f *gguf.File, v *ggufVocab) *spm {
	m := &spm{ids: v.ids, order: orderOf(v.scores), fallback: byteTokens(v.ids), unk: 0, keepUnk: true}
	if n, ok := gguf.Value[uint32](f, "tokenizer.ggml.unknown_token_id"); ok && int64(n) < int64(len(v.texts)) {
		m.unk = int32(n)
	}
	for b := range m.fallback {
		if m.fallback[b] < 0 {
			if id, ok := v.ids[string([]byte{byte(b)})]; ok {
				m.fallback[b] = id
			}
		}
	}
	return m
}
