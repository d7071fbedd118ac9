package tokenizer

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/qconv/qconv/formats/gguf"
)

// TestEnds compares which tokens end a generation with llama_vocab_is_eog of llama.cpp v0.5.0, asked for every token of
// its vocabulary files.
func TestEnds(t *testing.T) {
	const dir = "../../../shared/data/vocab"
	for name, want := range map[string][]int32{
		"deepseek-coder": {32014}, "deepseek-llm": {100001}, "gpt-2": {50256},
		"llama-bpe": {128001, 128009}, "llama-spm": {2}, "qwen2": {128247, 151643, 151645},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := os.Open(filepath.Join(dir, "ggml-vocab-"+name+".gguf"))
			if err != nil {
				t.Skipf("the vocabularies are not here: %v", err)
			}
			defer f.Close()
			st, err := f.Stat()
			if err != nil {
				t.Fatal(err)
			}
			g, err := gguf.Open(f, st.Size(), name, gguf.DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			tok, err := FromGGUF(g)
			if err != nil {
				t.Fatal(err)
			}
			var got []int32
			for id := range int32(tok.Len()) {
				if tok.Ends(id) {
					got = append(got, id)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%v end a generation, want %v", got, want)
			}
		})
	}
}

// TestEndsOfKeys covers what no vocabulary at hand has: keys, and texts that change what others mean.
func TestEndsOfKeys(t *testing.T) {
	for _, c := range []struct {
		texts []string
		keys  map[string]uint32
		want  []int32
	}{
		{[]string{"a", "b", "c"}, map[string]uint32{"eos": 1, "eot": 2}, []int32{1, 2}},
		{[]string{"a", "<|return|>", "<|call|>", "<|end|>"}, nil, []int32{1, 2}},
		{[]string{"a", "<|return|>", "<|end|>"}, nil, []int32{2, 1}},
		{[]string{"</s>", "<|tool_response>"}, nil, []int32{1}},
		{[]string{"a", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>"}, nil, []int32{1, 2, 3}},
		{[]string{"a", "<|fim_pad|>", "b"}, map[string]uint32{"fim_pad": 2}, []int32{2}},
		{[]string{"a", "b"}, map[string]uint32{"eos": 7}, nil},
	} {
		v := &ggufVocab{texts: c.texts, ids: map[string]int32{}}
		for i, s := range c.texts {
			v.ids[s] = int32(i)
		}
		var kvs []gguf.KV
		for k, id := range c.keys {
			kvs = append(kvs, gguf.KV{Key: "tokenizer.ggml." + k + "_token_id", Value: id})
		}
		if got := v.endTokens(gguf.Keys("x", kvs), -1); !slices.Equal(got, c.want) {
			t.Errorf("%q with %v: %v, want %v", c.texts, c.keys, got, c.want)
		}
	}
}
