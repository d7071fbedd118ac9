package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// matcher gives the end of the match of a pattern that starts exactly at s[i:], or i when there is
// none. Patterns that match the empty string are not known here.
type matcher func(s string, i int) int

// finder gives the leftmost match of a pattern at or after from; start is len(s) when there is none.
type finder func(s string, from int) (start, end int)

// first looks for the matcher's leftmost match. It is linear when a matcher that fails at i has
// looked at a bounded number of characters only.
func (m matcher) first(s string, from int) (start, end int) {
	for from < len(s) {
		if end := m(s, from); end > from {
			return from, end
		}
		_, n := utf8.DecodeRuneInString(s[from:])
		from += n
	}
	return len(s), len(s)
}

// splitter cuts a piece of text and appends the parts, none of them empty, to dst. start tells that
// the piece is the beginning of the text; kept, whether the first part still is.
type splitter func(dst []string, piece string, start bool) (parts []string, kept bool)

// behavior is what becomes of the matches of a pattern.
type behavior uint8

const (
	isolated     behavior = iota // each match is a part, so is what lies between
	removed                      // matches are left out
	contiguous                   // matches that touch are one part
	withPrevious                 // a match belongs to the part before it
	withNext                     // a match belongs to the part after it
)

var behaviors = map[string]behavior{
	"Isolated": isolated, "Removed": removed, "Contiguous": contiguous,
	"MergedWithPrevious": withPrevious, "MergedWithNext": withNext,
}

// span is a part of a piece.
type span struct {
	start, end int
	match      bool
}

// spans covers s.
func spans(s string, find finder) []span {
	var out []span
	prev := 0
	for prev < len(s) {
		start, end := find(s, prev)
		if start > prev {
			out = append(out, span{prev, start, false})
		}
		if start < end {
			out = append(out, span{start, end, true})
		}
		prev = max(start, end)
	}
	return out
}

// at makes a splitter from a pattern.
func at(find finder, b behavior, invert bool) splitter {
	if b == isolated {
		return func(dst []string, s string, _ bool) ([]string, bool) {
			for prev := 0; prev < len(s); {
				start, end := find(s, prev)
				if start > prev {
					dst = append(dst, s[prev:start])
				}
				if start < end {
					dst = append(dst, s[start:end])
				}
				prev = max(start, end)
			}
			return dst, true
		}
	}
	return func(dst []string, s string, _ bool) ([]string, bool) {
		list := spans(s, find)
		if invert {
			for i := range list {
				list[i].match = !list[i].match
			}
		}
		kept := b != removed || len(list) == 0 || !list[0].match
		for _, p := range join(list, b) {
			dst = append(dst, s[p.start:p.end])
		}
		return dst, kept
	}
}

// join applies a behavior to spans that cover a text.
func join(list []span, b behavior) []span {
	var out []span
	grow := func(p span, touch bool) {
		if touch && len(out) > 0 {
			out[len(out)-1].end = p.end
		} else {
			out = append(out, p)
		}
	}
	previous := false
	switch b {
	case removed:
		for _, p := range list {
			if !p.match {
				out = append(out, p)
			}
		}
	case contiguous:
		for _, p := range list {
			grow(p, p.match == previous)
			previous = p.match
		}
	case withPrevious:
		for _, p := range list {
			grow(p, p.match && !previous)
			previous = p.match
		}
	case withNext:
		for i := len(list) - 1; i >= 0; i-- {
			p := list[i]
			if p.match && !previous && len(out) > 0 {
				out[len(out)-1].start = p.start
			} else {
				out = append(out, p)
			}
			previous = p.match
		}
		for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
			out[i], out[j] = out[j], out[i]
		}
	default:
		return list
	}
	return out
}

// cut runs the splitters one after the other, each on the parts of the one before.
func cut(splitters []splitter, text string, start bool, parts, spare []string) (out, rest []string) {
	parts = append(parts[:0], text)
	for _, split := range splitters {
		next, begins := spare[:0], start
		for i, p := range parts {
			var kept bool
			next, kept = split(next, p, start && i == 0)
			if i == 0 {
				begins = start && kept
			}
		}
		start = begins
		parts, spare = next, parts
	}
	return parts, spare
}

// literal finds a string.
func literal(text string) finder {
	return func(s string, from int) (start, end int) {
		i := strings.Index(s[from:], text)
		if i < 0 || text == "" {
			return len(s), len(s)
		}
		return from + i, from + i + len(text)
	}
}

// runes finds single characters.
func runes(is func(rune) bool) finder {
	return func(s string, from int) (start, end int) {
		for i, r := range s[from:] {
			if is(r) {
				return from + i, from + i + utf8.RuneLen(r)
			}
		}
		return len(s), len(s)
	}
}

// byteLevel maps bytes to the GPT-2 alphabet, after the pattern of GPT-2 when it is asked for.
func byteLevel(prefixSpace, pattern, mapBytes bool) splitter {
	words := at(matcher(gpt2).first, isolated, false)
	return func(dst []string, s string, start bool) ([]string, bool) {
		if prefixSpace && s != "" && s[0] != ' ' {
			s = " " + s
		}
		from := len(dst)
		if pattern {
			dst, _ = words(dst, s, start)
		} else if s != "" {
			dst = append(dst, s)
		}
		if mapBytes {
			for i := from; i < len(dst); i++ {
				dst[i] = toAlphabet(dst[i])
			}
		}
		return dst, true
	}
}

// Schemes of metaspace: where U+2581 is put before a piece that does not begin with it.
const (
	prependAlways = "always"
	prependFirst  = "first" // only at the beginning of the text
	prependNever  = "never"
)

// metaspace replaces spaces and, with split, cuts before each replacement.
func metaspace(replacement, scheme string, split bool) splitter {
	parts := at(literal(replacement), withNext, false)
	return func(dst []string, s string, start bool) ([]string, bool) {
		s = strings.ReplaceAll(s, " ", replacement)
		if !strings.HasPrefix(s, replacement) && (scheme == prependAlways || scheme == prependFirst && start) {
			s = replacement + s
		}
		if !split {
			return append(dst, s), true
		}
		return parts(dst, s, start)
	}
}

// beforeBlanks cuts before each U+2581 that follows another character. Where no token reaches over
// such a place, merging a text whole and merging its words give the same, and words come again.
func beforeBlanks(dst []string, s string, _ bool) ([]string, bool) {
	for i := 0; i+len(blankMark) <= len(s); {
		k := strings.Index(s[i:], blankMark)
		if k < 0 {
			break
		}
		if k > 0 {
			dst = append(dst, s[:i+k])
			s, i = s[i+k:], 0
		}
		for strings.HasPrefix(s[i:], blankMark) {
			i += len(blankMark)
		}
	}
	if s != "" {
		dst = append(dst, s)
	}
	return dst, true
}

// reachesOver is true when a U+2581 in the token follows another character.
func reachesOver(token string) bool {
	return strings.Contains(strings.TrimLeft(token, blankMark), blankMark)
}
