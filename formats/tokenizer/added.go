package tokenizer

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// fragment is a part of a text: a token when id >= 0, else text.
type fragment struct {
	text string
	id   int32
	pos  int // where it begins in the text
}

// lexicon finds added tokens in a text. It is a trie, so a text of n bytes costs n times the
// length of the longest token at most, however many tokens there are.
type lexicon struct {
	children map[uint64]int32 // node<<8 | byte to node
	token    []int32          // by node: index into added, -1
	begins   [256]bool        // bytes that tokens begin with
	added    []addedToken
}

// newLexicon indexes tokens by their content; of two with one content the last counts. nil when
// there are none.
func newLexicon(added []addedToken) *lexicon {
	if len(added) == 0 {
		return nil
	}
	l := &lexicon{children: map[uint64]int32{}, token: []int32{-1}, added: added}
	for i, t := range added {
		if t.content == "" {
			continue
		}
		node := int32(0)
		for _, b := range []byte(t.content) {
			key := uint64(node)<<8 | uint64(b)
			next, ok := l.children[key]
			if !ok {
				next = int32(len(l.token))
				l.token = append(l.token, -1)
				l.children[key] = next
			}
			node = next
		}
		l.token[node] = int32(i)
		l.begins[t.content[0]] = true
	}
	return l
}

// each calls f for every token that begins at s[i:], the shortest first; f tells to go on.
func (l *lexicon) each(s string, i int, f func(token int32, end int) bool) {
	if !l.begins[s[i]] {
		return
	}
	node := int32(0)
	for ; i < len(s); i++ {
		next, ok := l.children[uint64(node)<<8|uint64(s[i])]
		if !ok {
			return
		}
		node = next
		if t := l.token[node]; t >= 0 && !f(t, i+1) {
			return
		}
	}
}

// split cuts a text at the leftmost of the tokens, the longest where several begin, as Hugging Face
// tokenizers do. Special tokens are passed over, but not what they contain, unless parse is set.
func (l *lexicon) split(dst []fragment, s string, pos int, parse bool) []fragment {
	if l == nil {
		return append(dst, fragment{s, -1, pos})
	}
	prev := 0
	for i := 0; i < len(s); {
		found, end := int32(-1), 0
		l.each(s, i, func(t int32, e int) bool { found, end = t, e; return true })
		if found < 0 {
			i++
			continue
		}
		t, start := &l.added[found], i
		i = end
		if t.special && !parse || t.singleWord && (wordBefore(s[:start]) || wordAfter(s[end:])) {
			continue
		}
		if t.lstrip {
			start = max(prev, len(strings.TrimRightFunc(s[:start], unicode.IsSpace)))
		}
		if t.rstrip {
			end = len(s) - len(strings.TrimLeftFunc(s[end:], unicode.IsSpace))
		}
		if prev < start {
			dst = append(dst, fragment{s[prev:start], -1, pos + prev})
		}
		dst = append(dst, fragment{s[start:end], t.id, pos + start})
		prev = end
	}
	if prev < len(s) {
		dst = append(dst, fragment{s[prev:], -1, pos + prev})
	}
	return dst
}

func wordBefore(s string) bool {
	r, n := utf8.DecodeLastRuneInString(s)
	return n > 0 && isWord(r)
}

func wordAfter(s string) bool {
	r, n := utf8.DecodeRuneInString(s)
	return n > 0 && isWord(r)
}

// partition cuts a text as llama.cpp does: token by token, the longest first, wherever the text is
// not taken yet.
func (l *lexicon) partition(s string, parse bool) []fragment {
	if l == nil || s == "" {
		return []fragment{{s, -1, 0}}
	}
	type place struct {
		token      int32
		start, end int
	}
	var places []place
	for i := range len(s) {
		l.each(s, i, func(t int32, end int) bool {
			if parse || !l.added[t].special {
				places = append(places, place{t, i, end})
			}
			return true
		})
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(b.end-b.start, a.end-a.start), cmp.Compare(l.added[a.token].id, l.added[b.token].id), cmp.Compare(a.start, b.start))
	})
	taken := make([]bool, len(s))
	var accepted []place
	for _, p := range places {
		if slices.Contains(taken[p.start:p.end], true) {
			continue
		}
		t := &l.added[p.token]
		for i := p.start - 1; t.lstrip && i >= 0 && !taken[i] && asciiSpace(s[i]); i-- {
			taken[i] = true
			p.start--
		}
		for t.rstrip && p.end < len(s) && !taken[p.end] && asciiSpace(s[p.end]) {
			p.end++
		}
		for i := p.start; i < p.end; i++ {
			taken[i] = true
		}
		accepted = append(accepted, p)
	}
	slices.SortFunc(accepted, func(a, b place) int { return cmp.Compare(a.start, b.start) })
	var out []fragment
	prev := 0
	for _, p := range accepted {
		if prev < p.start {
			out = append(out, fragment{s[prev:p.start], -1, prev})
		}
		out = append(out, fragment{s[p.start:p.end], l.added[p.token].id, p.start})
		prev = p.end
	}
	if prev < len(s) {
		out = append(out, fragment{s[prev:], -1, prev})
	}
	return out
}

func asciiSpace(b byte) bool { return b < utf8.RuneSelf && asciiClass[b]&isSpace != 0 }
