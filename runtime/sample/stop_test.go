package sample

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// cut is what a Stopper must come to, worked out from the whole text.
func cut(text string, stops []string) (string, bool) {
	for end := 1; end <= len(text); end++ {
		longest := 0
		for _, s := range stops {
			if s != "" && strings.HasSuffix(text[:end], s) {
				longest = max(longest, len(s))
			}
		}
		if longest > 0 {
			return text[:end-longest], true
		}
	}
	return text, false
}

// feed gives text to a Stopper in pieces whose lengths are taken from sizes, over and over.
func feed(t *testing.T, text string, stops []string, sizes []byte) (string, bool) {
	t.Helper()
	s := NewStopper(stops)
	var out strings.Builder
	stopped := false
	for i := 0; text != ""; i++ {
		n := min(len(text), 1)
		if len(sizes) > 0 {
			n = min(len(text), int(sizes[i%len(sizes)]%8))
			if n == 0 && i >= len(sizes) {
				n = 1
			}
		}
		part, stop := s.Write([]byte(text[:n]))
		if stopped && (part != "" || !stop) {
			t.Errorf("after the stop: %q, %v", part, stop)
		}
		stopped = stop
		out.WriteString(part)
		text = text[n:]
	}
	out.WriteString(s.Flush())
	if rest := s.Flush(); rest != "" {
		t.Errorf("a second Flush gave %q", rest)
	}
	return out.String(), stopped
}

func TestStopper(t *testing.T) {
	for _, c := range []struct {
		text  string
		stops []string
		want  string
		stop  bool
	}{
		{"hello", nil, "hello", false},
		{"hello", []string{""}, "hello", false},
		{"hello", []string{"ll"}, "he", true},
		{"hello", []string{"lo", "l"}, "he", true},
		{"hello", []string{"h"}, "", true},
		{"hello", []string{"hello"}, "", true},
		{"hell", []string{"hello"}, "hell", false},
		{"aaab", []string{"aab"}, "a", true},
		{"abababc", []string{"ababc"}, "ab", true},
		{"abcd", []string{"abcd", "bc"}, "a", true},
		{"abcd", []string{"abcd", "bcd", "d"}, "", true},
		{"one\n\ntwo", []string{"\n\n"}, "one", true},
		{"é🙂 ok", []string{"🙂"}, "é", true},
		{"a\xff\xf0\x9f", []string{"x"}, "a\xff\xf0\x9f", false},
	} {
		for _, sizes := range [][]byte{nil, {7}, {1, 2}, {3, 0, 1}} {
			got, stop := feed(t, c.text, c.stops, sizes)
			if got != c.want || stop != c.stop {
				t.Errorf("%q cut at %q in pieces of %v: %q, %v, want %q, %v", c.text, c.stops, sizes, got, stop, c.want, c.stop)
			}
		}
	}
}

// TestStopperHolds holds what is printed at once and what is kept.
func TestStopperHolds(t *testing.T) {
	s := NewStopper([]string{"</s>", "END"})
	for _, step := range []struct{ piece, want string }{
		{"hi", "hi"}, {" <", " "}, {"/", ""}, {"b>", "</b>"}, {"E", ""}, {"N", ""}, {"E", "EN"}, {"NT", "ENT"},
		{"\xf0\x9f", ""}, {"\x99\x82", "🙂"}, {"\xc3", ""}, {"x", "\xc3x"}, {"a\xe2\x82", "a"}, {"</", "\xe2\x82"},
	} {
		if got, stop := s.Write([]byte(step.piece)); got != step.want || stop {
			t.Errorf("%q gave %q, %v, want %q", step.piece, got, stop, step.want)
		}
	}
	if got := s.Flush(); got != "</" {
		t.Errorf("the rest is %q", got)
	}
}

func FuzzStopper(f *testing.F) {
	f.Add("hello world", "wor", "ld", []byte{1, 2, 3})
	f.Add("abababc", "ababc", "", []byte{2})
	f.Add("é🙂ü", "🙂", "ü", []byte{1})
	f.Add("a\xff\xf0\x9f\x99", "\x9f", "b", []byte{0, 7})
	f.Fuzz(func(t *testing.T, text, a, b string, sizes []byte) {
		if len(text) > 2000 {
			return
		}
		want, wantStop := cut(text, []string{a, b})
		got, stop := feed(t, text, []string{a, b}, sizes)
		if got != want || stop != wantStop {
			t.Errorf("%q cut at %q and %q: %q, %v, want %q, %v", text, a, b, got, stop, want, wantStop)
		}
		// What is given on the way is whole characters, as far as the text is.
		if utf8.ValidString(text) && utf8.ValidString(a) && utf8.ValidString(b) {
			s := NewStopper([]string{a, b})
			for i := range len(text) {
				if part, _ := s.Write([]byte{text[i]}); !utf8.ValidString(part) {
					t.Fatalf("%q cut at %q and %q: printed %q", text, a, b, part)
				}
			}
		}
	})
}
