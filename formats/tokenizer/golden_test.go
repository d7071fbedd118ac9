package tokenizer

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// goldens is what testdata/make.py recorded.
type goldens struct {
	Nasty      []string
	Tokenizers map[string]struct {
		Texts           []encoded
		Random, Decoded string
	}
	SentencePiece map[string]struct {
		Texts  []encoded
		Random string
	}
	Real    map[string]struct{ Wiki, Random string }
	Unicode struct{ Classes, Forms map[string]string }
}

type encoded struct {
	IDs     []int32
	With    []int32 // with special tokens around, when that differs
	Plain   []int32 // special tokens not parsed, when that differs
	Decoded string
}

func gunzip(t testing.TB, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var references = sync.OnceValue(func() (g goldens) {
	raw, err := os.ReadFile("testdata/goldens.json.gz")
	if err == nil {
		var r *gzip.Reader
		if r, err = gzip.NewReader(bytes.NewReader(raw)); err == nil {
			err = json.NewDecoder(r).Decode(&g)
		}
	}
	if err != nil {
		panic(err)
	}
	return g
})

// documents are the small tokenizer.json files by name.
func documents(t testing.TB) map[string]json.RawMessage {
	var docs map[string]json.RawMessage
	if err := json.Unmarshal(gunzip(t, "testdata/tokenizers.json.gz"), &docs); err != nil {
		t.Fatal(err)
	}
	return docs
}

func loadDocument(t testing.TB, doc []byte) *Tokenizer {
	t.Helper()
	f, err := parseJSON(string(doc), jsonName)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := newJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// digest hashes lists of ids as make.py does.
func digest(lists [][]int32) string {
	h := sha256.New()
	for _, ids := range lists {
		binary.Write(h, binary.LittleEndian, append(slices.Clone(ids), -1))
	}
	return hex.EncodeToString(h.Sum(nil))
}

func encodeAll(tok *Tokenizer, texts []string, o EncodeOptions) [][]int32 {
	out := make([][]int32, len(texts))
	for i, s := range texts {
		out[i] = tok.Encode(s, o)
	}
	return out
}

func decoded(t testing.TB, tok *Tokenizer, ids []int32) string {
	t.Helper()
	s, err := tok.Decode(ids)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestHuggingFace: ids and texts equal those of Hugging Face's tokenizers, for every kind of part.
func TestHuggingFace(t *testing.T) {
	g, docs := references(), documents(t)
	if len(docs) < 26 || len(docs) != len(g.Tokenizers) {
		t.Fatalf("%d documents, %d recorded", len(docs), len(g.Tokenizers))
	}
	many := randomTexts(11, 3000)
	for name, want := range g.Tokenizers {
		t.Run(name, func(t *testing.T) {
			tok := loadDocument(t, docs[name])
			for i, s := range g.Nasty {
				w := want.Texts[i]
				got := tok.Encode(s, EncodeOptions{ParseSpecial: true})
				if !slices.Equal(got, w.IDs) {
					t.Errorf("%q: ids %v, want %v", s, got, w.IDs)
					continue
				}
				if s := decoded(t, tok, got); s != w.Decoded {
					t.Errorf("%v: decoded %q, want %q", got, s, w.Decoded)
				}
				if w.With == nil {
					w.With = w.IDs
				}
				if w.Plain == nil {
					w.Plain = w.IDs
				}
				if got := tok.Encode(s, EncodeOptions{ParseSpecial: true, AddSpecial: true}); !slices.Equal(got, w.With) {
					t.Errorf("%q with special tokens: %v, want %v", s, got, w.With)
				}
				if got := tok.Encode(s, EncodeOptions{}); !slices.Equal(got, w.Plain) {
					t.Errorf("%q without parsing: %v, want %v", s, got, w.Plain)
				}
			}
			if got := digest(encodeAll(tok, many, EncodeOptions{ParseSpecial: true})); got != want.Random {
				t.Errorf("%d random texts: ids hash to %s, want %s", len(many), got, want.Random)
			}
			texts := make([]string, len(many))
			for i, ids := range encodeAll(tok, many, EncodeOptions{ParseSpecial: true, AddSpecial: true}) {
				texts[i] = decoded(t, tok, ids)
			}
			sum := sha256.Sum256([]byte(strings.Join(texts, "\x00")))
			if got := hex.EncodeToString(sum[:]); got != want.Decoded {
				t.Errorf("%d random texts: decoded hash to %s, want %s", len(many), got, want.Decoded)
			}
		})
	}
}

// TestSentencePiece: ids and texts equal those of sentencepiece.
func TestSentencePiece(t *testing.T) {
	g := references()
	for name, want := range g.SentencePiece {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile("testdata/" + name + ".model")
			if err != nil {
				t.Fatal(err)
			}
			f, err := parseSP(data, spName)
			if err != nil {
				t.Fatal(err)
			}
			tok, err := newSP(f, true, false)
			if err != nil {
				t.Fatal(err)
			}
			for i, s := range g.Nasty {
				got := tok.Encode(s, EncodeOptions{})
				if !slices.Equal(got, want.Texts[i].IDs) {
					t.Errorf("%q: ids %v, want %v", s, got, want.Texts[i].IDs)
				}
			}
			if got := digest(encodeAll(tok, randomTexts(11, 3000), EncodeOptions{})); got != want.Random {
				t.Errorf("random texts: ids hash to %s, want %s", got, want.Random)
			}
			if got := tok.Encode("a", EncodeOptions{AddSpecial: true}); len(got) < 2 || got[0] != 1 {
				t.Errorf("with special tokens: %v, want 1 first", got)
			}
		})
	}
}
