package tokenizer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
)

// everyRune are all code points but the surrogates.
func everyRune() []rune {
	var all []rune
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if r < 0xd800 || r > 0xdfff {
			all = append(all, r)
		}
	}
	return all
}

// TestClasses: every code point has the class that the engines of Hugging Face's tokenizers give it.
func TestClasses(t *testing.T) {
	class := func(c uint8) func(rune) bool {
		return func(r rune) bool { got, _ := classAt(string(r), 0); return got&c != 0 }
	}
	of := map[string]func(rune) bool{
		`\p{L}`: class(isL), `\p{N}`: class(isN), `\p{M}`: class(isM), `\p{P}`: class(isP), `\p{S}`: class(isS), `\s`: class(isSpace),
		`[\p{Lu}\p{Lt}]`: class(isUpper), `\p{Ll}`: class(isLower), "punctuation": isPunctuation, "digits": isNumeric, "word": isWord,
		"(?i:s)": func(r rune) bool {
			s := "'" + string(r)
			return contraction(s, 0, true) == len(s) && r|32 != 'd' && r|32 != 'm' && r|32 != 't'
		},
	}
	want := references().Unicode.Classes
	if len(want) != len(of) {
		t.Fatalf("%d classes recorded, %d known", len(want), len(of))
	}
	for name, in := range of {
		ranges := [][2]rune{}
		for _, r := range everyRune() {
			if !in(r) {
				continue
			}
			if n := len(ranges); n > 0 && ranges[n-1][1] == r-1 {
				ranges[n-1][1] = r
			} else {
				ranges = append(ranges, [2]rune{r, r})
			}
		}
		b, _ := json.Marshal(ranges)
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != want[name] {
			t.Errorf("%s: %d ranges hash to %x, want %s", name, len(ranges), sum, want[name])
		}
	}
}

// TestNormalizeAll: normal forms of every code point, alone and between marks, are those of Hugging
// Face's tokenizers.
func TestNormalizeAll(t *testing.T) {
	for name, want := range references().Unicode.Forms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := newNormalizer(object(t, `{"type":"`+name+`"}`), jsonName)
			if err != nil {
				t.Fatal(err)
			}
			h := sha256.New()
			var b strings.Builder // of many at once: the line ends keep them apart
			for i, r := range everyRune() {
				c := string(r)
				b.WriteString(c + "\x00a" + c + "\u0301\x00a\u0345" + c + "\u0334\x00\uac00" + c + "\n")
				if i%256 == 255 || r == unicode.MaxRune {
					h.Write([]byte(f(b.String())))
					b.Reset()
				}
			}
			for _, s := range randomTexts(13, 3000) {
				h.Write([]byte(f(s) + "\n"))
			}
			if got := hex.EncodeToString(h.Sum(nil)); got != want {
				t.Errorf("hash to %s, want %s", got, want)
			}
		})
	}
}

// TestManyVowels: x/text counts Hangul vowels as marks, also the halfwidth ones, which NFC leaves.
func TestManyVowels(t *testing.T) {
	f, err := newNormalizer(object(t, `{"type":"NFC"}`), jsonName)
	if err != nil {
		t.Fatal(err)
	}
	many := strings.Repeat("\uffca", 40)
	if got, want := f(many+"e\u0301\u1100\u1161"), many+"\u00e9\uac00"; got != want {
		t.Errorf("%+q, want %+q", got, want)
	}
}

// TestManyMarks: x/text puts U+034F between marks in long rows; Unicode's algorithm does not.
func TestManyMarks(t *testing.T) {
	for _, form := range []string{"NFC", "NFD", "NFKC", "NFKD"} {
		f, err := newNormalizer(object(t, `{"type":"`+form+`"}`), jsonName)
		if err != nil {
			t.Fatal(err)
		}
		s := "e"
		for range 40 {
			s += "\u0301\u0323"
		}
		want := "e"
		if form == "NFC" || form == "NFKC" {
			want = "\u1eb9"
		}
		for i := range 40 {
			if i > 0 || len(want) == 1 {
				want += "\u0323"
			}
		}
		for range 40 {
			want += "\u0301"
		}
		if got := f(s); got != want {
			t.Errorf("%s: %+q, want %+q", form, got, want)
		}
	}
}
