package tokenizer

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/formats/hf"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

const sharedData = "../../../shared/data"

func needShared(t *testing.T, path string) string {
	t.Helper()
	path = filepath.Join(sharedData, path)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("skipped: %s is not here", path)
	}
	return path
}

// TestReferenceVocabularies: llama.cpp's own test cases, for each vocabulary with recorded ids.
func TestReferenceVocabularies(t *testing.T) {
	dir := needShared(t, "vocab")
	inputs, err := filepath.Glob(dir + "/*.inp")
	if err != nil || len(inputs) < 6 {
		t.Fatalf("%d inputs, %v", len(inputs), err)
	}
	for _, inp := range inputs {
		path := strings.TrimSuffix(inp, ".inp")
		t.Run(filepath.Base(path), func(t *testing.T) {
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			st, err := f.Stat()
			if err != nil {
				t.Fatal(err)
			}
			g, err := gguf.Open(f, st.Size(), filepath.Base(path), gguf.DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			tok, err := FromGGUF(g)
			if err != nil {
				t.Fatal(err)
			}
			in, err := os.ReadFile(inp)
			if err != nil {
				t.Fatal(err)
			}
			out, err := os.ReadFile(path + ".out")
			if err != nil {
				t.Fatal(err)
			}
			cases := strings.Split(strings.TrimSuffix(string(in), "\n__ggml_vocab_test__\n"), "\n__ggml_vocab_test__\n")
			lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
			if len(cases) != len(lines) || len(cases) < 46 {
				t.Fatalf("%d cases, %d lines", len(cases), len(lines))
			}
			for i, text := range cases {
				ids := tok.Encode(text, EncodeOptions{})
				if got := strings.Trim(fmt.Sprint(ids), "[]"); got != strings.TrimSpace(lines[i]) {
					t.Errorf("%q: %s, want %s", text, got, lines[i])
				}
				if back := decoded(t, tok, ids); back != text {
					t.Errorf("%q decoded as %q", text, back)
				}
			}
		})
	}
}

// TestRealTokenizers: WikiText-2 and 10,000 random texts have the ids that the tokenizer's own
// library gives, by hash.
func TestRealTokenizers(t *testing.T) {
	dir := needShared(t, "tokenizers")
	wiki, err := os.ReadFile(needShared(t, "text/wiki.test.raw"))
	if err != nil {
		t.Fatal(err)
	}
	many := randomTexts(1, 10000)
	real := references().Real
	if len(real) != 4 {
		t.Fatalf("%d tokenizers recorded", len(real))
	}
	for name, want := range real {
		t.Run(name, func(t *testing.T) {
			tok, err := Load(hf.Dir(filepath.Join(dir, name), false), strictjson.Value{})
			if err != nil {
				t.Fatal(err)
			}
			o := EncodeOptions{ParseSpecial: name != "llama2-spm"} // sentencepiece reads no control piece from a text
			ids := tok.Encode(string(wiki), o)
			if got := digest([][]int32{ids}); got != want.Wiki {
				t.Errorf("WikiText-2: %d ids hash to %s, want %s", len(ids), got, want.Wiki)
			}
			if back := decoded(t, tok, ids); back != string(wiki) {
				t.Error("WikiText-2 is not decoded as it was")
			}
			if got := digest(encodeAll(tok, many, o)); got != want.Random {
				t.Errorf("%d random texts: ids hash to %s, want %s", len(many), got, want.Random)
			}
		})
	}
}
