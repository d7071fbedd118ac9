package tokenizer

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/formats/hf"
)

const recorded = "testdata/export" // by record.py there: what the reference's converter writes

var shared = filepath.Join("..", "..", "..", "shared")

// listing spells keys as record.py does: name, type, elements, SHA-256 of the value's bytes in a
// GGUF file.
func listing(t *testing.T, kvs []gguf.KV) string {
	t.Helper()
	var out strings.Builder
	for _, kv := range kvs {
		var raw bytes.Buffer
		put := func(s string) {
			binary.Write(&raw, binary.LittleEndian, uint64(len(s)))
			raw.WriteString(s)
		}
		kind, n := "", 1
		switch v := kv.Value.(type) {
		case string:
			kind = "string"
			put(v)
		case []string:
			kind, n = "[]string", len(v)
			for _, s := range v {
				put(s)
			}
		case []int32:
			kind, n = "[]int32", len(v)
			binary.Write(&raw, binary.LittleEndian, v)
		case []float32:
			kind, n = "[]float32", len(v)
			binary.Write(&raw, binary.LittleEndian, v)
		case uint32, bool:
			kind = fmt.Sprintf("%T", v)
			binary.Write(&raw, binary.LittleEndian, v)
		default:
			t.Fatalf("%s has the type %T", kv.Key, v)
		}
		fmt.Fprintf(&out, "%s\t%s\t%d\t%x\n", kv.Key, kind, n, sha256.Sum256(raw.Bytes()))
	}
	return out.String()
}

// golden reads a recording without its last column, which is for people.
func golden(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(recorded, name+".tsv"))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for line := range strings.Lines(string(data)) {
		if strings.Contains(line, keyTemplates+"\t") { // a Python set: compared by a test of its own
			line = keyTemplates + "\n"
		}
		out.WriteString(line[:max(strings.LastIndexByte(line, '\t'), 0)] + "\n")
	}
	return out.String()
}

// compare tells the first lines that differ.
func compare(t *testing.T, kvs []gguf.KV, want string) {
	t.Helper()
	got := listing(t, kvs)
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		a, b := "nothing", "nothing"
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if strings.HasPrefix(a, keyTemplates+"\t") && b == "" && i < len(w)-1 {
			continue
		}
		if a != b {
			t.Errorf("key %d: found    %s\n       expected %s", i, a, b)
		}
	}
}

// checkpoint is a directory put together from files elsewhere.
func checkpoint(t *testing.T, files map[string]string, texts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, from := range files {
		data, err := os.ReadFile(filepath.Join(shared, from))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range texts {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// exportDir exports with the directory's own config.json.
func exportDir(dir string, o ExportOptions) ([]gguf.KV, error) {
	src := hf.Dir(dir, false)
	_, cfg, err := hf.LoadConfig(src)
	if err != nil {
		return nil, err
	}
	return Export(src, cfg, o)
}

// change gives a JSON object with some members replaced.
func change(t *testing.T, path string, members map[string]any) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil {
		t.Fatal(err)
	}
	for name, value := range members {
		raw, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		object[name] = raw
	}
	out, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// under prefixes file names with a folder of the shared data.
func under(folder string, names ...string) map[string]string {
	files := map[string]string{}
	for _, n := range names {
		files[n] = filepath.Join(folder, n)
	}
	return files
}

func with(files map[string]string, name, from string) map[string]string {
	files[name] = from
	return files
}

// TestExportEqualsReference: published tokenizers give the reference's keys, order, types and bytes.
func TestExportEqualsReference(t *testing.T) {
	if _, err := os.Stat(filepath.Join(shared, "data")); err != nil {
		t.Skip("no shared data here: published tokenizers are not compared")
	}
	const (
		qwenConfig    = "data/configs/qwq-32b-preview-generated/config.json"
		llamaConfig   = "data/configs/llama3.2-3b/config.json"
		hunyuanConfig = "data/configs/hunyuan-a13b/config.json"
		stories       = "data/models/stories260K/"
	)
	qwen := func() map[string]string {
		return under("data/tokenizers/qwen2.5", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "merges.txt")
	}
	hunyuan := func() map[string]string {
		return with(under("data/tokenizers/hunyuan-a13b", "hy.tiktoken", "tokenizer_config.json", "generation_config.json"), "config.json", hunyuanConfig)
	}
	story := func(dir string, more ...string) map[string]string {
		return under(stories+dir, append(more, "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "config.json")...)
	}
	qwq, err := os.ReadFile(filepath.Join(shared, "data/templates/Qwen-QwQ-32B.jinja"))
	if err != nil {
		t.Fatal(err)
	}
	llama2 := `{"model_type": "llama", "hidden_size": 64, "bos_token_id": 1, "eos_token_id": 2, "vocab_size": 32000}`
	for _, c := range []struct {
		name, family string
		files, texts map[string]string
	}{
		{"qwen2.5", "qwen2", with(qwen(), "config.json", qwenConfig), nil},
		{"qwq-32b", "qwen2", with(qwen(), "config.json", qwenConfig), map[string]string{
			"tokenizer_config.json": change(t, filepath.Join(shared, "data/tokenizers/qwen2.5/tokenizer_config.json"), map[string]any{"chat_template": string(qwq)})}},
		{"qwen2.5-unpadded", "qwen2", qwen(), map[string]string{"config.json": change(t, filepath.Join(shared, qwenConfig), map[string]any{"vocab_size": 151665})}},
		{"llama3.1-jinja", "llama", map[string]string{"tokenizer.json": "data/tokenizers/llama3.1/tokenizer.json", "config.json": llamaConfig,
			"chat_template.jinja": "data/templates/meta-llama-Llama-3.1-8B-Instruct.jinja"}, map[string]string{
			"tokenizer_config.json": `{"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}`}},
		{"llama2", "llama", under("data/tokenizers/llama2-spm", "tokenizer.model"), map[string]string{"config.json": llama2}},
		{"stories-f32", "llama", story("hf-f32", "tokenizer.model"), nil},
		{"stories-bf16", "llama", story("hf-bf16", "tokenizer.model"), nil},
		{"stories-sharded", "llama", story("hf-bf16-sharded", "tokenizer.model"), nil},
		{"stories-qwen2-wide", "qwen2", story("derived-wide256-qwen2-bf16", "tokenizer.model"), nil},
		{"stories-hf", "llama", story("hf-f32"), nil},
		{"hunyuan-a13b", "hunyuan-moe", hunyuan(), nil},
		{"hunyuan-7b", "hunyuan-dense", hunyuan(), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			kvs, err := exportDir(checkpoint(t, c.files, c.texts), ExportOptions{Family: c.family})
			if err != nil {
				t.Fatal(err)
			}
			compare(t, kvs, golden(t, c.name))
		})
	}
}

// TestExportTinyModel: the model that the project ships has no published hash; its structure is Qwen2's.
func TestExportTinyModel(t *testing.T) {
	dir := filepath.Join(shared, "tiny", "harbour-2m")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no shared folder here: the tiny model's tokenizer is not compared")
	}
	kvs, err := exportDir(dir, ExportOptions{Family: "qwen2"})
	if err != nil {
		t.Fatal(err)
	}
	compare(t, kvs, golden(t, "harbour-2m"))
}

// fixtureCases reads cases.json: the family of each fixture, and the pre-tokenizer that the
// recording was given for want of a published hash.
func fixtureCases(t *testing.T) map[string]struct {
	Family, Pre string
	Given       bool // the structure is not known, the caller has to name it
} {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(recorded, "fixtures", "cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		Family, Pre string
		Given       bool
	}{}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	return cases
}

// TestExportFixtures: tokenizers of our own, one for each thing that an export can meet.
func TestExportFixtures(t *testing.T) {
	for name, c := range fixtureCases(t) {
		t.Run(name, func(t *testing.T) {
			o := ExportOptions{Family: c.Family}
			dir := filepath.Join(recorded, "fixtures", name)
			if c.Given {
				if _, err := exportDir(dir, o); fault.KindOf(err) != fault.Unsupported {
					t.Errorf("without --pre: %v", err)
				}
				o.Pre = c.Pre
			}
			kvs, err := exportDir(dir, o)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, kvs, golden(t, name))
		})
	}
}

// TestProbe: the hash that names a pre-tokenizer is the reference's, which encodes with AutoTokenizer
// and what that puts around a text.
func TestProbe(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(recorded, "probes.json"))
	if err != nil {
		t.Fatal(err)
	}
	hashes := map[string]string{}
	if err := json.Unmarshal(data, &hashes); err != nil {
		t.Fatal(err)
	}
	done := 0
	for name, c := range fixtureCases(t) {
		want, ok := hashes[name]
		if !ok {
			continue
		}
		e := &export{src: hf.Dir(filepath.Join(recorded, "fixtures", name), false), family: c.Family}
		if e.root, err = readObject(e.src, configName); err != nil {
			t.Fatal(err)
		}
		if e.settings, err = readObject(e.src, settingsName); err != nil {
			t.Fatal(err)
		}
		e.cfg = e.root
		got := ""
		if j, err := e.json(); err != nil {
			t.Fatal(err)
		} else if j == nil {
			f, err := readRanks(e.src, e.cfg)
			if err != nil {
				t.Fatal(err)
			}
			r, err := newRanks(f)
			if err != nil {
				t.Fatal(err)
			}
			got = probeHash(r.Encode(probe, EncodeOptions{ParseSpecial: true}))
		} else {
			a, err := e.newAuto(j)
			if err != nil {
				t.Fatal(err)
			}
			if got, err = e.hash(a, a.asLoaded()); err != nil {
				t.Fatal(err)
			}
		}
		if got != want && got != "" {
			t.Errorf("%s: hash %s, expected %s", name, got, want)
		}
		if got == "" {
			t.Logf("%s cannot be run", name)
			continue
		}
		done++
	}
	if done < 9 {
		t.Errorf("only %d fixtures were compared", done)
	}
}
