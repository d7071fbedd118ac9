package tokenizer

import (
	"maps"
	"slices"
	"strings"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

// preNames are the values of tokenizer.ggml.pre that llama.cpp v0.5.0 loads for byte-level BPE.
var preNames = strings.Fields(`
	a.x-4.0 afmoe bailingmoe bailingmoe2 bloom chameleon chatglm-bpe codeshell cohere2moe command-r dbrx deepseek-coder
	deepseek-llm deepseek-r1-qwen deepseek-v3 default exaone exaone-moe exaone4 f2llmv2 falcon falcon-h1 falcon3 gemma4
	gigachat glm4 gpt-2 gpt-4o gpt3-finnish granite-docling granite-embed-multi-311m granite-embed-multi-97m grok-2
	hunyuan hunyuan-dense hy_v4 jais jais-2 jina-de jina-es jina-v1-en jina-v2-code jina-v2-de jina-v2-es jina-v5-nano
	joyai-llm kanana2 kimi-k2 kormo laguna lfm2 llada-moe llama-bpe llama-v3 llama3 llama4 megrez mellum mellum2 midm-2.0
	minerva-7b minicpm5 minimax-m2 modern-bert mpt olmo phi-2 pixtral poro-chat qwen2 qwen35 refact roberta-bpe sarvam-moe
	seed-coder smaug-bpe smollm solar-open spark2_5 stablelm2 starcoder superbpe talkie tekken tiny_aya trillion ufakzeka
	viking whitespace youtu`)

func knownPre(name string) bool { return slices.Contains(preNames, name) }

// structure is how a tokenizer.json cuts a text: a known list of parts, and what llama.cpp calls it.
//
// Many names stand for one structure, since llama.cpp names the model that a tokenizer was first
// seen with. name is the one to use for a model that was not seen; also are others which are known
// to come from this structure too, and which only a hash can tell.
type structure struct {
	name   string
	parts  []string
	direct bool // model.ignore_merges: a whole piece in the vocabulary is a token; llama.cpp ties it to the name
	either bool // direct does not matter
	also   []string
}

// Parts as partsOf writes them.
const (
	bytesPart  = "bytes"
	gpt2Part   = "bytes after gpt2"
	digitsPart = "digits"
	splitPart  = "split "
)

var deepSeekLetters = splitPart + `\s?[` + deepLettersText + `]+`

// structures are the known ones. Normalization is no part: llama.cpp does none, and the reference
// gives qwen2 to a tokenizer with NFC all the same. Normalizers that do more than NFC are unknown.
var structures = []structure{
	{name: "qwen2", parts: []string{splitPart + qwen2Text, bytesPart}, also: []string{"deepseek-r1-qwen"}},
	{name: "qwen35", parts: []string{splitPart + qwen35Text, bytesPart}},
	{name: "llama-bpe", parts: []string{splitPart + llama3Text, bytesPart}, direct: true},
	{name: "dbrx", parts: []string{splitPart + llama3Text, bytesPart}, also: []string{"smaug-bpe"}},
	{name: "deepseek-v3", parts: []string{splitPart + `\p{N}{1,3}`, splitPart + kanaText, splitPart + deepSeek3Text, bytesPart}, also: []string{"hunyuan-dense", "hy_v4", "joyai-llm"}},
	{name: "deepseek-llm", parts: []string{splitPart + `[\r\n]`, deepSeekLetters, splitPart + `\s?[` + deepMarksText + `]+`, splitPart + `\s+$`, splitPart + asianText, digitsPart, bytesPart}},
	{name: "deepseek-coder", parts: []string{splitPart + `[\r\n]`, splitPart + `\s?\p{L}+`, splitPart + `\s?\p{P}+`, splitPart + asianText, digitsPart, bytesPart}},
	{name: "gpt-2", parts: []string{gpt2Part}},
	{name: "starcoder", parts: []string{digitsPart, gpt2Part}},
	{name: "gpt-4o", parts: []string{splitPart + o200kText, bytesPart}, either: true},
	{name: "tekken", parts: []string{splitPart + tekkenText, bytesPart}, direct: true},
	{name: "minicpm5", parts: []string{splitPart + `\p{N}{1,3}`, splitPart + miniCPM5Text, bytesPart}, direct: true},
	{name: "seed-coder", parts: []string{splitPart + seedCoderText, bytesPart}},
	{name: "ufakzeka", parts: []string{splitPart + ufakzekaText, bytesPart}},
	{name: "bailingmoe", parts: []string{splitPart + bailingText, bytesPart}},
}

// certain are the names whose structure is known well enough that another structure with the same
// hash is a contradiction, not another model.
var certain = []string{"qwen2", "deepseek-r1-qwen", "llama-bpe", "deepseek-v3", "deepseek-llm", "deepseek-coder"}

// everything are patterns of which every character is in some match, so that cutting out what lies
// between matches gives the same pieces as keeping it.
var everything = []string{qwen2Text, qwen35Text, llama3Text, o200kText, o200k1Text, tekkenText, gpt2Text, ufakzekaText, bailingText}

// structureOf finds the structure of a tokenizer.json; nil when it is not known.
func structureOf(j *jsonFile) *structure {
	parts, ok := partsOf(j.preTokenizer, nil)
	if !ok || j.kind != "BPE" || !onlyNFC(j.normalizer) || flag(j.model, "byte_fallback", false) {
		return nil
	}
	direct := flag(j.model, "ignore_merges", false)
	for i := range structures {
		if s := &structures[i]; slices.Equal(s.parts, parts) && (s.either || s.direct == direct) {
			return s
		}
	}
	return nil
}

// partsOf lists the parts of a pre-tokenizer; ok is false when one is not known. A pattern is
// compared as text and never run.
func partsOf(v strictjson.Value, parts []string) (list []string, ok bool) {
	switch kind, _ := v.Get("type").Str(); kind {
	case "Sequence":
		ok = true
		for _, p := range v.Get("pretokenizers").Items {
			if parts, ok = partsOf(p, parts); !ok {
				return nil, false
			}
		}
		return parts, true
	case "Split":
		pattern, ok := v.Get("pattern").Get("Regex").Str()
		pattern = plainPattern(pattern)
		mode, invert := text(v, "behavior", ""), flag(v, "invert", false)
		keep := mode == "Isolated" && !invert
		if mode == "Removed" && invert {
			keep = slices.Contains(everything, pattern)
		}
		return append(parts, splitPart+pattern), ok && keep
	case "Digits":
		return append(parts, digitsPart), flag(v, "individual_digits", false)
	case "ByteLevel":
		part := bytesPart
		if flag(v, "use_regex", true) {
			part = gpt2Part
		}
		return append(parts, part), !flag(v, "add_prefix_space", true)
	}
	return nil, false
}

// onlyNFC is true for no normalizer, an empty sequence and NFC.
func onlyNFC(v strictjson.Value) bool {
	if !v.Present() {
		return true
	}
	switch kind, _ := v.Get("type").Str(); kind {
	case "NFC":
		return true
	case "Sequence":
		return !slices.ContainsFunc(v.Get("normalizers").Items, func(n strictjson.Value) bool { return !onlyNFC(n) })
	}
	return false
}

// detectPre names the pre-tokenizer: what the caller wants, else what the probe's hash says, else
// what the structure says.
func (e *export) detectPre(a *autoTokenizer) (string, error) {
	j := a.asLoaded()
	s := structureOf(j)
	hash, err := e.hash(a, j) // also when the name is given: it finds broken vocabularies
	if err != nil {
		return "", err
	}
	if e.pre != "" {
		return e.pre, nil
	}
	return choosePre(a.file.name, e.family, s, hash)
}

// choosePre decides. hash is "" when the tokenizer could not be run.
func choosePre(file, family string, s *structure, hash string) (string, error) {
	named := probeNames[hash]
	switch {
	case named == "" && s == nil:
		why := ""
		if hash != "" {
			why = "; the probe's hash " + hash + " is not published"
		}
		return "", fault.New(fault.Unsupported, file, "unknown pre-tokenizer: its parts and patterns are none of those that qconv knows%s; if you know what llama.cpp calls it, use --pre NAME", why)
	case named == "" && family == "hunyuan-dense" && slices.Contains(s.also, family):
		return family, nil
	case named == "":
		return s.name, nil
	case s != nil && s.name != named && !slices.Contains(s.also, named) && slices.Contains(certain, named):
		return "", fault.New(fault.Mismatch, file, "the pre-tokenizer has the parts of %s, but gives the ids of %s for the probe; use --pre NAME to decide", s.name, named)
	}
	return named, nil
}

// asLoaded is the file with the one change that transformers makes to the pre-tokenizer: a ByteLevel
// that stands alone puts a space before the text when tokenizer_config.json says so, not when it
// says so itself.
func (a *autoTokenizer) asLoaded() *jsonFile {
	j := *a.file
	if text(j.preTokenizer, "type", "") != "ByteLevel" {
		return &j
	}
	want := strictjson.Value{Kind: strictjson.Bool, Text: "false"}
	if truthy(a.settings.Get("add_prefix_space")) {
		want.Text = "true"
	}
	j.preTokenizer.Pairs = slices.Clone(j.preTokenizer.Pairs)
	for i, m := range j.preTokenizer.Pairs {
		if m.Name == "add_prefix_space" {
			j.preTokenizer.Pairs[i].Value = want
		}
	}
	return &j
}

// hash encodes the probe as the reference does; "" when the tokenizer is of a kind that cannot be run.
func (e *export) hash(a *autoTokenizer, j *jsonFile) (string, error) {
	// What goes around the text is the tokenizer class's business, and nothing is decoded.
	j.postProcessor, j.decoder, j.added = strictjson.Value{}, strictjson.Value{}, nil
	for _, id := range slices.Sorted(maps.Keys(a.added)) {
		j.added = append(j.added, a.added[id])
	}
	t, err := newJSON(j)
	if fault.KindOf(err) == fault.Unsupported {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	before, after := a.around()
	ids := append(before, t.Encode(probe, EncodeOptions{ParseSpecial: true})...)
	return probeHash(append(ids, after...)), nil
}

// ranksPre is detectPre for a tiktoken file, whose pattern is that of its tokenizer class.
func (e *export) ranksPre(f *rankFile) (string, error) {
	if e.pre != "" {
		return e.pre, nil
	}
	t, err := newRanks(f)
	if err != nil {
		return "", err
	}
	hash := probeHash(t.Encode(probe, EncodeOptions{ParseSpecial: true}))
	return choosePre(f.name, e.family, &structure{name: "hunyuan"}, hash)
}
