package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// DeepSeek-V3's three split patterns, with literal CR and LF in the last as in the published file.
var deepSeekSplits = []string{
	`\p{N}{1,3}`,
	"[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
	"[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+|" +
		" ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+",
}

// writeDeepSeekTokenizer writes a byte-level BPE of DeepSeek-V3's size (128,000 tokens and 815 added ones): the bytes,
// every pair of bytes, and as many pairs of neighbouring pairs as are missing.
func writeDeepSeekTokenizer(dir string) error {
	const trained, total = 128000, 128815
	specials := []string{"<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜▁pad▁｜>"}
	vocab := make(map[string]int, trained)
	var merges [][2]string
	added := []any{}
	addToken := func(text string, id int, special bool) {
		added = append(added, map[string]any{"id": id, "content": text, "single_word": false, "lstrip": false, "rstrip": false,
			"normalized": !special, "special": special})
	}
	for i, s := range specials {
		vocab[s] = i
		addToken(s, i, true)
	}
	letters := byteLetters()
	for _, c := range letters {
		vocab[c] = len(vocab)
	}
	pairs := make([]string, 0, len(letters)*len(letters))
	for _, a := range letters {
		for _, b := range letters {
			pairs = append(pairs, a+b)
			vocab[a+b] = len(vocab)
			merges = append(merges, [2]string{a, b})
		}
	}
	for i := 0; len(vocab) < trained; i++ {
		a, b := pairs[i], pairs[(i*7+1)%len(pairs)]
		if _, ok := vocab[a+b]; ok {
			continue
		}
		vocab[a+b] = len(vocab)
		merges = append(merges, [2]string{a, b})
	}
	for id := trained; id < total; id++ {
		addToken(fmt.Sprintf("<｜place▁holder▁no▁%d｜>", id-trained), id, true)
	}
	var splits []any
	for _, p := range deepSeekSplits {
		splits = append(splits, map[string]any{"type": "Split", "pattern": map[string]string{"Regex": p}, "behavior": "Isolated", "invert": false})
	}
	byteLevel := func(prefix, trim, regex bool) map[string]any {
		return map[string]any{"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": trim, "use_regex": regex}
	}
	doc := map[string]any{
		"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": added,
		"normalizer":     map[string]any{"type": "Sequence", "normalizers": []any{}},
		"pre_tokenizer":  map[string]any{"type": "Sequence", "pretokenizers": append(splits, byteLevel(false, true, false))},
		"post_processor": byteLevel(true, false, true),
		"decoder":        byteLevel(true, true, true),
		"model": map[string]any{"type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": nil,
			"end_of_word_suffix": nil, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false, "vocab": vocab, "merges": merges},
	}
	if err := writeJSON(filepath.Join(dir, "tokenizer.json"), doc); err != nil {
		return err
	}
	token := func(s string) map[string]any {
		return map[string]any{"__type": "AddedToken", "content": s, "lstrip": false, "normalized": true, "rstrip": false, "single_word": false}
	}
	return writeJSON(filepath.Join(dir, "tokenizer_config.json"), map[string]any{
		"add_bos_token": true, "add_eos_token": false, "bos_token": token(specials[0]), "eos_token": token(specials[1]),
		"pad_token": token(specials[1]), "unk_token": nil, "legacy": true, "model_max_length": 16384,
		"clean_up_tokenization_spaces": false, "sp_model_kwargs": map[string]any{}, "tokenizer_class": "LlamaTokenizerFast",
	})
}

// byteLetters gives the 256 letters that byte-level BPE writes bytes with, in GPT-2's order.
func byteLetters() []string {
	var shown, hidden []string
	for b, next := 0, rune(256); b < 256; b++ {
		if b > 32 && b < 127 || b > 160 && b != 173 {
			shown = append(shown, string(rune(b)))
		} else {
			hidden = append(hidden, string(next))
			next++
		}
	}
	return append(shown, hidden...)
}

func writeJSON(path string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o644)
}
