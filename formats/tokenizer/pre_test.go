package tokenizer

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
)

// sequence writes a pre-tokenizer: patterns, then digits if asked for, then the bytes.
func sequence(digits, gpt2 bool, patterns ...string) string {
	var parts []string
	for _, p := range patterns {
		quoted, _ := json.Marshal(p)
		parts = append(parts, `{"type": "Split", "pattern": {"Regex": `+string(quoted)+`}, "behavior": "Isolated", "invert": false}`)
	}
	if digits {
		parts = append(parts, `{"type": "Digits", "individual_digits": true}`)
	}
	last := `{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}`
	if gpt2 {
		last = strings.Replace(last, `"use_regex": false`, `"use_regex": true`, 1)
	}
	return `{"type": "Sequence", "pretokenizers": [` + strings.Join(append(parts, last), ", ") + `]}`
}

// TestStructures: the parts of published tokenizers, with patterns as their files spell them, have
// llama.cpp's names.
func TestStructures(t *testing.T) {
	const tail = `|\s*[\r\n]+|\s+(?!\S)|\s+`
	const words = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?`
	qwen2 := words + `\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*` + tail
	llama3 := words + `\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*` + tail
	// DeepSeek's files have CR and LF themselves in the pattern.
	deepseek := "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"
	for _, c := range []struct {
		want, pre string
		model     string
	}{
		{"qwen2", sequence(false, false, qwen2), `"ignore_merges": false`},
		{"", sequence(false, false, qwen2), `"ignore_merges": true`}, // llama.cpp would merge where the model does not
		{"llama-bpe", sequence(false, false, llama3), `"ignore_merges": true`},
		{"dbrx", sequence(false, false, llama3), `"ignore_merges": false`},
		{"dbrx", strings.NewReplacer(`"Isolated"`, `"Removed"`, `"invert": false`, `"invert": true`).Replace(sequence(false, false, llama3)), ``},
		{"", strings.NewReplacer(`"Isolated"`, `"Removed"`).Replace(sequence(false, false, llama3)), ``},
		{"deepseek-v3", sequence(false, false, `\p{N}{1,3}`, "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+", deepseek), ``},
		{"", sequence(false, false, "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+", `\p{N}{1,3}`, deepseek), ``},
		{"deepseek-coder", sequence(true, false, "[\r\n]", `\s?\p{L}+`, `\s?\p{P}+`, "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"), ``},
		{"", sequence(false, false, "[\r\n]", `\s?\p{L}+`, `\s?\p{P}+`, "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"), ``},
		{"gpt-2", `{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}`, ``},
		{"gpt-2", `{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true}`, ``}, // use_regex is true where an old file has none
		{"starcoder", sequence(true, true), ``},
		{"qwen35", sequence(false, false, words+`[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*`+tail), ``},
		{"", sequence(false, false, qwen2), `"byte_fallback": true`},
		{"", sequence(false, true, qwen2), ``},
		{"", `{"type": "Sequence", "pretokenizers": []}`, ``},
	} {
		model := c.model
		if model != "" {
			model = ", " + model
		}
		j, err := parseJSON(`{"model": {"type": "BPE", "vocab": {}, "merges": []`+model+`}, "pre_tokenizer": `+c.pre+`}`, "t")
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if s := structureOf(j); s != nil {
			got = s.name
		}
		if got != c.want {
			t.Errorf("found %q, expected %q: %s %s", got, c.want, c.pre, c.model)
		}
	}
}

// TestStructureNames: every name that an export can write is one that llama.cpp loads.
func TestStructureNames(t *testing.T) {
	for _, s := range structures {
		for _, name := range append(s.also, s.name) {
			if !knownPre(name) {
				t.Errorf("structure name %s", name)
			}
		}
	}
	for _, name := range certain {
		found := false
		for _, s := range structures {
			found = found || s.name == name || strings.Contains(strings.Join(s.also, " "), name)
		}
		if !found {
			t.Errorf("%s is certain without a structure", name)
		}
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256([]byte(probe))); len(probeNames) != 95 || sum != "a36179c1e2b1cfcfbfad1dc779addad2ffc778201e4cf0d538bddeafa2c526da" {
		t.Errorf("%d hashes, a probe with the SHA-256 %s", len(probeNames), sum)
	}
	wordpiece := map[string]bool{"bert-bge": true, "bert-bge-large": true, "jina-v2-en": true}
	for hash, name := range probeNames {
		if len(hash) != 64 || !knownPre(name) && !wordpiece[name] {
			t.Errorf("hash %s is %s", hash, name)
		}
	}
}

// TestChoosePre: a published hash wins, an unknown one leaves the structure, and what contradicts is refused.
func TestChoosePre(t *testing.T) {
	const (
		r1qwen = "b3f499bb4255f8ca19fccd664443283318f2fd2414d5e0b040fbdd0cc195d6c5"
		v3     = "877081d19cf6996e2c4ff0e1236341e9b7bde288f5311a56a937f0afbbb3aeb5"
		lfm2   = "169bf0296a13c4d9b7672313f749eb36501d931022de052aad6e36f2bf34dd51"
		none   = "0000000000000000000000000000000000000000000000000000000000000000"
	)
	find := func(name string) *structure {
		for i := range structures {
			if structures[i].name == name {
				return &structures[i]
			}
		}
		t.Fatalf("no structure %s", name)
		return nil
	}
	for _, c := range []struct {
		family, hash string
		s            *structure
		want         string
		kind         fault.Kind
	}{
		{"qwen2", none, find("qwen2"), "qwen2", 0},
		{"qwen2", "", find("qwen2"), "qwen2", 0},
		{"qwen2", r1qwen, find("qwen2"), "deepseek-r1-qwen", 0}, // only the hash tells the two apart
		{"qwen2", r1qwen, nil, "deepseek-r1-qwen", 0},
		{"llama", lfm2, find("llama-bpe"), "lfm2", 0},
		{"llama", lfm2, find("gpt-2"), "lfm2", 0}, // its structure is not on our list, so this is no contradiction
		{"deepseek2", v3, find("deepseek-v3"), "deepseek-v3", 0},
		{"deepseek2", none, find("deepseek-v3"), "deepseek-v3", 0},
		{"hunyuan-dense", none, find("deepseek-v3"), "hunyuan-dense", 0},
		{"hunyuan-dense", none, find("qwen2"), "qwen2", 0},
		{"deepseek2", v3, find("llama-bpe"), "", fault.Mismatch},
		{"qwen2", none, nil, "", fault.Unsupported},
		{"qwen2", "", nil, "", fault.Unsupported},
	} {
		got, err := choosePre("tokenizer.json", c.family, c.s, c.hash)
		if got != c.want || fault.KindOf(err) != c.kind {
			t.Errorf("%s %.8s: found %q, %v, expected %q", c.family, c.hash, got, err, c.want)
		}
		var e *fault.Error
		if errors.As(err, &e) && (e.File == "" || !strings.Contains(err.Error(), "--pre NAME")) {
			t.Errorf("message: %v", err)
		}
	}
}

// TestProbeHash: as Python's str(list) spells ids.
func TestProbeHash(t *testing.T) {
	// printf '[1, 22, 333]' | sha256sum
	if got := probeHash([]int32{1, 22, 333}); got != "276d8737d9d5a80805e0731e8d5ae18972a8e3ba721f4988f67151c6e9159068" {
		t.Errorf("%s", got)
	}
}
