package tokenizer

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/dlclark/regexp2/v2"
)

// patterns are the known patterns, as make.py uses them.
func patterns(t testing.TB) map[string]string {
	b, err := os.ReadFile("testdata/patterns.json")
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]string
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// familiar is true for text whose characters have one class for both engines: regexp2 goes by Go's
// tables and does not fold U+017F.
func familiar(s string) bool {
	return !strings.ContainsRune(s, '\u017f') && strings.IndexFunc(s, inLater) < 0 && strings.IndexFunc(s, func(r rune) bool { return r == unicode.ReplacementChar }) < 0
}

// cutBy gives the parts of an isolating splitter.
func cutBy(find finder, s string) []string {
	parts, _ := at(find, isolated, false)(nil, s, true)
	return parts
}

// TestSplitters: each splitter written by hand cuts as a regular expression engine does with the
// pattern's text.
func TestSplitters(t *testing.T) {
	all := patterns(t)
	if len(all) < 30 {
		t.Fatalf("%d patterns", len(all))
	}
	texts := append(slices.Clone(references().Nasty), randomTexts(17, 4000)...)
	for name, pattern := range all {
		t.Run(name, func(t *testing.T) {
			find := known(pattern)
			if find == nil {
				t.Fatalf("%q is not known", pattern)
			}
			// In Ruby's syntax, which tokenizers use, $ is the end of a line. regexp2 has no possessive
			// quantifiers; nothing that follows them here could use what they keep.
			text := strings.NewReplacer("?+", "?", "++", "+", `\s+$`, `\s+(?=\n|\z)`).Replace(pattern)
			re := regexp2.MustCompile(text, regexp2.None)
			n := 0
			for _, s := range texts {
				if !familiar(s) {
					continue
				}
				n++
				var want []string
				runes := []rune(s)
				prev := 0
				for m, err := re.FindRunesMatch(runes); m != nil; m, err = re.FindNextMatch(m) {
					if err != nil {
						t.Fatal(err)
					}
					at, end := m.RuneIndex, m.RuneIndex+m.RuneLength
					if at > prev {
						want = append(want, string(runes[prev:at]))
					}
					want = append(want, string(runes[at:end]))
					prev = end
				}
				if prev < len(runes) {
					want = append(want, string(runes[prev:]))
				}
				if got := cutBy(find, s); !slices.Equal(got, want) {
					t.Fatalf("%q:\n got %q\nwant %q", s, got, want)
				}
			}
			if n < 3000 {
				t.Errorf("only %d texts compared", n)
			}
		})
	}
}

// TestContractionFolds: U+017F is an s where case is ignored, for tokenizers and tiktoken alike.
func TestContractionFolds(t *testing.T) {
	for _, c := range []struct {
		s    string
		fold bool
		want int
	}{
		{"'s", false, 2}, {"'S", false, 0}, {"'S", true, 2}, {"'\u017f", true, 3}, {"'\u017f", false, 0}, {"'re", false, 3}, {"'rE", true, 3}, {"'RE", false, 0}, {"'l", true, 0}, {"'LL", true, 3},
		{"'x", true, 0}, {"'", true, 0}, {"s", true, 0}, {"'r", true, 0}, {"\u2019s", true, 0}, {"'\u0153", true, 0},
	} {
		if got := contraction(c.s, 0, c.fold); got != c.want {
			t.Errorf("%q fold %v: %d, want %d", c.s, c.fold, got, c.want)
		}
	}
}

// TestB26UnknownPattern: a pattern that is not known is refused, whatever it is, and not compiled.
func TestB26UnknownPattern(t *testing.T) {
	for _, pattern := range []string{`(a+)+$`, `(`, ``, `.*`, qwen2Text + ` `, strings.Repeat("(x*)*", 10000)} {
		if known(pattern) != nil {
			t.Errorf("%.40q is known", pattern)
		}
	}
}

// FuzzSplit: the parts of a text are the text.
func FuzzSplit(f *testing.F) {
	var all []finder
	m := patterns(f)
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		all = append(all, known(m[name]))
	}
	for _, s := range references().Nasty {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = string([]rune(s))
		for i, find := range all {
			parts := cutBy(find, s)
			if strings.Join(parts, "") != s || slices.Contains(parts, "") {
				t.Fatalf("%s: %q cut into %q", names[i], s, parts)
			}
			list := spans(s, find)
			for _, b := range []behavior{contiguous, withPrevious, withNext} {
				prev := 0
				for _, p := range join(list, b) {
					if p.start != prev || p.end <= p.start {
						t.Fatalf("%s, behavior %d: %q cut into %v", names[i], b, s, join(list, b))
					}
					prev = p.end
				}
				if prev != len(s) {
					t.Fatalf("%s, behavior %d: the end of %q is lost", names[i], b, s)
				}
			}
		}
	})
}
