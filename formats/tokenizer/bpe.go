package tokenizer

import (
	"unicode/utf8"

	"github.com/qconv/qconv/formats/fault"
)

// model turns a piece of text into ids. A piece is not empty.
type model interface {
	encode(sc *scratch, dst []int32, piece string) []int32
}

// mergeTable gives rank and result of a pair of ids.
type mergeTable map[uint64]merged

type merged struct{ rank, id int32 }

func pairKey(l, r int32) uint64 { return uint64(uint32(l))<<32 | uint64(uint32(r)) }

func (t mergeTable) rank(_ string, l, r *symbol) (rank, id int32, ok bool) {
	m, ok := t[pairKey(l.id, r.id)]
	return m.rank, m.id, ok
}

// bpe is byte-pair encoding by a list of merges, over characters.
type bpe struct {
	ids          map[string]int32
	merges       mergeTable
	bytes        bool        // pieces are spelled in the alphabet of bytes first
	ignoreMerges bool        // a piece that is a token is this token
	unk          int32       // for characters that are no token; -1: they are left out
	fuseUnk      bool        // of several in a row, one unk is left
	fallback     *[256]int32 // byte tokens for characters that are no token; -1 where there is none
	tokens       int32       // GGUF: ids from here on are texts that merges name and the vocabulary lacks; 0 elsewhere
}

// newBPE makes the model of tokenizer.json.
func newBPE(f *jsonFile) (*bpe, error) {
	m := &bpe{ids: f.vocab.ids, unk: -1, ignoreMerges: flag(f.model, "ignore_merges", false), fuseUnk: flag(f.model, "fuse_unk", false)}
	for _, key := range [...]string{"continuing_subword_prefix", "end_of_word_suffix"} {
		if s := text(f.model, key, ""); s != "" {
			return nil, fault.New(fault.Unsupported, f.name, "%s is %q, only an empty one is known", key, s)
		}
	}
	if d, ok := f.model.Get("dropout").Float64(); ok && d != 0 {
		return nil, fault.New(fault.Unsupported, f.name, "dropout is %v: encoding would be random", d)
	}
	if unk, ok := f.model.Get("unk_token").Str(); ok {
		id, ok := m.ids[unk]
		if !ok {
			return nil, fault.New(fault.Malformed, f.name, "unk_token is %q, which is not in the vocabulary", unk)
		}
		m.unk = id
	}
	if flag(f.model, "byte_fallback", false) {
		m.fallback = byteTokens(m.ids)
	}
	m.merges = make(mergeTable, len(f.merges))
	for rank, x := range f.merges {
		l, okL := m.ids[x.left]
		r, okR := m.ids[x.right]
		id, ok := m.ids[x.left+x.right]
		if !okL || !okR || !ok {
			return nil, fault.New(fault.Malformed, f.name, "merge %d of %q and %q: they and %q must be tokens", rank, x.left, x.right, x.left+x.right)
		}
		m.merges[pairKey(l, r)] = merged{int32(rank), id} // of merges that repeat, the last counts
	}
	return m, nil
}

// words is true when a text may be cut with beforeBlanks.
func (m *bpe) words(merges []merge) bool {
	if _, ok := m.ids[blankMark]; !ok || m.ignoreMerges {
		return false
	}
	for _, x := range merges {
		if reachesOver(x.left + x.right) {
			return false
		}
	}
	return true
}

// byteTokens finds <0x00> to <0xFF>, as Hugging Face's tokenizers and SentencePiece spell them.
func byteTokens(ids map[string]int32) *[256]int32 {
	t := new([256]int32)
	for b := range t {
		id, ok := ids[byteToken(byte(b))]
		if !ok {
			id = -1
		}
		t[b] = id
	}
	return t
}

func (m *bpe) encode(sc *scratch, dst []int32, piece string) []int32 {
	if m.bytes {
		sc.text = appendAlphabet(sc.text[:0], piece)
		piece = string(sc.text)
	}
	if m.ignoreMerges {
		if id, ok := m.ids[piece]; ok && (m.tokens == 0 || id < m.tokens) {
			return append(dst, id)
		}
	}
	sc.symbols = m.symbols(sc.symbols[:0], piece)
	if len(sc.symbols) > 0 {
		sc.merge(piece, m.merges)
	}
	for _, s := range sc.symbols {
		if m.tokens > 0 && (s.id < 0 || s.id >= m.tokens) {
			dst = m.spill(dst, piece[s.start:s.end])
		} else {
			dst = append(dst, s.id)
		}
	}
	return dst
}

// symbols cuts a piece into characters.
func (m *bpe) symbols(dst []symbol, piece string) []symbol {
	unk := symbol{id: -1} // the unknown characters that wait to be added
	for i := 0; i < len(piece); {
		_, n := utf8.DecodeRuneInString(piece[i:])
		s := symbol{start: int32(i), end: int32(i + n)}
		id, ok := m.ids[piece[i:i+n]]
		i += n
		switch {
		case ok || m.tokens > 0: // the reference keeps unknown characters, and looks at them when all is merged
			if s.id = id; !ok {
				s.id = -1
			}
			if unk.id >= 0 {
				dst = append(dst, unk)
				unk.id = -1
			}
			dst = append(dst, s)
		case m.fallback != nil && m.covers(piece[s.start:s.end]):
			for k := s.start; k < s.end; k++ { // before the unk that waits, as the reference does
				dst = append(dst, symbol{start: k, end: k + 1, id: m.fallback[piece[k]]})
			}
		case m.unk < 0:
		case unk.id >= 0 && m.fuseUnk:
			unk.end = s.end
		default:
			if unk.id >= 0 {
				dst = append(dst, unk)
			}
			unk = symbol{start: s.start, end: s.end, id: m.unk}
		}
	}
	if unk.id >= 0 {
		dst = append(dst, unk)
	}
	return dst
}

// covers is true when each byte has a token.
func (m *bpe) covers(char string) bool {
	for i := range len(char) {
		if m.fallback[char[i]] < 0 {
			return false
		}
	}
	return true
}

// spill writes a symbol that is no token byte by byte, leaving out what is no token either.
func (m *bpe) spill(dst []int32, part string) []int32 {
	for i := range len(part) {
		if id, ok := m.ids[part[i:i+1]]; ok && id < m.tokens {
			dst = append(dst, id)
		}
	}
	return dst
}

// ranked is byte-pair encoding by rank: what two neighbours make is a token, and its rank is its id.
type ranked struct{ ranks map[string]int32 }

func (m ranked) rank(piece string, l, r *symbol) (rank, id int32, ok bool) {
	id, ok = m.ranks[piece[l.start:r.end]]
	return id, id, ok
}

func (m ranked) encode(sc *scratch, dst []int32, piece string) []int32 {
	if id, ok := m.ranks[piece]; ok {
		return append(dst, id)
	}
	sc.symbols = sc.symbols[:0]
	for i := range len(piece) {
		sc.symbols = append(sc.symbols, symbol{start: int32(i), end: int32(i + 1), id: m.ranks[piece[i:i+1]]})
	}
	sc.merge(piece, m)
	for _, s := range sc.symbols {
		dst = append(dst, s.id)
	}
	return dst
}
