package tokenizer

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/qconv/qconv/formats/fault"
)

// blankMark is U+2581, which SentencePiece writes for a space.
const blankMark = "\u2581"

// spm is byte-pair encoding by score over a whole text: what two neighbours make is a piece, the
// highest score goes first.
type spm struct {
	ids      map[string]int32 // what merging may make
	order    []int32          // by id: place of the score, highest first, equal for equal scores
	others   map[string]int32 // pieces that merging does not make, such as <s>: a character may be one
	unused   map[int32]bool   // pieces that are taken apart again
	frozen   *lexicon         // user-defined pieces: they are symbols from the beginning, and do not merge
	fallback *[256]int32      // byte tokens; nil when the model has none
	unk      int32
	keepUnk  bool // unknown pieces in a row stay several
}

// orderOf ranks scores: the highest is 0.
func orderOf(scores []float32) []int32 {
	byScore := make([]int32, len(scores))
	for i := range byScore {
		byScore[i] = int32(i)
	}
	slices.SortFunc(byScore, func(a, b int32) int { return cmp.Compare(scores[b], scores[a]) })
	order := make([]int32, len(scores))
	place := int32(0)
	for i, id := range byScore {
		if i > 0 && scores[id] != scores[byScore[i-1]] {
			place++
		}
		order[id] = place
	}
	return order
}

// newSPM makes the model of a SentencePiece file.
func newSPM(f *spFile) (*spm, error) {
	switch {
	case f.algorithm != spBPE:
		name := map[int32]string{spUnigram: "unigram", 3: "word", 4: "char"}[f.algorithm]
		return nil, fault.New(fault.Unsupported, f.name, "the model is of type %d (%s), only BPE (2) is known", f.algorithm, name)
	case len(f.charsmap) > 0:
		return nil, fault.New(fault.Unsupported, f.name, "normalization rule %q is not known, only identity is", f.normalizer)
	}
	m := &spm{ids: map[string]int32{}, others: map[string]int32{}, unused: map[int32]bool{}, unk: -1}
	scores := make([]float32, len(f.pieces))
	var frozen []addedToken
	for i, p := range f.pieces {
		id := int32(i)
		scores[i] = p.score
		into := m.others
		switch p.kind {
		case kindUserDefined:
			into = m.ids
			frozen = append(frozen, addedToken{id: id, content: p.text})
		case kindUnused:
			into = m.ids
			m.unused[id] = true
		case kindNormal:
			into = m.ids
		case kindUnknown:
			if m.unk >= 0 {
				return nil, fault.New(fault.Malformed, f.name, "pieces %d and %d are both the unknown piece", m.unk, i)
			}
			m.unk = id
		}
		if p.text == "" {
			return nil, fault.New(fault.Malformed, f.name, "piece %d is empty", i)
		}
		if other, dup := into[p.text]; dup {
			return nil, fault.New(fault.Malformed, f.name, "pieces %d and %d are both %q", other, i, p.text)
		}
		into[p.text] = id
	}
	if m.unk < 0 {
		return nil, fault.New(fault.Malformed, f.name, "there is no unknown piece")
	}
	m.order = orderOf(scores)
	var err error
	if m.frozen, err = newLexicon(frozen, f.name); err != nil {
		return nil, err
	}
	if f.byteFallback {
		m.fallback = byteTokens(m.others)
		for b, id := range m.fallback {
			if id < 0 {
				return nil, fault.New(fault.Malformed, f.name, "byte_fallback is set and there is no piece %s", byteToken(byte(b)))
			}
		}
	}
	return m, nil
}

// words is true when a text may be cut with beforeBlanks.
func (m *spm) words() bool {
	if _, ok := m.ids[blankMark]; !ok {
		return false
	}
	for text := range m.ids {
		if reachesOver(text) {
			return false
		}
	}
	return true
}

func (m *spm) rank(piece string, l, r *symbol) (rank, id int32, ok bool) {
	if id, ok = m.ids[piece[l.start:r.end]]; !ok {
		return 0, 0, false
	}
	return m.order[id], id, true
}

func (m *spm) encode(sc *scratch, dst []int32, piece string) []int32 {
	from := len(dst)
	flush := func(part string) {
		sc.symbols = sc.symbols[:0]
		for i := 0; i < len(part); {
			_, n := utf8.DecodeRuneInString(part[i:])
			id, ok := m.ids[part[i:i+n]]
			if !ok {
				id = -1
			}
			sc.symbols = append(sc.symbols, symbol{start: int32(i), end: int32(i + n), id: id})
			i += n
		}
		if len(sc.symbols) == 0 {
			return
		}
		if len(m.unused) > 0 {
			dst = m.encodeUnused(sc, dst, part)
			return
		}
		sc.merge(part, m)
		for _, s := range sc.symbols {
			dst = m.emit(dst, s.id, part[s.start:s.end])
		}
	}
	for i, prev := 0, 0; ; {
		if i == len(piece) {
			flush(piece[prev:])
			break
		}
		found, end := -1, 0
		if m.frozen != nil {
			m.frozen.each(piece, i, func(t, e int) { found, end = t, e })
		}
		if found < 0 {
			_, n := utf8.DecodeRuneInString(piece[i:])
			i += n
			continue
		}
		flush(piece[prev:i])
		dst = append(dst, m.frozen.sorted[found].id)
		i, prev = end, end
	}
	if m.fallback == nil && !m.keepUnk {
		parts := slices.CompactFunc(dst[from:], func(a, b int32) bool { return a == m.unk && b == m.unk })
		dst = dst[:from+len(parts)]
	}
	return dst
}

// emit writes a symbol that is no merged piece as the piece that it is by itself, or as bytes.
func (m *spm) emit(dst []int32, id int32, part string) []int32 {
	if id >= 0 {
		return append(dst, id)
	}
	if id, ok := m.others[part]; ok {
		return append(dst, id)
	}
	if m.fallback == nil {
		return append(dst, m.unk)
	}
	for i := range len(part) {
		if id := m.fallback[part[i]]; id >= 0 {
			dst = append(dst, id)
		} else if m.unk >= 0 {
			dst = append(dst, m.unk)
		}
	}
	return dst
}

// encodeUnused merges while it notes what each unused piece was made from, the last time that it
// was a candidate, and takes such pieces apart again.
func (m *spm) encodeUnused(sc *scratch, dst []int32, part string) []int32 {
	notes := &unusedNotes{spm: m, made: map[string]int32{}}
	sc.merge(part, notes)
	for _, s := range sc.symbols {
		dst = notes.emit(dst, s.id, part[s.start:s.end])
	}
	return dst
}

type unusedNotes struct {
	*spm
	made map[string]int32 // unused piece to the length of its left part
}

func (n *unusedNotes) rank(piece string, l, r *symbol) (rank, id int32, ok bool) {
	rank, id, ok = n.spm.rank(piece, l, r)
	if ok && n.unused[id] {
		n.made[piece[l.start:r.end]] = l.end - l.start
	}
	return rank, id, ok
}

func (n *unusedNotes) emit(dst []int32, id int32, part string) []int32 {
	cutAt, ok := n.made[part]
	if id < 0 || !n.unused[id] || !ok {
		return n.spm.emit(dst, id, part)
	}
	for _, p := range [...]string{part[:cutAt], part[cutAt:]} {
		id, ok := n.ids[p]
		if !ok {
			id = -1
		}
		dst = n.emit(dst, id, p)
	}
	return dst
}

// spNormalizer is SentencePiece's identity normalization with its treatment of spaces.
func spNormalizer(f *spFile) normalizer {
	space := " "
	if f.escape {
		space = blankMark
	}
	return func(s string) string {
		if f.squeeze {
			s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' }), " ")
		}
		if s == "" {
			return s
		}
		if f.dummyPrefix && !f.suffix {
			s = " " + s
		}
		s = strings.ReplaceAll(s, " ", space)
		if f.squeeze { // also U+2581 that stands for itself
			s = strings.TrimRight(s, space)
		}
		if f.dummyPrefix && f.suffix {
			s += space
		}
		return s
	}
}
