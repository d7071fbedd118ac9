package tokenizer

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/formats/hf"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

// memory is a checkpoint whose files are texts; a slash makes a folder.
type memory map[string]string

func (m memory) Name() string { return "model" }

func (m memory) List() ([]string, error) {
	var names []string
	for name := range m {
		if !strings.Contains(name, "/") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

func (m memory) Open(name string) (hf.Blob, error) {
	text, ok := m[name]
	if !ok {
		return nil, fault.New(fault.IO, name, "missing: %w", fs.ErrNotExist)
	}
	return &page{bytes.NewReader([]byte(text))}, nil
}

func (m memory) Sub(dir string) (hf.Source, bool, error) {
	sub := memory{}
	for name, text := range m {
		if d, base := path.Split(name); d == dir+"/" {
			sub[base] = text
		}
	}
	return sub, len(sub) > 0, nil
}

type page struct{ *bytes.Reader }

func (p *page) Close() error     { return nil }
func (p *page) Unchanged() error { return nil }

// but gives m with some files replaced, or removed where the text is "-".
func (m memory) but(files ...string) memory {
	out := maps.Clone(m)
	for i := 0; i < len(files); i += 2 {
		if out[files[i]] = files[i+1]; files[i+1] == "-" {
			delete(out, files[i])
		}
	}
	return out
}

func (m memory) export(o ExportOptions) ([]gguf.KV, error) {
	cfg, err := strictjson.Parse([]byte(m[configName]), maxDepth)
	if err != nil {
		return nil, fault.New(fault.Malformed, configName, "%w", err)
	}
	return Export(m, cfg, o)
}

func value(kvs []gguf.KV, key string) any {
	for _, kv := range kvs {
		if kv.Key == key {
			return kv.Value
		}
	}
	return nil
}

const qwen2Parts = `"normalizer": {"type": "NFC"}, "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}, "behavior": "Isolated", "invert": false},
	{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false}]}, "decoder": {"type": "ByteLevel"}`

func byteJSON(vocab, merges, added, parts string) string {
	return `{"model": {"type": "BPE", "vocab": ` + vocab + `, "merges": ` + merges + `}, "added_tokens": ` + added + `, ` + parts + `}`
}

func addedJSON(id int, content string) string {
	return fmt.Sprintf(`{"id": %d, "content": %q, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}`, id, content)
}

// tinyBPE is a byte-level BPE of three tokens with a padded vocabulary.
func tinyBPE() memory {
	return memory{
		configName:   `{"vocab_size": 5}`,
		settingsName: `{"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": "{{ 1 }}"}`,
		jsonName:     byteJSON(`{"a": 0, "b": 1, "ab": 2}`, `["a b"]`, `[`+addedJSON(3, "<e>")+`]`, qwen2Parts),
	}
}

var qwen = ExportOptions{Family: "qwen2"}

func TestSmallExport(t *testing.T) {
	kvs, err := tinyBPE().export(qwen)
	if err != nil {
		t.Fatal(err)
	}
	want := []gguf.KV{{Key: keyModel, Value: "gpt2"}, {Key: keyPre, Value: "qwen2"}, {Key: keyTokens, Value: []string{"a", "b", "ab", "<e>", "[PAD4]"}},
		{Key: keyTypes, Value: []int32{1, 1, 1, 3, 5}}, {Key: keyMerges, Value: []string{"a b"}}, {Key: keyTemplate, Value: "{{ 1 }}"}}
	if fmt.Sprint(kvs) != fmt.Sprint(want) {
		t.Errorf("found %v\nexpected %v", kvs, want)
	}
}

// TestB24Export: tokenizers that contradict themselves or config.json are refused; holes are padded.
func TestB24Export(t *testing.T) {
	vocab := func(v string) memory { return tinyBPE().but(jsonName, byteJSON(v, `[]`, `[]`, qwen2Parts)) }
	for _, c := range []struct {
		name string
		m    memory
		o    ExportOptions
		kind fault.Kind
		file string
		text string
	}{
		{"B24 two tokens with one id", vocab(`{"a": 0, "b": 0}`), qwen, fault.Malformed, jsonName, `"a" and "b" both have id 0`},
		{"B24 one token with two ids", vocab(`{"a": 0, "a": 1}`), qwen, fault.Malformed, jsonName, `"a" comes twice`},
		{"B24 id beyond vocab_size", vocab(`{"a": 0, "b": 5}`), qwen, fault.Mismatch, jsonName, "largest token id is 5, config.json has vocab_size 5"},
		{"B24 added id beyond vocab_size", tinyBPE().but(configName, `{"vocab_size": 3}`), qwen, fault.Mismatch, jsonName, "largest token id is 3, config.json has vocab_size 3"},
		{"B24 added id behind a hole", tinyBPE().but(jsonName, byteJSON(`{"a": 0}`, `[]`, `[`+addedJSON(3, "<e>")+`]`, qwen2Parts)), qwen, fault.Mismatch, jsonName, `"<e>" has id 3`},
		{"B24 role's token over a hole", vocab(`{"a": 0, "b": 2}`).but(settingsName, `{"eos_token": "<e>"}`), qwen, fault.Mismatch, jsonName, `"<e>" would get the id 2 of token "b"`},
		{"B24 negative id", vocab(`{"a": -1}`), qwen, fault.Malformed, jsonName, "-1"},
		{"B24 id of ten million", vocab(`{"a": 10000000}`), qwen, fault.Limit, jsonName, "10000000"},
		{"B24 vocab_size of ten million", tinyBPE().but(configName, `{"vocab_size": 10000000}`), qwen, fault.Limit, configName, "10000000"},
		{"B24 vocab_size of zero", tinyBPE().but(configName, `{"vocab_size": 0}`), qwen, fault.Malformed, configName, "vocab_size is 0"},
		{"B24 vocab_size a string", tinyBPE().but(configName, `{"vocab_size": "5"}`), qwen, fault.Malformed, configName, "vocab_size"},
		{"B24 merge of what is no token", tinyBPE().but(jsonName, byteJSON(`{"a": 0, "b": 1}`, `["a b"]`, `[]`, qwen2Parts)), qwen, fault.Malformed, jsonName, `"ab"`},
		{"B24 the same with a name given", tinyBPE().but(jsonName, byteJSON(`{"a": 0, "b": 1}`, `["a b"]`, `[]`, qwen2Parts)), ExportOptions{"qwen2", "qwen2"}, fault.Malformed, jsonName, `"ab"`},
		{"B24 negative special id", tinyBPE().but(configName, `{"vocab_size": 5, "bos_token_id": -1}`), qwen, fault.Malformed, configName, "bos_token_id is -1"},
		{"B24 special id of 2^32", tinyBPE().but(configName, `{"vocab_size": 5, "bos_token_id": 4294967296}`), qwen, fault.Malformed, "", "4294967296"},
		{"B24 added_tokens_decoder with a name", tinyBPE().but(settingsName, `{"added_tokens_decoder": {"x": {"content": "y"}}}`), qwen, fault.Malformed, settingsName, `"x"`},
		{"B24 added_tokens_decoder a list", tinyBPE().but(settingsName, `{"added_tokens_decoder": []}`), qwen, fault.Malformed, settingsName, "added_tokens_decoder"},
		{"B24 added_tokens.json with a negative id", tinyBPE().but(addedName, `{"x": -1}`), qwen, fault.Malformed, addedName, "-1"},
		{"B24 role that is a number", tinyBPE().but(settingsName, `{"eos_token": 3}`), qwen, fault.Malformed, settingsName, "special token is 3"},
		{"B24 no tokenizer at all", tinyBPE().but(jsonName, "-"), qwen, fault.Unsupported, "model", "tokenizer.json"},
		{"B24 no tokenizer of Llama's", tinyBPE().but(jsonName, "-"), ExportOptions{Family: "llama"}, fault.Unsupported, "model", "tokenizer.json"},
		{"B24 no ranks", tinyBPE(), ExportOptions{Family: "hunyuan-moe"}, fault.Unsupported, "model", "hy.tiktoken"},
		{"B24 Mistral's own file", memory{configName: `{}`, "tekken.json": `{}`}, ExportOptions{Family: "llama"}, fault.Unsupported, "tekken.json", "tokenizer.json"},
		{"B24 a vocabulary of another kind", tinyBPE().but(jsonName, `{"model": {"type": "Unigram", "vocab": [["a", 0.0]]}}`), qwen, fault.Unsupported, jsonName, "Unigram"},
		{"B24 not JSON", tinyBPE().but(jsonName, "{"), qwen, fault.Malformed, jsonName, "invalid JSON"},
		{"B24 settings not JSON", tinyBPE().but(settingsName, "{"), qwen, fault.Malformed, settingsName, "invalid JSON"},
		{"B24 settings a list", tinyBPE().but(settingsName, "[]"), qwen, fault.Malformed, settingsName, "an array"},
		{"B24 eod_token_id a string", tinyBPE().but(configName, `{"vocab_size": 5, "eod_token_id": "x"}`), ExportOptions{Family: "hunyuan-dense"}, fault.Malformed, configName, "eod_token_id"},
		{"B24 unknown family", tinyBPE(), ExportOptions{Family: "gemma"}, fault.Usage, "", "gemma"},
	} {
		t.Run(c.name, func(t *testing.T) {
			kvs, err := c.m.export(c.o)
			var e *fault.Error
			if !errors.As(err, &e) {
				t.Fatalf("found %v, %v", kvs, err)
			}
			if e.Kind != c.kind || e.File != c.file || !strings.Contains(err.Error(), c.text) {
				t.Errorf("found kind %d, file %q: %v", e.Kind, e.File, err)
			}
		})
	}

	kvs, err := vocab(`{"a": 0, "c": 2}`).export(qwen)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(value(kvs, keyTokens), value(kvs, keyTypes)); got != "[a [PAD1] c [PAD3] [PAD4]] [1 5 1 5 5]" {
		t.Errorf("B24 a hole is %s", got)
	}
	// Merges that come back to themselves are copied like all others.
	kvs, err = tinyBPE().but(jsonName, byteJSON(`{"a": 0, "aa": 1, "aaa": 2, "aaaa": 3}`, `["aa aa", "a a", "a aa", "aa a", "a aaa"]`, `[]`, qwen2Parts)).export(qwen)
	if got := fmt.Sprint(value(kvs, keyMerges)); err != nil || got != "[aa aa a a a aa aa a a aaa]" {
		t.Errorf("B24 cyclic merges: %s, %v", got, err)
	}
}

// TestB25Export: what only looks like a byte token is an ordinary one.
func TestB25Export(t *testing.T) {
	m := tinyBPE().but(configName, `{"vocab_size": 9}`, jsonName, `{"model": {"type": "BPE", "byte_fallback": true, "vocab": {"<0x-1>": 0, "<0xZZ>": 1, "<0x1FF>": 2, "<0xfF>": 3, "<0x00": 4, "<0x00>": 5, "<0X00>": 6}, "merges": []},
		"added_tokens": [`+addedJSON(7, "<0x01>")+`], "decoder": {"type": "Sequence", "decoders": []}}`)
	kvs, err := m.export(ExportOptions{Family: "llama"})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(value(kvs, keyModel), value(kvs, keyTypes)); got != "llama[1 1 1 6 1 6 1 4]" {
		t.Errorf("found %s", got)
	}
	hole := m.but(jsonName, strings.Replace(m[jsonName], `"<0X00>": 6`, `"<0X00>": 8`, 1))
	if _, err := hole.but(jsonName, strings.Replace(hole[jsonName], addedJSON(7, "<0x01>"), "", 1)).export(ExportOptions{Family: "llama"}); fault.KindOf(err) != fault.Malformed || !strings.Contains(err.Error(), "hole") {
		t.Errorf("a hole: %v", err)
	}
}

// TestB26Export: a pattern that is not known is refused by its text; a caller can name it. It is
// never compiled.
func TestB26Export(t *testing.T) {
	split := func(pattern string) string {
		return fmt.Sprintf(`"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": %q}, "behavior": "Isolated", "invert": false}, {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]}, "decoder": {"type": "ByteLevel"}`, pattern)
	}
	for name, parts := range map[string]string{
		"B26 exponential":       split(`(a+)+$`),
		"B26 long":              split(strings.Repeat("(a|aa)+", 10000)),
		"B26 broken":            split(`(`),
		"B26 none":              `"decoder": {"type": "ByteLevel"}`,
		"B26 null":              `"pre_tokenizer": null, "decoder": {"type": "ByteLevel"}`,
		"B26 unknown part":      `"pre_tokenizer": {"type": "Bert"}, "decoder": {"type": "ByteLevel"}`,
		"B26 a number":          `"pre_tokenizer": 7, "decoder": {"type": "ByteLevel"}`,
		"B26 unknown normal":    strings.Replace(qwen2Parts, `"NFC"`, `"Lowercase"`, 1),
		"B26 inverted":          strings.Replace(qwen2Parts, `"invert": false`, `"invert": true`, 1),
		"B26 pattern a string":  strings.Replace(qwen2Parts, `"Regex"`, `"String"`, 1),
		"B26 space before text": strings.Replace(qwen2Parts, `"add_prefix_space": false`, `"add_prefix_space": true`, 1),
		"B26 one part more":     strings.Replace(qwen2Parts, `{"type": "ByteLevel", "add`, `{"type": "Digits", "individual_digits": true}, {"type": "ByteLevel", "add`, 1),
	} {
		m := tinyBPE().but(jsonName, byteJSON(`{"a": 0, "b": 1, "ab": 2}`, `["a b"]`, `[]`, parts))
		_, err := m.export(qwen)
		if fault.KindOf(err) != fault.Unsupported || !strings.Contains(err.Error(), "unknown pre-tokenizer") || !strings.Contains(err.Error(), "--pre NAME") {
			t.Errorf("%s: %v", name, err)
		}
		kvs, err := m.export(ExportOptions{"qwen2", "deepseek-llm"})
		if err != nil || value(kvs, keyPre) != "deepseek-llm" {
			t.Errorf("%s with --pre: %v, %v", name, value(kvs, keyPre), err)
		}
	}
	if _, err := tinyBPE().export(ExportOptions{"qwen2", "(a+)+$"}); fault.KindOf(err) != fault.Usage {
		t.Errorf("B26 --pre with an unknown name: %v", err)
	}
}

// TestB27Export: chat templates are copied and never rendered; too large ones and what is not UTF-8
// is refused.
func TestB27Export(t *testing.T) {
	limit := strings.Repeat("x", hf.TemplateLimit)
	quoted := func(s string) string { return fmt.Sprintf(`{"chat_template": %q}`, s) }
	for name, template := range map[string]string{
		"B27 injection":    `{{ cycler.__init__.__globals__.os.popen('id').read() }}`,
		"B27 endless loop": `{% for i in range(10**18) %}{% endfor %}`,
		"B27 odd":          "\t{%- \x7f\u2028\ufeff\u00e9\U0001f600 -%} \\u0000 \"'",
		"B27 at the limit": limit,
	} {
		for place, m := range map[string]memory{
			"settings":  tinyBPE().but(settingsName, `{"chat_template": `+jsonString(template)+`}`),
			"jinja":     tinyBPE().but(settingsName, `{"a": 1}`, jinjaName, template),
			"json":      tinyBPE().but(settingsName, `{"a": 1}`, templateJSON, `{"chat_template": `+jsonString(template)+`}`),
			"list":      tinyBPE().but(settingsName, `{"chat_template": [{"name": "default", "template": `+jsonString(template)+`}]}`),
			"with more": tinyBPE().but(settingsName, `{"a": 1}`, jinjaName, template, jinjaFolder+"/x.jinja", "more"),
		} {
			kvs, err := m.export(qwen)
			if err != nil || value(kvs, keyTemplate) != template {
				t.Errorf("%s in %s: %.80q, %v", name, place, value(kvs, keyTemplate), err)
			}
		}
	}
	for _, c := range []struct {
		name string
		m    memory
		kind fault.Kind
		file string
	}{
		{"B27 too large in settings", tinyBPE().but(settingsName, quoted(limit+"x")), fault.Limit, settingsName},
		{"B27 ten megabytes in settings", tinyBPE().but(settingsName, quoted(strings.Repeat(limit, 10))), fault.Limit, settingsName},
		{"B27 too large beside", tinyBPE().but(settingsName, `{"a": 1}`, jinjaName, limit+"x"), fault.Limit, jinjaName},
		{"B27 too large beside and not used", tinyBPE().but(jinjaName, limit+"x"), fault.Limit, jinjaName},
		{"B27 too large in JSON", tinyBPE().but(settingsName, `{"a": 1}`, templateJSON, quoted(limit+"x")), fault.Limit, templateJSON},
		{"B27 too large in a list", tinyBPE().but(settingsName, `{"chat_template": [{"name": "x", "template": "`+limit+`x"}]}`), fault.Limit, settingsName},
		{"B27 not UTF-8 beside", tinyBPE().but(settingsName, `{"a": 1}`, jinjaName, "a\xff"), fault.Malformed, jinjaName},
		{"B27 not UTF-8 in settings", tinyBPE().but(settingsName, "{\"chat_template\": \"a\xff\"}"), fault.Malformed, settingsName},
		{"B27 not UTF-8 among more", tinyBPE().but(settingsName, `{"a": 1}`, jinjaName, "a", jinjaFolder+"/x.jinja", "\xc3"), fault.Malformed, jinjaFolder + "/x.jinja"},
		{"B27 half a character in settings", tinyBPE().but(settingsName, `{"chat_template": "\ud800"}`), fault.Malformed, settingsName},
		{"B27 list of numbers", tinyBPE().but(settingsName, `{"chat_template": [1]}`), fault.Malformed, settingsName},
		{"B27 list of nameless numbers", tinyBPE().but(settingsName, `{"chat_template": [{"name": 1, "template": "x"}]}`), fault.Malformed, settingsName},
	} {
		_, err := c.m.export(qwen)
		var e *fault.Error
		if !errors.As(err, &e) || e.Kind != c.kind || e.File != c.file {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	// As in the reference, other kinds of values are no template.
	for _, odd := range []string{`7`, `{"a": "b"}`, `null`, `""`, `[]`} {
		kvs, err := tinyBPE().but(settingsName, `{"chat_template": `+odd+`}`, jinjaName, "not used").export(qwen)
		if err != nil || value(kvs, keyTemplate) != nil {
			t.Errorf("chat_template %s: %v, %v", odd, value(kvs, keyTemplate), err)
		}
	}
}

// jsonString spells s for JSON with as few escapes as possible.
func jsonString(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\t", `\t`, "\n", `\n`, "\r", `\r`).Replace(s) + `"`
}

// FuzzExport: any files give keys that fit together, or a fault.
func FuzzExport(f *testing.F) {
	s := tinyBPE()
	f.Add(s[jsonName], s[settingsName], s[configName], "x", uint8(0))
	f.Add(s[jsonName], `{"tokenizer_class": "LlamaTokenizer", "eos_token": "<e>", "added_tokens_decoder": {"4": {"content": "x"}}}`, `{"vocab_size": 9, "bos_token_id": 1}`, "", uint8(1))
	f.Add(`{"model": {"type": "BPE", "byte_fallback": true, "vocab": {"<0x00>": 0}}, "decoder": {"type": "Sequence"}, "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "x"}}, {"Sequence": {"id": "A"}}], "pair": [{"Sequence": {"id": "A"}}, {"SpecialToken": {"id": "x"}}, {"Sequence": {"id": "B"}}]}}`,
		`{"sep_token": "x", "chat_template": [{"name": "a", "template": "b"}]}`, `{"text_config": {"eos_token_id": 3}}`, "\r\n", uint8(1))
	f.Add(`{"model": {"type": "BPE", "vocab": {"a": 0}}, "post_processor": {"processors": [{"type": "RobertaProcessing", "cls": ["a", 0]}]}, "normalizer": {"type": "BertNormalizer", "lowercase": 1}}`, `{"a": 0}`, `{"eod_token_id": 0}`, "{}", uint8(3))
	families := []string{"qwen2", "llama", "deepseek2", "hunyuan-dense", "hunyuan-moe"}
	f.Fuzz(func(t *testing.T, tokenizer, settings, config, other string, choice uint8) {
		m := memory{jsonName: tokenizer, settingsName: settings, configName: config, jinjaName: other, rolesName: other, addedName: other, mergesName: other, generationName: other}
		o := ExportOptions{Family: families[int(choice)%len(families)]}
		if choice&64 != 0 {
			o.Pre = "qwen2"
		}
		if choice&128 != 0 {
			delete(m, settingsName)
		}
		for i, name := range []string{jinjaName, rolesName, addedName, generationName} {
			if int(choice>>3)%5 != i {
				delete(m, name)
			}
		}
		kvs, err := m.export(o)
		if err != nil {
			var e *fault.Error
			if !errors.As(err, &e) {
				t.Fatalf("not a fault: %v", err)
			}
			return
		}
		tokens, _ := value(kvs, keyTokens).([]string)
		types, _ := value(kvs, keyTypes).([]int32)
		if len(tokens) != len(types) {
			t.Fatalf("%d tokens, %d types", len(tokens), len(types))
		}
		seen := map[string]bool{}
		for _, kv := range kvs {
			if seen[kv.Key] {
				t.Fatalf("%s twice", kv.Key)
			}
			seen[kv.Key] = true
			if s, ok := kv.Value.(string); ok && !utf8.ValidString(s) {
				t.Fatalf("%s is not UTF-8: %q", kv.Key, s)
			}
		}
		for i, s := range tokens {
			if !utf8.ValidString(s) || types[i] < kindNormal || types[i] > kindByte {
				t.Fatalf("token %d: %q, type %d", i, s, types[i])
			}
		}
	})
}
