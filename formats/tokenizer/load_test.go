package tokenizer

import (
	"encoding/base64"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/hf"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

// TestRanks: a rank file with Hunyuan's pattern and special tokens.
func TestRanks(t *testing.T) {
	f := hunyuanFile(t, 256+3)
	if err := f.hunyuan(object(t, `{"vocab_size":270}`)); err != nil {
		t.Fatal(err)
	}
	if n := len(f.special); n != 11 || f.special[10].content != "<|extra_5|>" || f.special[10].id != 269 {
		t.Fatalf("%d special tokens: %v", n, f.special)
	}
	tok, err := newRanks(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text    string
		special bool
		want    []int32
	}{
		{"the", true, []int32{258}}, {"th", true, []int32{257}}, {"he", true, []int32{256}}, {"thhe", true, []int32{257, 256}}, {"a\u00e9", true, []int32{'a', 0xc3, 0xa9}},
		{"e\u0301", true, []int32{0xc3, 0xa9}}, {"the<|eos|>the", true, []int32{258, 262, 258}}, {"<|bos|>", false, []int32{'<', '|', 'b', 'o', 's', '|', '>'}},
	} {
		if got := tok.Encode(c.text, EncodeOptions{ParseSpecial: c.special}); !slices.Equal(got, c.want) {
			t.Errorf("%q: %v, want %v", c.text, got, c.want)
		}
	}
	if got := decoded(t, tok, []int32{258, 0xc3, 261, 0xa9}); got != "the\ufffd<|bos|>\ufffd" {
		t.Errorf("decoded %q", got)
	}
	for _, size := range []int{263, 475, 0} {
		f := hunyuanFile(t, 259)
		if err := f.hunyuan(object(t, fmt.Sprintf(`{"vocab_size":%d}`, size))); fault.KindOf(err) != fault.Mismatch {
			t.Errorf("vocab_size %d: %v", size, err)
		}
	}
	f = hunyuanFile(t, 259)
	if err := f.hunyuan(strictjson.Value{}); err != nil || len(f.special) != 210 {
		t.Errorf("without vocab_size: %d special tokens, %v", len(f.special), err)
	}
}

func rankLines(n int) string {
	var b strings.Builder
	more := []string{"he", "th", "the"}
	for i := range n {
		token := string([]byte{byte(i)})
		if i >= 256 {
			token = more[i-256]
		}
		fmt.Fprintf(&b, "%s %d\n", base64.StdEncoding.EncodeToString([]byte(token)), i)
	}
	return b.String()
}

func hunyuanFile(t *testing.T, n int) *rankFile {
	t.Helper()
	if !isRanks([]byte(rankLines(n))) {
		t.Fatal("not recognized as ranks")
	}
	f, err := parseRanks([]byte(rankLines(n)), "hy.tiktoken")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestBadRanks(t *testing.T) {
	for name, data := range map[string]string{
		"byte missing": "YQ== 0\n", "no base64": "?? 0\n", "gap": "YQ== 0\nYg== 2\n", "twice": "YQ== 0\nYQ== 1\n", "negative": "YQ== -1\n", "no rank": "YQ==\n", "empty token": " 0\n", "nothing": "",
	} {
		if _, err := parseRanks([]byte(data), "hy.tiktoken"); fault.KindOf(err) != fault.Malformed {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBadSentencePiece: models that are cut, contradict themselves or need what is not known.
func TestBadSentencePiece(t *testing.T) {
	good, err := os.ReadFile("testdata/llama.model")
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(good) {
		if f, err := parseSP(good[:n], spName); err != nil && fault.KindOf(err) != fault.Malformed {
			t.Fatalf("cut at %d: %v", n, err)
		} else if err == nil {
			if _, err := newSP(f, true, true); err != nil && fault.KindOf(err) != fault.Malformed && fault.KindOf(err) != fault.Unsupported {
				t.Fatalf("cut at %d: %v", n, err)
			}
		}
	}
	whole, err := parseSP(good, spName)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(f *spFile)
		kind   fault.Kind
	}{
		{"unigram", func(f *spFile) { f.algorithm = spUnigram }, fault.Unsupported},
		{"word", func(f *spFile) { f.algorithm = 3 }, fault.Unsupported},
		{"rules", func(f *spFile) { f.charsmap = []byte{1} }, fault.Unsupported},
		{"piece twice", func(f *spFile) { f.pieces[400].text = f.pieces[401].text }, fault.Malformed},
		{"piece empty", func(f *spFile) { f.pieces[400].text = "" }, fault.Malformed},
		{"no unknown piece", func(f *spFile) { f.pieces[0].kind = kindControl }, fault.Malformed},
		{"two unknown pieces", func(f *spFile) { f.pieces[1].kind = kindUnknown }, fault.Malformed},
		{"byte missing", func(f *spFile) { f.pieces[20].text = "<0x-1>" }, fault.Malformed},
		{"bos out of range", func(f *spFile) { f.bos = 1 << 40 }, fault.Malformed},
		{"bos no control piece", func(f *spFile) { f.bos = 400 }, fault.Malformed},
		{"no bos", func(f *spFile) { f.bos = -1 }, 0},
	} {
		f := *whole
		f.pieces = slices.Clone(whole.pieces)
		c.change(&f)
		if _, err := newSP(&f, true, false); fault.KindOf(err) != c.kind {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestTinyModel: the tokenizer that the project ships gives back what it encodes.
func TestTinyModel(t *testing.T) {
	tok, err := Load(hf.Dir("../../testdata/harbour-2m", false), strictjson.Value{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../testdata/harbour-2m/held-out.txt")
	if err != nil {
		t.Fatal(err)
	}
	ids := tok.Encode(string(text), EncodeOptions{})
	if tok.Len() != 768 || len(ids) == 0 || len(ids) > len(text)/2 {
		t.Errorf("%d tokens; %d bytes became %d ids", tok.Len(), len(text), len(ids))
	}
	if decoded(t, tok, ids) != string(text) {
		t.Error("decoded differs")
	}
	if got := tok.Encode("<|im_end|>", EncodeOptions{ParseSpecial: true}); !slices.Equal(got, []int32{767}) {
		t.Errorf("special token: %v", got)
	}
	// What goes before a text comes from the post-processor (llama3, mixtral), from Llama's class
	// (deepseek) or from the SentencePiece model (mistral).
	for dir, before := range map[string][]int32{"hunyuan-moe": nil, "mistral": {1}, "mixtral": {1}, "llama3": {392}, "deepseek-v2": {380}, "deepseek-v3": {0}, "hunyuan-dense": nil} {
		src := hf.Dir("../../testdata/fixtures/"+dir, false)
		_, cfg, err := hf.LoadConfig(src)
		if err != nil {
			t.Fatal(err)
		}
		tok, err := Load(src, cfg)
		if err != nil {
			t.Errorf("%s: %v", dir, err)
			continue
		}
		const text = "The harbour light, 12345 times: \u00e9t\u00e9 \u4f60\u597d!\n\n  it's"
		if got := decoded(t, tok, tok.Encode(text, EncodeOptions{})); got != text {
			t.Errorf("%s: decoded %q", dir, got)
		}
		plain, with := tok.Encode(text, EncodeOptions{}), tok.Encode(text, EncodeOptions{AddSpecial: true})
		if !slices.Equal(with, append(before, plain...)) {
			t.Errorf("%s: with special tokens %v, without %v, expected %v before", dir, with, plain, before)
		}
	}
}
