package tokenizer

import (
	"strconv"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/formats/hf"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

// ExportOptions say how a checkpoint's tokenizer becomes tokenizer.* keys.
type ExportOptions struct {
	Family string // which of the reference's rules apply: qwen2, llama, deepseek2, hunyuan-moe, hunyuan-dense
	Pre    string // tokenizer.ggml.pre of a byte-level BPE, instead of the detected one; "" detects
}

// Export gives every tokenizer.* key in the order and with the types that the reference converter
// writes. cfg is config.json with the keys of the text model on top.
//
// Faults: Malformed and Mismatch for files that are broken or contradict each other, Limit, IO,
// Unsupported for a tokenizer that qconv cannot express, Usage for options that do not apply.
func Export(src hf.Source, cfg strictjson.Value, o ExportOptions) ([]gguf.KV, error) {
	if o.Pre != "" && !knownPre(o.Pre) {
		return nil, fault.New(fault.Usage, "", "unknown pre-tokenizer %q; llama.cpp loads only models whose tokenizer.ggml.pre it knows, such as qwen2, llama-bpe, deepseek-v3 or gpt-2", o.Pre)
	}
	root, err := readObject(src, configName)
	if err != nil {
		return nil, err
	}
	e := &export{src: src, cfg: cfg, root: root, pre: o.Pre, family: o.Family}
	if e.settings, err = readObject(src, settingsName); err != nil {
		return nil, err
	}
	switch o.Family {
	case "qwen2":
		err = e.qwen2()
	case "llama":
		err = e.llama()
	case "deepseek2":
		err = e.deepseek2()
	case "hunyuan-moe":
		err = e.hunyuanMoE()
	case "hunyuan-dense":
		err = e.hunyuanDense()
	default:
		err = fault.New(fault.Usage, "", "unknown tokenizer family %q", o.Family)
	}
	if err != nil {
		return nil, err
	}
	return e.kvs, nil
}

const (
	configName     = "config.json"
	settingsName   = "tokenizer_config.json"
	generationName = "generation_config.json"
	maxDepth       = 128
)

// Keys that more than one step writes.
const (
	keyModel      = "tokenizer.ggml.model"
	keyPre        = "tokenizer.ggml.pre"
	keyTokens     = "tokenizer.ggml.tokens"
	keyScores     = "tokenizer.ggml.scores"
	keyTypes      = "tokenizer.ggml.token_type"
	keyMerges     = "tokenizer.ggml.merges"
	keyBOS        = "tokenizer.ggml.bos_token_id"
	keyEOS        = "tokenizer.ggml.eos_token_id"
	keyEOT        = "tokenizer.ggml.eot_token_id"
	keyAddBOS     = "tokenizer.ggml.add_bos_token"
	keyAddSpace   = "tokenizer.ggml.add_space_prefix"
	keyTemplate   = "tokenizer.chat_template"
	keyTemplates  = "tokenizer.chat_templates"
	keyLowercase  = "tokenizer.ggml.normalizer.lowercase"
	keyStripMarks = "tokenizer.ggml.normalizer.strip_accents"
)

// export collects keys.
type export struct {
	src      hf.Source
	cfg      strictjson.Value // config.json, text model on top
	root     strictjson.Value // config.json as it stands; absent when there is none
	settings strictjson.Value // tokenizer_config.json; absent when there is none
	pre      string           // what the caller wants
	family   string
	kvs      []gguf.KV

	whole  *jsonFile // tokenizer.json, read once
	looked bool
}

// json reads tokenizer.json; nil when there is none.
func (e *export) json() (*jsonFile, error) {
	if e.looked {
		return e.whole, nil
	}
	var err error
	if e.whole, err = readJSON(e.src); err == nil {
		e.looked = true
	}
	return e.whole, err
}

// set writes a key. As in the reference, a key written again keeps its place, and empty strings and
// arrays are not written.
func (e *export) set(key string, value any) {
	switch v := value.(type) {
	case string:
		if v == "" {
			return
		}
	case []string:
		if len(v) == 0 {
			return
		}
	case []int32:
		if len(v) == 0 {
			return
		}
	case []float32:
		if len(v) == 0 {
			return
		}
	}
	for i := range e.kvs {
		if e.kvs[i].Key == key {
			e.kvs[i].Value = value
			return
		}
	}
	e.kvs = append(e.kvs, gguf.KV{Key: key, Value: value})
}

// setID writes a token id.
func (e *export) setID(key string, id int64) error {
	if id < 0 || id > 1<<32-1 {
		return fault.New(fault.Malformed, "", "%s would be %d, expected a token id", key, id)
	}
	e.set(key, uint32(id))
	return nil
}

// vocabulary writes the keys that every family has, in their order.
func (e *export) vocabulary(model, pre string, t *tokenList) {
	e.set(keyModel, model)
	e.set(keyPre, pre)
	e.set(keyTokens, t.texts)
	if t.scores != nil {
		e.set(keyScores, t.scores)
	}
	e.set(keyTypes, t.types)
}

// tokenList is what becomes tokens, scores and token_type, by id.
type tokenList struct {
	texts  []string
	types  []int32
	scores []float32 // nil for byte-level BPE
}

// newTokenList makes n tokens that are all padding: embeddings may have more rows than the tokenizer
// has tokens, and llama.cpp wants a text for each.
func newTokenList(n int64) *tokenList {
	t := &tokenList{texts: make([]string, n), types: make([]int32, n)}
	for i := range t.texts {
		t.texts[i] = "[PAD" + strconv.Itoa(i) + "]"
		t.types[i] = kindUnused
	}
	return t
}

// vocabDefaults is vocab_size of the configuration classes of transformers 4.57.6: the reference
// loads config.json through them, so a file without vocab_size has these.
var vocabDefaults = map[string]int64{
	"qwen2": 151936, "llama": 32000, "mistral": 32000, "mixtral": 32000, "deepseek_v2": 32000, "deepseek_v3": 129280,
	"hunyuan_v1_dense": 290943, "hunyuan_v1_moe": 290943,
}

// vocabSize is how many tokens the model has; ok is false when config.json does not say.
func (e *export) vocabSize() (n int64, ok bool, err error) {
	v := e.cfg.Get("vocab_size")
	if v.Kind == 0 {
		kind, _ := e.cfg.Get("model_type").Str()
		n, ok = vocabDefaults[kind]
		return n, ok, nil
	}
	if n, ok = v.Int64(); !ok || n < 1 {
		return 0, false, fault.New(fault.Malformed, configName, "vocab_size is %s, expected a positive integer", describe(v))
	}
	if n > MaxTokens {
		return 0, false, fault.New(fault.Limit, configName, "vocab_size is %d, the limit is %d", n, MaxTokens)
	}
	return n, true, nil
}

// describe shows a JSON value in a message.
func describe(v strictjson.Value) string {
	switch v.Kind {
	case strictjson.Number, strictjson.Bool:
		return v.Text
	case strictjson.String:
		return strconv.Quote(v.Text)
	}
	return v.Kind.String()
}

// readObject reads a JSON file that holds an object; the absent Value when there is none.
func readObject(src hf.Source, name string) (strictjson.Value, error) {
	doc, found, err := hf.ReadFile(src, name, hf.ConfigLimit)
	if err != nil || !found {
		return strictjson.Value{}, err
	}
	v, err := strictjson.Parse(doc, maxDepth)
	if err != nil {
		return strictjson.Value{}, badJSON(name, err)
	}
	if v.Kind != strictjson.Object {
		return strictjson.Value{}, fault.New(fault.Malformed, name, "holds %v, expected an object", v.Kind)
	}
	return v, nil
}

// exists tells whether the checkpoint has a file.
func exists(src hf.Source, name string) (bool, error) {
	names, err := src.List()
	if err != nil {
		return false, err
	}
	for _, n := range names {
		if n == name {
			return true, nil
		}
	}
	return false, nil
}

// truthy is how Python reads a JSON value as a condition.
func truthy(v strictjson.Value) bool {
	switch v.Kind {
	case strictjson.Bool:
		return v.Text == "true"
	case strictjson.Number:
		f, ok := v.Float64()
		return !ok || f != 0 // NaN and Infinity are true
	case strictjson.String:
		return v.Text != ""
	case strictjson.Array:
		return len(v.Items) > 0
	case strictjson.Object:
		return len(v.Pairs) > 0
	}
	return false
}
