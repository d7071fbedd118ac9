package tokenizer

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
)

func ggufOf(t testing.TB, kvs []gguf.KV) *gguf.File {
	t.Helper()
	l, err := gguf.NewLayout(append([]gguf.KV{{Key: "general.architecture", Value: "llama"}}, kvs...), nil, gguf.DefaultAlignment)
	if err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Open(bytes.NewReader(l.Header), int64(len(l.Header)), "a.gguf", gguf.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// keys are the tokenizer keys of a file; with replaces or adds, or leaves out a key whose value is nil.
func keys(kvs []gguf.KV, with ...gguf.KV) []gguf.KV {
	out := slices.Clone(kvs)
	for _, kv := range with {
		kv.Key = "tokenizer.ggml." + kv.Key
		i := slices.IndexFunc(out, func(old gguf.KV) bool { return old.Key == kv.Key })
		switch {
		case i < 0:
			out = append(out, kv)
		case kv.Value == nil:
			out = slices.Delete(out, i, i+1)
		default:
			out[i] = kv
		}
	}
	return out
}

// byteLevelKeys is a vocabulary of the 256 bytes, some merges, and special tokens from 259 on.
func byteLevelKeys() []gguf.KV {
	var tokens []string
	var kinds []int32
	for _, r := range alphabet {
		tokens, kinds = append(tokens, string(r)), append(kinds, kindNormal)
	}
	tokens = append(tokens, "he", "th", "the", "<s>", "<|im_end|>", "[X]", "[X][X]", "<unk>")
	kinds = append(kinds, kindNormal, kindNormal, kindNormal, kindControl, kindNormal, kindUserDefined, kindUserDefined, kindUnknown)
	return keys(nil, gguf.KV{Key: "model", Value: "gpt2"}, gguf.KV{Key: "pre", Value: "qwen2"}, gguf.KV{Key: "tokens", Value: tokens},
		gguf.KV{Key: "token_type", Value: kinds}, gguf.KV{Key: "merges", Value: []string{"t h", "h e", "th e", "x y", "\u0120 \u0120", "noblank", "a ", " a"}})
}

// scoredKeys is a SentencePiece vocabulary.
func scoredKeys() []gguf.KV {
	tokens := []string{"<unk>", "<s>", "</s>"}
	kinds := []int32{kindUnknown, kindControl, kindControl}
	scores := []float32{0, 0, 0}
	for b := range 256 {
		tokens, kinds, scores = append(tokens, byteToken(byte(b))), append(kinds, kindByte), append(scores, 0)
	}
	for i, s := range []string{"th", "\u2581t", "\u2581th", "the", "\u2581", "t", "h", "e"} {
		tokens, kinds, scores = append(tokens, s), append(kinds, kindNormal), append(scores, float32(-i))
	}
	tokens, kinds, scores = append(tokens, "[X]"), append(kinds, kindUserDefined), append(scores, 0)
	return keys(nil, gguf.KV{Key: "model", Value: "llama"}, gguf.KV{Key: "tokens", Value: tokens}, gguf.KV{Key: "token_type", Value: kinds}, gguf.KV{Key: "scores", Value: scores})
}

func kv(key string, value any) gguf.KV { return gguf.KV{Key: key, Value: value} }

func TestFromGGUF(t *testing.T) {
	all := EncodeOptions{AddSpecial: true, ParseSpecial: true}
	for _, c := range []struct {
		name string
		kvs  []gguf.KV
		o    EncodeOptions
		text string
		want []int32
		back string // "": text
	}{
		{"merges", byteLevelKeys(), all, "the he", []int32{258, ' ', 256}, ""},
		{"control type not parsed", byteLevelKeys(), EncodeOptions{}, "<s>", []int32{'<', 's', '>'}, ""},
		{"control type parsed", byteLevelKeys(), all, "a<s>a", []int32{'a', 259, 'a'}, ""},
		{"control by its text", byteLevelKeys(), EncodeOptions{}, "<|im_end|>", []int32{'<', '|', 'i', 'm', '_', 'e', 'n', 'd', '|', '>'}, ""},
		{"user-defined is always parsed, the longest first", byteLevelKeys(), EncodeOptions{}, "[X][X][X]", []int32{262, 261}, ""},
		{"unknown is parsed like control", byteLevelKeys(), all, "<unk>", []int32{263}, ""},
		{"merge to what is no token is spilled", byteLevelKeys(), all, "xy", []int32{'x', 'y'}, ""},
		{"what is spilled and no token is lost", byteLevelKeys(), all, "   a", []int32{' ', 'a'}, " a"},
		{"not UTF-8", byteLevelKeys(), all, "a\xff", []int32{'a', 0xef, 0xbf, 0xbd}, "a\ufffd"},
		{"bos and eos by keys", keys(byteLevelKeys(), kv("add_bos_token", true), kv("bos_token_id", uint32(259)), kv("add_eos_token", true)), all, "a", []int32{259, 'a', 11}, "<s>a\u000b"},
		{"llama-bpe adds bos", keys(byteLevelKeys(), kv("pre", "llama-bpe"), kv("bos_token_id", uint32(259))), all, "a", []int32{259, 'a'}, "<s>a"},
		{"llama-bpe told not to", keys(byteLevelKeys(), kv("pre", "llama-bpe"), kv("add_bos_token", false)), all, "a", []int32{'a'}, ""},
		{"ids out of range are ignored", keys(byteLevelKeys(), kv("add_bos_token", true), kv("bos_token_id", uint32(9999))), all, "a", []int32{11, 'a'}, "\u000ba"},
		{"no pre is the default one", keys(byteLevelKeys(), kv("pre", nil)), all, "the,1234", []int32{258, ',', '1', '2', '3', '4'}, ""},
		{"no types are normal ones", keys(byteLevelKeys(), kv("token_type", nil)), EncodeOptions{}, "[X]", []int32{'[', 'X', ']'}, ""},
		{"empty texts get names", keys(byteLevelKeys(), kv("tokens", append(byteLevelTexts(), "", "")), kv("token_type", nil)), all, "a", []int32{'a'}, ""},
		{"scores", scoredKeys(), all, "the", []int32{1, 261, 266}, "<s> the"},
		{"scores, no prefix", keys(scoredKeys(), kv("add_space_prefix", false)), all, "the", []int32{1, 262}, "<s>the"},
		{"scores, text behind a token", scoredKeys(), all, "t</s>t[X]t", []int32{1, 260, 2, 260, 267, 260}, "<s> t</s> t[X] t"},
		{"bytes", scoredKeys(), EncodeOptions{}, "\u00e9\n", []int32{263, 3 + 0xc3, 3 + 0xa9, 3 + '\n'}, ""},
		{"phi-3 takes the space behind tokens", append(scoredKeys(), gguf.KV{Key: "general.name", Value: "Phi-3 mini"}), all, "</s>  t", []int32{1, 2, 260}, "<s></s> t"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tok, err := FromGGUF(ggufOf(t, c.kvs))
			if err != nil {
				t.Fatal(err)
			}
			got := tok.Encode(c.text, c.o)
			if !slices.Equal(got, c.want) {
				t.Fatalf("ids %v, want %v", got, c.want)
			}
			if c.back == "" {
				c.back = c.text
			}
			for range 2 { // the second time as the first
				if back := decoded(t, tok, got); back != c.back {
					t.Errorf("decoded %q, want %q", back, c.back)
				}
			}
		})
	}
}

func byteLevelTexts() []string {
	for _, kv := range byteLevelKeys() {
		if s, ok := kv.Value.([]string); ok {
			return s
		}
	}
	return nil
}

func TestFromGGUFRefuses(t *testing.T) {
	nan := make([]float32, 268)
	nan[5] -= nan[5] / nan[5]
	for _, c := range []struct {
		name string
		kvs  []gguf.KV
		kind fault.Kind
		says string
	}{
		{"no tokenizer", nil, fault.Malformed, "tokenizer.ggml.model is missing"},
		{"no tokens", keys(byteLevelKeys(), kv("tokens", nil)), fault.Malformed, "tokenizer.ggml.tokens is missing"},
		{"no merges", keys(byteLevelKeys(), kv("merges", nil)), fault.Malformed, "tokenizer.ggml.merges is missing"},
		{"model unknown", keys(byteLevelKeys(), kv("model", "bert")), fault.Unsupported, `tokenizer.ggml.model is "bert"`},
		{"B26 pre unknown", keys(byteLevelKeys(), kv("pre", "(a+)+$")), fault.Unsupported, `tokenizer.ggml.pre is "(a+)+$", which is not known`},
		{"B24 text twice", keys(byteLevelKeys(), kv("tokens", []string{"a", "b", "a"}), kv("token_type", nil)), fault.Malformed, `tokens 0 and 2 are both "a"`},
		{"score NaN", keys(scoredKeys(), kv("scores", nan)), fault.Malformed, "token 5 has the score NaN"},
		{"bos wanted, none there", keys(byteLevelKeys(), kv("pre", "glm4"), kv("add_bos_token", true)), fault.Malformed, "add_bos_token is set"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := FromGGUF(ggufOf(t, c.kvs))
			if fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestPreNames: every name has patterns that are known.
func TestPreNames(t *testing.T) {
	for _, name := range []string{"default", "qwen2", "llama-bpe", "deepseek-llm", "deepseek-coder", "deepseek-v3", "deepseek-r1-qwen", "gpt-2", "hunyuan", "hunyuan-dense", "gpt-4o", "tekken", "starcoder", "falcon",
		"mpt", "olmo", "refact", "command-r", "qwen35", "stablelm2", "dbrx", "smaug-bpe", "glm4", "viking", "bloom", "seed-coder", "ufakzeka", "laguna", "minicpm5", "spark2_5", "bailingmoe", "minerva-7b"} {
		p, ok := ggufPre(name)
		if !ok || len(p.patterns) == 0 {
			t.Errorf("%s is not known", name)
		}
		for _, pattern := range p.patterns {
			if known(pattern) == nil {
				t.Errorf("%s: %q is not known", name, pattern)
			}
		}
	}
	for _, name := range []string{"", "kimi-k2", "Qwen2", "superbpe"} {
		if _, ok := ggufPre(name); ok {
			t.Errorf("%q is known", name)
		}
	}
}

// TestPartition: llama.cpp's order, the longest token first wherever it stands, against cutting
// token by token.
func TestPartition(t *testing.T) {
	tokens := []addedToken{{id: 0, content: "ab"}, {id: 1, content: "bc"}, {id: 2, content: "abc"}, {id: 3, content: "c"}, {id: 4, content: "bca", rstrip: true}, {id: 5, content: "b ", lstrip: true}}
	l, err := newLexicon(tokens, "")
	if err != nil {
		t.Fatal(err)
	}
	order := slices.Clone(tokens)
	slices.SortStableFunc(order, func(a, b addedToken) int { return len(b.content) - len(a.content) })
	rnd := numbers(3)
	for range 5000 {
		var b strings.Builder
		for range rnd.below(14) {
			b.WriteByte("abc "[rnd.below(4)])
		}
		text := b.String()
		want := []fragment{{text: text, id: -1}}
		for _, tok := range order {
			var next []fragment
			for _, f := range want {
				for f.id < 0 {
					k := strings.Index(f.text, tok.content)
					if k < 0 {
						break
					}
					left, right := f.text[:k], f.text[k+len(tok.content):]
					if tok.lstrip {
						left = strings.TrimRight(left, " ")
					}
					if tok.rstrip {
						right = strings.TrimLeft(right, " ")
					}
					if left != "" {
						next = append(next, fragment{text: left, id: -1})
					}
					next = append(next, fragment{id: tok.id})
					f.text = right
				}
				if f.id >= 0 || f.text != "" {
					next = append(next, f)
				}
			}
			want = next
		}
		var got []fragment
		for _, f := range l.partition(text, true) {
			if f.id < 0 && f.text == "" {
				continue
			}
			if f.pos = 0; f.id >= 0 {
				f.text = ""
			}
			got = append(got, f)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%q: %v, want %v", text, got, want)
		}
	}
}
