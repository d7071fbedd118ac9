package tokenizer

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/hf"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

// rankFile is a tiktoken file: a token's id is its merge rank.
type rankFile struct {
	name    string           // of the file
	tokens  []string         // by rank; raw bytes, not the GPT-2 alphabet
	ranks   map[string]int32 // by raw bytes
	special []addedToken     // by id, from len(tokens) on
}

// hunyuanSpecials are the tokens that follow the ranks of Hunyuan's hy.tiktoken, then
// <|extra_0|> to <|extra_204|>.
var hunyuanSpecials = [...]string{"<|endoftext|>", "<|startoftext|>", "<|bos|>", "<|eos|>", "<|pad|>"}

const hunyuanExtras = 205

// readRanks reads the only *.tiktoken file; nil when there is none. cfg is config.json: its
// vocab_size tells how many special tokens follow the ranks.
func readRanks(src hf.Source, cfg strictjson.Value) (*rankFile, error) {
	names, err := src.List()
	if err != nil {
		return nil, err
	}
	var name string
	for _, n := range names {
		if !strings.HasSuffix(n, ".tiktoken") {
			continue
		}
		if name != "" {
			return nil, fault.New(fault.Unsupported, n, "%q is a rank file too, expected one", name)
		}
		name = n
	}
	if name == "" {
		return nil, nil
	}
	data, _, err := hf.ReadFile(src, name, hf.TokenizerLimit)
	if err != nil {
		return nil, err
	}
	if name != "hy.tiktoken" {
		return nil, fault.New(fault.Unsupported, name, "the special tokens and the pattern that belong to this rank file are not known; only Hunyuan's hy.tiktoken is")
	}
	f, err := parseRanks(data, name)
	if err != nil {
		return nil, err
	}
	return f, f.hunyuan(cfg)
}

// isRanks is true when data looks like a tiktoken file: base64, a space, 0.
func isRanks(data []byte) bool {
	line, _, _ := bytes.Cut(data[:min(len(data), 256)], []byte("\n"))
	token, rank, ok := bytes.Cut(line, []byte(" "))
	if !ok || string(bytes.TrimSpace(rank)) != "0" {
		return false
	}
	_, err := base64.StdEncoding.DecodeString(string(token))
	return err == nil
}

// parseRanks reads lines of base64 bytes, a space and the rank. Ranks count up from 0, as the
// tokenizers that use such files number the lines.
func parseRanks(data []byte, name string) (*rankFile, error) {
	f := &rankFile{name: name, ranks: map[string]int32{}}
	off := int64(0)
	for line := range bytes.Lines(data) {
		at := off
		off += int64(len(line))
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			continue
		}
		text, rank, _ := strings.Cut(string(line), " ")
		token, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(token) == 0 {
			return nil, fault.New(fault.Malformed, name, "found %.40q, expected base64, a space and a rank", line).At(at)
		}
		n, err := strconv.ParseUint(rank, 10, 31)
		switch {
		case len(f.tokens) >= MaxTokens:
			return nil, fault.New(fault.Limit, name, "more than %d tokens", MaxTokens).At(at)
		case err != nil || n != uint64(len(f.tokens)):
			return nil, fault.New(fault.Malformed, name, "found rank %.20q, expected %d", rank, len(f.tokens)).At(at)
		}
		if r, dup := f.ranks[string(token)]; dup {
			return nil, fault.New(fault.Malformed, name, "ranks %d and %d are the same bytes", r, n).At(at)
		}
		f.ranks[string(token)] = int32(n)
		f.tokens = append(f.tokens, string(token))
	}
	for b := range 256 {
		if _, ok := f.ranks[string([]byte{byte(b)})]; !ok {
			return nil, fault.New(fault.Malformed, name, "byte %#02x has no rank", b)
		}
	}
	return f, nil
}

// hunyuan adds the special tokens. The reference wants vocab_size to be what the ranks and they add
// up to, so vocab_size tells how many extra ones there are.
func (f *rankFile) hunyuan(cfg strictjson.Value) error {
	extras := int64(hunyuanExtras)
	if size := cfg.Get("vocab_size"); size.Present() {
		n, ok := size.Int64()
		if extras = n - int64(len(f.tokens)+len(hunyuanSpecials)); !ok || extras < 0 || extras > hunyuanExtras {
			return fault.New(fault.Mismatch, f.name, "config.json: vocab_size is %s, expected %d to %d for %d ranks", size.Text,
				len(f.tokens)+len(hunyuanSpecials), len(f.tokens)+len(hunyuanSpecials)+hunyuanExtras, len(f.tokens))
		}
	}
	for i := range len(hunyuanSpecials) + int(extras) {
		t := addedToken{id: int32(len(f.tokens) + i), special: true}
		if i < len(hunyuanSpecials) {
			t.content = hunyuanSpecials[i]
		} else {
			t.content = fmt.Sprintf("<|extra_%d|>", i-len(hunyuanSpecials))
		}
		f.special = append(f.special, t)
	}
	return nil
}
