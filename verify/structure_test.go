package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
)

// TestStructure damages what is not data, and blocks.
func TestStructure(t *testing.T) {
	whole := healthy(t, "Q4_K_M", false)
	f, err := gguf.Open(bytes.NewReader(whole), int64(len(whole)), "out.gguf", gguf.DefaultLimits())
	check(t, err)
	off := func(name string) int64 {
		for i := range f.Tensors {
			if f.Tensors[i].Name == name {
				off, _ := f.Section(&f.Tensors[i])
				return off
			}
		}
		t.Fatal("no tensor ", name)
		return 0
	}
	for _, c := range []struct {
		name string
		harm func(b []byte) []byte
		want string
	}{
		{"nothing", func(b []byte) []byte { return b }, ""},
		{"padding behind the header", func(b []byte) []byte { b[f.DataStart-1] = 7; return b }, `structure: tensor "output.weight": byte`},
		{"bytes behind the end", func(b []byte) []byte { return append(b, 0, 0, 0) }, "structure: 3 bytes behind the last tensor's belong to nothing"},
		{"a scale that is infinite", func(b []byte) []byte {
			at := off("blk.0.ffn_up.weight") + 3*144
			b[at], b[at+1] = 0x00, 0x7c
			return b
		}, `blocks: tensor "blk.0.ffn_up.weight": row 3: the scale of columns 0 to 255 is +Inf; expected finite values and legal codes`},
		{"values that are no numbers", func(b []byte) []byte {
			for i := range 8 {
				b[off("blk.1.attn_norm.weight")+int64(i)+400] = 0xff
			}
			return b
		}, `blocks: tensor "blk.1.attn_norm.weight": row 0: column 100 is NaN`},
	} {
		for _, threads := range []int{1, 3} {
			s := subject(t, c.harm(bytes.Clone(whole)), nil)
			s.Threads = threads
			r := static(t, s)
			if got := findings(r); r.Pass != (c.want == "") || !strings.HasPrefix(got, c.want) || strings.Count(got, "\n") > 1 {
				t.Errorf("%s: %q, want %q", c.name, got, c.want)
			}
			if sum := sha256.Sum256(c.harm(bytes.Clone(whole))); r.SHA256 != hex.EncodeToString(sum[:]) {
				t.Errorf("%s: not the file's SHA-256", c.name)
			}
		}
	}
}

// TestVocabulary: a tokenizer with other tokens than the embeddings have rows. More cannot be embedded; llama.cpp wants as many.
func TestVocabulary(t *testing.T) {
	whole := open(t, healthy(t, "Q8_0", false))
	resized := func(n int) *Report {
		p := *whole
		p.kvs = slices.Clone(whole.kvs)
		for i := range p.kvs {
			switch v := p.kvs[i].Value.(type) {
			case []string:
				if p.kvs[i].Key == "tokenizer.ggml.tokens" {
					p.kvs[i].Value = append(slices.Clone(v), "one more")[:n]
				}
			case []int32:
				p.kvs[i].Value = append(slices.Clone(v), 1)[:n]
			}
		}
		return static(t, subject(t, p.file(), nil))
	}
	if got := findings(resized(769)); got != "structure: tensor \"token_embd.weight\": it has 768 rows, the tokenizer has 769 tokens\n" {
		t.Error(got)
	}
	if r := resized(767); len(r.Notices) != 1 || !strings.Contains(r.Notices[0], "768 rows, the tokenizer 767 tokens") {
		t.Error(r.Notices, findings(r))
	}
}

// TestC11Empty: a tensor that holds nothing is named, with a source and without.
func TestC11Empty(t *testing.T) {
	for _, src := range []*Source{nil, FromCheckpoint(checkpoint(t, tiny), "")} {
		p := open(t, healthy(t, "Q8_0", false))
		p.tensor("blk.1.attn_norm.weight").Shape = []int64{0}
		p.data["blk.1.attn_norm.weight"] = nil
		p.tensor("blk.1.ffn_up.weight").Shape = []int64{0, 512}
		p.data["blk.1.ffn_up.weight"] = nil
		err := Error(static(t, subject(t, p.file(), src)))
		if fault.KindOf(err) != fault.Failed || !strings.Contains(err.Error(), `tensor "blk.1.attn_norm.weight": the shape is [0], the keys say [256]`) {
			t.Error(err)
		}
	}
}

// TestUnreadable: a file that is damaged is a report, what is no GGUF file is an error.
func TestUnreadable(t *testing.T) {
	cut := fault.New(fault.Malformed, "out.gguf", "ends too early").In("w").At(7)
	r, ok := Unreadable("out.gguf", []byte("GGUF"), cut)
	if !ok || findings(r) != "structure: tensor \"w\": ends too early (byte 7)\n" {
		t.Error(r)
	}
	for _, c := range []struct {
		head string
		err  error
	}{{"GGML", cut}, {"", cut}, {"GGUF", fault.New(fault.IO, "out.gguf", "x")}, {"GGUF", fault.New(fault.Unsupported, "out.gguf", "version 1")}, {"GGUF", io.EOF}} {
		if _, ok := Unreadable("out.gguf", []byte(c.head), c.err); ok {
			t.Errorf("%q, %v: is a report", c.head, c.err)
		}
	}
}

// TestHash: digests are those of the bytes, whatever lies around the tensors, also when they are larger than what is read at a time.
func TestHash(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	b := make([]byte, 3*pieceBytes+12345)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	sum := func(parts ...[]byte) string {
		s := sha256.Sum256(bytes.Join(parts, nil))
		return hex.EncodeToString(s[:])
	}
	const far = 2*pieceBytes + 77
	f := &File{Name: "f", Size: int64(len(b)), Data: bytes.NewReader(b), Tensors: []Section{{"a", 100, 50}, {"empty", 150, 0}, {"b", 150, 1}, {"c", 200, far - 200}, {"d", far + pieceBytes + 1, 9}}}
	want := []Digest{
		{"sha256", sum(b[100:150]), "f:a"}, {"sha256", sum(), "f:empty"}, {"sha256", sum(b[150:151]), "f:b"}, {"sha256", sum(b[200:far]), "f:c"},
		{"sha256", sum(b[far+pieceBytes+1:][:9]), "f:d"}, {"sha256", sum(b[100:151], b[200:far], b[far+pieceBytes+1:][:9]), "f"}, {"sha256-file", sum(b), "f"},
	}
	var read int64
	got, err := Hash(context.Background(), f, func(n int64) { read += n })
	check(t, err)
	if !slices.Equal(got, want) || read != f.Size {
		t.Errorf("%d bytes read; got %v\nwant %v", read, got, want)
	}
	f.Size += 5
	if _, err := Hash(context.Background(), f, func(int64) {}); fault.KindOf(err) != fault.IO || !strings.Contains(err.Error(), "unexpected EOF") {
		t.Errorf("a file that is too short: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Hash(ctx, f, func(int64) {}); err != context.Canceled {
		t.Errorf("cancelled: %v", err)
	}
	if got, err := Hash(context.Background(), &File{Name: "nothing", Data: bytes.NewReader(nil)}, func(int64) {}); err != nil || len(got) != 2 || got[0].Digest != sum() {
		t.Errorf("an empty file: %v, %v", got, err)
	}
}

// TestPieces: what is looked at is whole rows, or whole blocks of a row that is longer than what is read at a time.
func TestPieces(t *testing.T) {
	long := gguf.Tensor{Type: gguf.TypeQ8_0, Shape: []int64{4 * pieceBytes, 2}}
	_, row := rowOf(&long)
	at := int64(0)
	for at < long.Bytes() {
		n := pieceOf(&long, at)
		if n <= 0 || n > pieceBytes || n%34 != 0 || at/row != (at+n-1)/row {
			t.Fatalf("%d bytes at %d", n, at)
		}
		at += n
	}
	short := gguf.Tensor{Type: gguf.TypeF32, Shape: []int64{300, 50_000}}
	if n := pieceOf(&short, 0); n%1200 != 0 || n > pieceBytes || n < pieceBytes-1200 {
		t.Errorf("%d bytes of rows of 1200", n)
	}
}
