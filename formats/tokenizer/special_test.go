package tokenizer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
)

func TestLooksSpecial(t *testing.T) {
	for text, want := range map[string]bool{
		"<pad>": true, "<mask>": true, "<2mass>": true, "[@BOS@]": true, "<|x|>": true, "<|>": true, "<|": false, "|>": false,
		"<\uff5cx\uff5c>": true, "<\uff5cx|>": false, "<unused12>": true, "<unused>": true, "<unused": false, "<PAD>": false, "<s>": false, "": false,
	} {
		if looksSpecial(text) != want {
			t.Errorf("%q", text)
		}
	}
}

// TestRoleOrder: ids are written in the order in which they are found: names of tokenizer_config.json
// first, config.json's ids then; the first id of a role counts.
func TestRoleOrder(t *testing.T) {
	m := tinyBPE().but(
		jsonName, byteJSON(`{"a": 0, "b": 1, "ab": 2}`, `["a b"]`, `[`+addedJSON(3, "<e>")+`, `+addedJSON(4, "<p>")+`]`, qwen2Parts),
		settingsName, `{"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<p>", "eos_token": {"content": "<e>"}, "mask_token": "b", "add_eos_token": true, "add_bos_token": null, "add_sep_token": 1}`,
		configName, `{"vocab_size": 5, "bos_token_id": 1, "eos_token_id": 2, "sep_token_id": [1], "unk_token_id": 2.0, "cls_token_id": 1, "text_config": {"mask_token_id": 4}}`)
	kvs, err := m.export(qwen)
	if err != nil {
		t.Fatal(err)
	}
	want := []gguf.KV{{Key: keyEOS, Value: uint32(3)}, {Key: "tokenizer.ggml.padding_token_id", Value: uint32(4)}, {Key: keyBOS, Value: uint32(1)},
		{Key: "tokenizer.ggml.mask_token_id", Value: uint32(4)}, {Key: "tokenizer.ggml.add_eos_token", Value: true}}
	if got := kvs[5:]; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("found %v\nexpected %v", got, want)
	}
}

// TestTemplateNames: the list of named templates is sorted; the reference takes it from a set.
func TestTemplateNames(t *testing.T) {
	m := tinyBPE().but(settingsName, `{"chat_template": [{"name": "z", "template": "1"}, {"name": "a b", "template": "2"}, {"name": "default", "template": "3"}, {"name": "z", "template": "4"}, {"name": "\u00e9", "template": "5"}]}`)
	kvs, err := m.export(qwen)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(kvs[len(kvs)-5:])
	if want := fmt.Sprint([]gguf.KV{{Key: keyTemplate + ".z", Value: "4"}, {Key: keyTemplate + ".a_b", Value: "2"}, {Key: keyTemplate + "._", Value: "5"},
		{Key: keyTemplates, Value: []string{"_", "a_b", "z"}}, {Key: keyTemplate, Value: "3"}}); got != want {
		t.Errorf("found %s\nexpected %s", got, want)
	}
}

// TestMergesFile: merges.txt counts only where tokenizer.json has no merges.
func TestMergesFile(t *testing.T) {
	const text = "#version: 0.2\na b\r\n\n  ab   c  \nx\na b c\n# d\n"
	f := tinyBPE().but(mergesName, text)
	if kvs, err := f.export(qwen); err != nil || fmt.Sprint(value(kvs, keyMerges)) != "[a b]" {
		t.Errorf("%v, %v", value(kvs, keyMerges), err)
	}
	f = f.but(jsonName, byteJSON(`{"a": 0, "b": 1}`, `[]`, `[]`, qwen2Parts))
	kvs, err := f.export(qwen)
	if got := fmt.Sprintf("%q", value(kvs, keyMerges)); err != nil || got != `["a b" "ab c" "# d"]` {
		t.Errorf("%s, %v", got, err)
	}
}

// TestPreForSentencePiece: a vocabulary without a pre-tokenizer has no use for --pre.
func TestPreForSentencePiece(t *testing.T) {
	m := memory{configName: `{}`, jsonName: `{"model": {"type": "BPE", "byte_fallback": true, "vocab": {"a": 0}}, "decoder": {"type": "Sequence", "decoders": []}}`}
	if _, err := m.export(ExportOptions{Family: "llama", Pre: "qwen2"}); fault.KindOf(err) != fault.Usage {
		t.Errorf("%v", err)
	}
	kvs, err := m.export(ExportOptions{Family: "llama"})
	if err != nil || value(kvs, keyPre) != "default" || strings.Contains(fmt.Sprint(kvs), "PAD") {
		t.Errorf("%v, %v", kvs, err)
	}
}

// TestRankMerges: a token's rule is what the lower ranks leave of it, if that is two parts.
func TestRankMerges(t *testing.T) {
	f := &rankFile{name: "t", tokens: []string{"a", "b", "c", "ab", "bc", "abc", "abab", "cab", "ccc", "aaaa"}, ranks: map[string]int32{}}
	for i, token := range f.tokens {
		f.ranks[token] = int32(i)
	}
	if got := fmt.Sprintf("%q", f.merges()); got != `["a b" "b c" "ab c" "ab ab" "c ab"]` {
		t.Errorf("%s", got)
	}
}
