package tokenizer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

func object(t testing.TB, doc string) strictjson.Value {
	t.Helper()
	v, err := strictjson.Parse([]byte(doc), 20)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// document is a tokenizer.json with the given parts; vocab and merges are JSON.
func document(vocab, merges, rest string) string {
	if rest != "" {
		rest = "," + rest
	}
	return `{"model":{"type":"BPE","vocab":` + vocab + `,"merges":` + merges + `}` + rest + `}`
}

func tryJSON(doc string) (*Tokenizer, error) {
	f, err := parseJSON(doc, jsonName)
	if err != nil {
		return nil, err
	}
	return newJSON(f)
}

// TestB24Vocabulary: vocabularies that contradict themselves or are too large.
func TestB24Vocabulary(t *testing.T) {
	const added = `{"id":%d,"content":"%s","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}`
	for _, c := range []struct {
		name, doc string
		kind      fault.Kind // 0: accepted
		says      string
	}{
		{"ids duplicated", document(`{"a":0,"b":0}`, `[]`, ``), fault.Malformed, `tokens "a" and "b" both have id 0`},
		{"text duplicated", document(`{"a":0,"a":1}`, `[]`, ``), fault.Malformed, `token "a" comes twice`},
		{"holes", document(`{"a":0,"b":7}`, `[]`, ``), 0, ``},
		{"holes all over", document(`{"a":0,"b":4000000}`, `[]`, ``), fault.Limit, `largest token id is 4000000`},
		{"id over the limit", document(`{"a":4194304}`, `[]`, ``), fault.Limit, `has the id 4194304, the limit is 4194303`},
		{"id beyond 32 bits", document(`{"a":99999999999999999999}`, `[]`, ``), fault.Limit, `the limit is`},
		{"id negative", document(`{"a":-1}`, `[]`, ``), fault.Malformed, `has the id -1`},
		{"id no integer", document(`{"a":1.5}`, `[]`, ``), fault.Malformed, `has the id 1.5`},
		{"id no number", document(`{"a":"0"}`, `[]`, ``), fault.Malformed, `expected a number`},
		{"merge of unknown", document(`{"a":0,"ab":1}`, `["a b"]`, ``), fault.Malformed, `merge 0 of "a" and "b"`},
		{"merge to unknown", document(`{"a":0,"b":1}`, `[["a","b"]]`, ``), fault.Malformed, `"ab" must be tokens`},
		{"merge of one", document(`{"a":0}`, `["a"]`, ``), fault.Malformed, `merge 0 is "a"`},
		{"merge of three", document(`{"a":0}`, `["a a a"]`, ``), fault.Malformed, `merge 0 is "a a a"`},
		{"merge of three, list", document(`{"a":0}`, `[["a","a","a"]]`, ``), fault.Malformed, `has 3 parts`},
		{"merge that repeats", document(`{"a":0,"b":1,"ab":2}`, `["a b","a b"]`, ``), 0, ``},
		{"merge version line", document(`{"a":0,"b":1,"ab":2}`, `["#version: 0.2","a b"]`, ``), 0, ``},
		{"added beyond the next", document(`{"a":0}`, `[]`, `"added_tokens":[`+fmt.Sprintf(added, 5, "<s>")+`]`), fault.Mismatch, `has id 5, but Hugging Face's tokenizers would give it 1`},
		{"added twice", document(`{"a":0}`, `[]`, `"added_tokens":[`+fmt.Sprintf(added, 1, "<s>")+`,`+fmt.Sprintf(added, 1, "<s>")+`]`), 0, ``},
		{"added in the vocabulary", document(`{"a":0,"<s>":1}`, `[]`, `"added_tokens":[`+fmt.Sprintf(added, 1, "<s>")+`]`), 0, ``},
		{"added has the vocabulary's id", document(`{"a":0,"<s>":1}`, `[]`, `"added_tokens":[`+fmt.Sprintf(added, 0, "<s>")+`]`), 0, ``},
		{"added without flags", document(`{"a":0}`, `[]`, `"added_tokens":[{"id":1,"content":"x"}]`), fault.Malformed, `has no boolean single_word`},
		{"added of 1024 bytes", document(`{"a":0}`, `[]`, `"added_tokens":[`+fmt.Sprintf(added, 1, strings.Repeat("x", 1024))+`]`), 0, ``},
		{"added of 1025 bytes", document(`{"a":0}`, `[]`, `"added_tokens":[`+fmt.Sprintf(added, 1, strings.Repeat("x", 1025))+`]`), fault.Limit, `has 1025 bytes, the limit is 1024`},
		{"no model", `{}`, fault.Malformed, `has no model`},
		{"no JSON", `{"model":`, fault.Malformed, `unexpected end`},
		{"unigram", `{"model":{"type":"Unigram","vocab":[["a",-1.0]]}}`, fault.Unsupported, `model type "Unigram"`},
		{"word pieces", `{"model":{"type":"WordPiece","vocab":{"a":0}}}`, fault.Unsupported, `model type "WordPiece"`},
		{"prefix", `{"model":{"type":"BPE","continuing_subword_prefix":"##","vocab":{"a":0},"merges":[]}}`, fault.Unsupported, `continuing_subword_prefix`},
		{"dropout", `{"model":{"type":"BPE","dropout":0.1,"vocab":{"a":0},"merges":[]}}`, fault.Unsupported, `dropout`},
		{"unk unknown", `{"model":{"type":"BPE","unk_token":"<unk>","vocab":{"a":0},"merges":[]}}`, fault.Malformed, `unk_token`},
		{"B26 pattern", document(`{"a":0}`, `[]`, `"pre_tokenizer":{"type":"Split","pattern":{"Regex":"(a+)+$"},"behavior":"Isolated","invert":false}`), fault.Unsupported, `"(a+)+$" is not known, and patterns from files are not compiled; converting works if you name the pre-tokenizer with --pre`},
		{"B26 pattern to replace", document(`{"a":0}`, `[]`, `"normalizer":{"type":"Replace","pattern":{"Regex":" {2,}"},"content":""}`), fault.Unsupported, `" {2,}" is not known`},
		{"normalizer", document(`{"a":0}`, `[]`, `"normalizer":{"type":"Nmt"}`), fault.Unsupported, `normalizer "Nmt"`},
		{"pre-tokenizer", document(`{"a":0}`, `[]`, `"pre_tokenizer":{"type":"UnicodeScripts"}`), fault.Unsupported, `pre-tokenizer "UnicodeScripts"`},
		{"decoder", document(`{"a":0}`, `[]`, `"decoder":{"type":"CTC"}`), fault.Unsupported, `decoder "CTC"`},
		{"post-processor", document(`{"a":0}`, `[]`, `"post_processor":{"type":"BertProcessing"}`), fault.Unsupported, `post-processor "BertProcessing"`},
		{"template of unknown", document(`{"a":0}`, `[]`, `"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x"}},{"Sequence":{"id":"A"}}],"special_tokens":{"x":{"ids":[9]}}}`), fault.Malformed, `adds id 9`},
		{"behavior", document(`{"a":0}`, `[]`, `"pre_tokenizer":{"type":"Split","pattern":{"String":"x"},"behavior":"Merged","invert":false}`), fault.Malformed, `behavior "Merged"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := tryJSON(c.doc)
			if fault.KindOf(err) != c.kind {
				t.Fatalf("kind %d, want %d: %v", fault.KindOf(err), c.kind, err)
			}
			if c.kind == 0 {
				return
			}
			if !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), jsonName+": ") {
				t.Errorf("says %q, want %q", err, c.says)
			}
		})
	}
}

// TestB24Holes: an id that is no token is refused by Decode, and Piece is empty.
func TestB24Holes(t *testing.T) {
	tok, err := tryJSON(document(`{"a":0,"b":7}`, `[]`, ``))
	if err != nil {
		t.Fatal(err)
	}
	if tok.Len() != 8 || tok.Piece(7) != "b" || tok.Piece(3) != "" || tok.Piece(-1) != "" || tok.Piece(8) != "" {
		t.Errorf("Len %d, pieces %q %q", tok.Len(), tok.Piece(7), tok.Piece(3))
	}
	if got := tok.Encode("abxb", EncodeOptions{}); !slices.Equal(got, []int32{0, 7, 7}) {
		t.Errorf("ids %v", got)
	}
	if got := decoded(t, tok, []int32{0, 7}); got != "a b" {
		t.Errorf("decoded %q", got)
	}
	for _, id := range []int32{-1, 3, 8, 1<<31 - 1} {
		if _, err := tok.Decode([]int32{0, id}); fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), fmt.Sprintf("id %d at position 1 is no token", id)) {
			t.Errorf("id %d: %v", id, err)
		}
	}
}

// TestAddedInVocabulary: an added token that the vocabulary has keeps the vocabulary's id, whatever
// the file says.
func TestAddedInVocabulary(t *testing.T) {
	tok, err := tryJSON(document(`{"a":0,"<s>":1}`, `[]`, `"added_tokens":[{"id":0,"content":"<s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":true,"special":true}]`))
	if err != nil {
		t.Fatal(err)
	}
	if got := tok.Encode("a<s>a", EncodeOptions{ParseSpecial: true}); !slices.Equal(got, []int32{0, 1, 0}) {
		t.Errorf("ids %v", got)
	}
}

// TestB24CyclicMerges: merges whose results are parts of one another end, because a text only grows.
func TestB24CyclicMerges(t *testing.T) {
	doc := document(`{"a":0,"aa":1,"aaa":2,"aaaa":3}`, `["a a","aa a","a aa","aa aa","aaa a","a aaa"]`, ``)
	tok, err := tryJSON(doc)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 2, 3, 4, 5, 31, 33, 40, 1000, 200_000} {
		s := strings.Repeat("a", n)
		total := 0
		for _, id := range tok.Encode(s, EncodeOptions{}) {
			total += len(tok.Piece(id))
		}
		if total != n {
			t.Errorf("%d letters became tokens of %d", n, total)
		}
	}
}

// TestB25ByteTokens: what only looks like a byte token is ordinary text.
func TestB25ByteTokens(t *testing.T) {
	for s, want := range map[string]int{"<0x00>": 0, "<0x0A>": 10, "<0xff>": 255, "<0xFF>": 255, "<0x-1>": -1, "<0x+1>": -1, "<0xZZ>": -1, "<0x1FF>": -1, "<0x1>": -1, "<0x>": -1, "": -1, "<0x 1>": -1, "<0X0A>": -1, "<0x0A]": -1} {
		got := -1
		if b, ok := hexByte(s); ok {
			got = int(b)
		}
		if got != want {
			t.Errorf("%q: %d, want %d", s, got, want)
		}
	}
	for b := range 256 {
		if got, ok := hexByte(byteToken(byte(b))); !ok || int(got) != b {
			t.Errorf("byte %d is spelled %s", b, byteToken(byte(b)))
		}
	}
}

// TestLossy: ill-formed bytes become as many U+FFFD as Rust's from_utf8_lossy makes.
func TestLossy(t *testing.T) {
	for _, c := range [][2]string{
		{"abc", "abc"}, {"\xff", "\ufffd"}, {"\xff\xfe", "\ufffd\ufffd"}, {"\xe4\xbd", "\ufffd"}, {"\xe4\xbda", "\ufffda"}, {"\xf0\x9f\x98", "\ufffd"}, {"\xf0\x9f\xf0\x9f\x98\x80", "\ufffd\U0001f600"},
		{"\xc0\x80", "\ufffd\ufffd"}, {"\xed\xa0\x80", "\ufffd\ufffd\ufffd"}, {"\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd"}, {"\xe0\x80", "\ufffd\ufffd"}, {"\x80", "\ufffd"}, {"\ufffd", "\ufffd"},
	} {
		if got := lossy([]byte(c[0])); got != c[1] {
			t.Errorf("%q: %+q, want %+q", c[0], got, c[1])
		}
	}
}

// TestMergeTwoWays: looking at all pairs and the heap merge alike.
func TestMergeTwoWays(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		table := mergeTable{}
		ids := map[string]int32{"a": 0, "b": 1, "c": 2}
		texts := []string{"a", "b", "c"}
		for rank := range 40 {
			l, r := rnd.IntN(len(texts)), rnd.IntN(len(texts))
			text := texts[l] + texts[r]
			if len(text) > 12 {
				continue
			}
			id, ok := ids[text]
			if !ok {
				id = int32(len(texts))
				ids[text] = id
				texts = append(texts, text)
			}
			table[pairKey(int32(l), int32(r))] = merged{int32(rank), id}
		}
		for range 20 {
			var few, heap scratch
			var piece []byte
			for i := range 1 + rnd.IntN(60) {
				c := rnd.IntN(3)
				piece = append(piece, "abc"[c])
				few.symbols = append(few.symbols, symbol{start: int32(i), end: int32(i + 1), id: int32(c)})
			}
			heap.symbols = slices.Clone(few.symbols)
			few.mergeFew(string(piece), table)
			heap.mergeHeap(string(piece), table)
			same := slices.EqualFunc(few.symbols, heap.symbols, func(a, b symbol) bool { return a.start == b.start && a.end == b.end && a.id == b.id })
			if !same {
				t.Fatalf("%s: %v and %v", piece, few.symbols, heap.symbols)
			}
		}
	}
}

// FuzzTokenizerJSON: no document makes loading or encoding fail otherwise than by a fault, and
// what is encoded are tokens.
func FuzzTokenizerJSON(f *testing.F) {
	// Small ones: mutating the trained ones takes the fuzzer minutes each.
	const vocab, merges = `{"a":0,"b":1,"ab":2," ":3,"<unk>":4,"<0x0A>":5,"\u2581":6,"\u2581a":7,"\u0120":8}`, `["a b","\u2581 a"]`
	const token = `{"id":9,"content":"<s>","single_word":true,"lstrip":true,"rstrip":true,"normalized":true,"special":true}`
	for _, parts := range []string{
		``, `"added_tokens":[` + token + `],"normalizer":{"type":"Prepend","prepend":"\u2581"}`,
		`"normalizer":{"type":"Sequence","normalizers":[{"type":"NFKC"},{"type":"Lowercase"},{"type":"Strip","strip_left":true},{"type":"Replace","pattern":{"String":" "},"content":"\u2581"}]}`,
		`"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},{"type":"Punctuation"},{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}]}`,
		`"pre_tokenizer":{"type":"Split","pattern":{"String":"a"},"behavior":"MergedWithNext","invert":true},"decoder":{"type":"ByteLevel"}`,
		`"pre_tokenizer":{"type":"Split","pattern":{"Regex":"\\p{N}"},"behavior":"Removed","invert":false}`,
		`"pre_tokenizer":{"type":"Metaspace","replacement":"\u2581","prepend_scheme":"first","split":true},"decoder":{"type":"Metaspace"}`,
		`"decoder":{"type":"Sequence","decoders":[{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":1}]}`,
		`"added_tokens":[` + token + `],"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>"}},{"Sequence":{"id":"A"}}],"special_tokens":{"<s>":{"ids":[9]}}}`,
	} {
		f.Add(document(vocab, merges, parts), "ab aB 12 <s> b\u00e9")
	}
	f.Add(`{"model":{"type":"BPE","unk_token":"<unk>","fuse_unk":true,"byte_fallback":true,"ignore_merges":true,"vocab":`+vocab+`,"merges":[["a","b"]]}}`, "xyab\n")
	f.Fuzz(func(t *testing.T, doc, text string) {
		tok, err := tryJSON(doc)
		if err != nil {
			if fault.KindOf(err) == 0 {
				t.Fatalf("no fault: %v", err)
			}
			return
		}
		ids := tok.Encode(text, EncodeOptions{ParseSpecial: true, AddSpecial: true})
		if _, err := tok.Decode(ids); err != nil {
			t.Fatalf("%q became %v: %v", text, ids, err)
		}
	})
}

// FuzzRoundTrip: byte-level tokenizers without normalizer give back every text.
func FuzzRoundTrip(f *testing.F) {
	var all []*Tokenizer
	docs := documents(f)
	for _, name := range []string{"llama3", "starcoder", "deepseek-v3", "deepseek-llm", "deepseek-coder", "o200k", "tekken", "laguna", "spark25", "viking"} {
		all = append(all, loadDocument(f, docs[name]))
	}
	for _, s := range references().Nasty {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want := text
		if !utf8.ValidString(text) {
			want = string([]rune(text))
		}
		for _, tok := range all {
			for _, special := range []bool{false, true} {
				if got := decoded(t, tok, tok.Encode(text, EncodeOptions{ParseSpecial: special})); got != want {
					t.Fatalf("%q came back as %q", text, got)
				}
			}
		}
	})
}
