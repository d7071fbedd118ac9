package tokenizer

import (
	"cmp"
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/qconv/qconv/formats/fault"
)

// fragment is a part of a text: a token when id >= 0, else text.
type fragment struct {
	text string
	id   int32
	pos  int // where it begins in the text
}

// maxAdded is the most bytes of a token that is looked for in texts: looking costs this much for each
// byte of a text at worst. Real ones have less than a hundred.
const maxAdded = 1024

// lexicon finds added tokens in a text.
type lexicon struct {
	sorted []addedToken // by content, each content once
	first  [257]int     // where in sorted the contents begin that begin with a byte
}

// newLexicon indexes tokens by their content; of two with one content the last counts. nil when
// there are none. A token of more than maxAdded bytes is a fault of kind Limit.
func newLexicon(added []addedToken, file string) (*lexicon, error) {
	l := &lexicon{}
	for _, t := range added {
		if len(t.content) > maxAdded {
			return nil, fault.New(fault.Limit, file, "added token %d has %d bytes, the limit is %d", t.id, len(t.content), maxAdded)
		}
		if t.content != "" {
			l.sorted = append(l.sorted, t)
		}
	}
	if len(l.sorted) == 0 {
		return nil, nil
	}
	slices.SortStableFunc(l.sorted, func(a, b addedToken) int { return strings.Compare(a.content, b.content) })
	kept := l.sorted[:0]
	for i, t := range l.sorted {
		if i+1 == len(l.sorted) || l.sorted[i+1].content != t.content {
			kept = append(kept, t)
		}
	}
	l.sorted = kept
	for b := range l.first {
		l.first[b] = sort.Search(len(kept), func(i int) bool { return int(kept[i].content[0]) >= b })
	}
	return l, nil
}

// each calls f for every token that begins at s[i:], the shortest first.
func (l *lexicon) each(s string, i int, f func(token, end int)) {
	lo, hi := l.first[s[i]], l.first[int(s[i])+1]
	for n := 1; lo < hi; n++ { // those from lo to hi begin with the n bytes at i
		if len(l.sorted[lo].content) == n {
			f(lo, i+n)
			lo++
		}
		if i+n == len(s) {
			return
		}
		b, some := s[i+n], l.sorted[lo:hi]
		from := sort.Search(len(some), func(k int) bool { return some[k].content[n] >= b })
		some = some[from:]
		lo += from
		hi = lo + sort.Search(len(some), func(k int) bool { return some[k].content[n] > b })
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
		found, end := -1, 0
		l.each(s, i, func(t, e int) { found, end = t, e })
		if found < 0 {
			i++
			continue
		}
		t, start := &l.sorted[found], i
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
		token, start, end int
	}
	var places []place
	for i := range len(s) {
		l.each(s, i, func(t, end int) {
			if parse || !l.sorted[t].special {
				places = append(places, place{t, i, end})
			}
		})
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(b.end-b.start, a.end-a.start), cmp.Compare(l.sorted[a.token].id, l.sorted[b.token].id), cmp.Compare(a.start, b.start))
	})
	taken := make([]bool, len(s))
	var accepted []place
	for _, p := range places {
		if slices.Contains(taken[p.start:p.end], true) {
			continue
		}
		t := &l.sorted[p.token]
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
		out = append(out, fragment{s[p.start:p.end], l.sorted[p.token].id, p.start})
		prev = p.end
	}
	if prev < len(s) {
		out = append(out, fragment{s[prev:], -1, prev})
	}
	return out
}

func asciiSpace(b byte) bool { return b < utf8.RuneSelf && asciiClass[b]&isSpace != 0 }
