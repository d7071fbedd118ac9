package tokenizer

import (
	"sync"
	"unicode"
	"unicode/utf8"
)

// Classes of characters that patterns name. A character has one of the first five, or none, beside
// the others.
const (
	isL     = 1 << iota // \p{L}
	isN                 // \p{N}
	isM                 // \p{M}
	isP                 // \p{P}
	isS                 // \p{S}
	isSpace             // \s
	isUpper             // Lu or Lt
	isLower             // Ll
)

// later are the characters of Unicode 15.1 and 16, which the engines under Hugging Face tokenizers
// (Oniguruma) and tiktoken (Rust's regex) know and Go's tables, Unicode 15.0, do not. Both engines
// agree on all code points. Found by asking them; TestClasses compares the whole table.
var later = [...]struct {
	lo, hi rune
	class  uint8
}{
	{0x897, 0x897, isM}, {0x1b4e, 0x1b4f, isP}, {0x1b7f, 0x1b7f, isP}, {0x1c89, 0x1c89, isL | isUpper}, {0x1c8a, 0x1c8a, isL | isLower},
	{0x2427, 0x2429, isS}, {0x2ffc, 0x2fff, isS}, {0x31e4, 0x31e5, isS}, {0x31ef, 0x31ef, isS},
	{0xa7cb, 0xa7cc, isL | isUpper}, {0xa7cd, 0xa7cd, isL | isLower}, {0xa7da, 0xa7da, isL | isUpper}, {0xa7db, 0xa7db, isL | isLower}, {0xa7dc, 0xa7dc, isL | isUpper},
	{0x105c0, 0x105f3, isL}, {0x10d40, 0x10d49, isN}, {0x10d4a, 0x10d4f, isL}, {0x10d50, 0x10d65, isL | isUpper}, {0x10d69, 0x10d6d, isM},
	{0x10d6e, 0x10d6e, isP}, {0x10d6f, 0x10d6f, isL}, {0x10d70, 0x10d85, isL | isLower}, {0x10d8e, 0x10d8f, isS},
	{0x10ec2, 0x10ec4, isL}, {0x10efc, 0x10efc, isM}, {0x11380, 0x11389, isL}, {0x1138b, 0x1138b, isL}, {0x1138e, 0x1138e, isL},
	{0x11390, 0x113b5, isL}, {0x113b7, 0x113b7, isL}, {0x113b8, 0x113c0, isM}, {0x113c2, 0x113c2, isM}, {0x113c5, 0x113c5, isM},
	{0x113c7, 0x113ca, isM}, {0x113cc, 0x113d0, isM}, {0x113d1, 0x113d1, isL}, {0x113d2, 0x113d2, isM}, {0x113d3, 0x113d3, isL},
	{0x113d4, 0x113d5, isP}, {0x113d7, 0x113d8, isP}, {0x113e1, 0x113e2, isM}, {0x116d0, 0x116e3, isN}, {0x11bc0, 0x11be0, isL},
	{0x11be1, 0x11be1, isP}, {0x11bf0, 0x11bf9, isN}, {0x11f5a, 0x11f5a, isM}, {0x13460, 0x143fa, isL}, {0x16100, 0x1611d, isL},
	{0x1611e, 0x1612f, isM}, {0x16130, 0x16139, isN}, {0x16d40, 0x16d6c, isL}, {0x16d6d, 0x16d6f, isP}, {0x16d70, 0x16d79, isN},
	{0x18cff, 0x18cff, isL}, {0x1cc00, 0x1ccef, isS}, {0x1ccf0, 0x1ccf9, isN}, {0x1cd00, 0x1ceb3, isS}, {0x1e5d0, 0x1e5ed, isL},
	{0x1e5ee, 0x1e5ef, isM}, {0x1e5f0, 0x1e5f0, isL}, {0x1e5f1, 0x1e5fa, isN}, {0x1e5ff, 0x1e5ff, isP}, {0x1f8b2, 0x1f8bb, isS},
	{0x1f8c0, 0x1f8c1, isS}, {0x1fa89, 0x1fa89, isS}, {0x1fa8f, 0x1fa8f, isS}, {0x1fabe, 0x1fabe, isS}, {0x1fac6, 0x1fac6, isS},
	{0x1fadc, 0x1fadc, isS}, {0x1fadf, 0x1fadf, isS}, {0x1fae9, 0x1fae9, isS}, {0x1fbcb, 0x1fbef, isS}, {0x2ebf0, 0x2ee5d, isL},
}

// classPages is the class of every code point, in pages of 256; a page without any class is nil.
type classPages [(unicode.MaxRune + 1) >> 8]*[256]uint8

func (p *classPages) set(lo, hi, stride rune, class uint8) {
	for r := lo; r <= hi; r += stride {
		if p[r>>8] == nil {
			p[r>>8] = new([256]uint8)
		}
		p[r>>8][r&255] |= class
	}
}

func (p *classPages) of(r rune) uint8 {
	if page := p[r>>8]; page != nil {
		return page[r&255]
	}
	return 0
}

var classes = sync.OnceValue(func() *classPages {
	p := new(classPages)
	for _, c := range [...]struct {
		table *unicode.RangeTable
		class uint8
	}{
		{unicode.L, isL}, {unicode.N, isN}, {unicode.M, isM}, {unicode.P, isP}, {unicode.S, isS},
		{unicode.White_Space, isSpace}, {unicode.Lu, isUpper}, {unicode.Lt, isUpper}, {unicode.Ll, isLower},
	} {
		for _, r := range c.table.R16 {
			p.set(rune(r.Lo), rune(r.Hi), rune(r.Stride), c.class)
		}
		for _, r := range c.table.R32 {
			p.set(rune(r.Lo), rune(r.Hi), rune(r.Stride), c.class)
		}
	}
	for _, r := range later {
		p.set(r.lo, r.hi, 1, r.class)
	}
	return p
})

// asciiClass is the class of ASCII, which most text is.
var asciiClass = func() (t [utf8.RuneSelf]uint8) {
	for b := range t {
		switch {
		case b >= 'a' && b <= 'z':
			t[b] = isL | isLower
		case b >= 'A' && b <= 'Z':
			t[b] = isL | isUpper
		case b >= '0' && b <= '9':
			t[b] = isN
		case b == ' ' || b >= '\t' && b <= '\r':
			t[b] = isSpace
		case b == '$' || b == '+' || b >= '<' && b <= '>' || b == '^' || b == '`' || b == '|' || b == '~':
			t[b] = isS
		case b > ' ' && b < 0x7f:
			t[b] = isP
		}
	}
	return t
}()

// classAt gives the class of the character at s[i:] and its bytes.
func classAt(s string, i int) (class uint8, n int) {
	if b := s[i]; b < utf8.RuneSelf {
		return asciiClass[b], 1
	}
	r, n := utf8.DecodeRuneInString(s[i:])
	return classes().of(r), n
}

// run gives the end of the longest run from i of characters that have one of the classes.
func run(s string, i int, class uint8) int {
	for i < len(s) {
		c, n := classAt(s, i)
		if c&class == 0 {
			break
		}
		i += n
	}
	return i
}

// runNot gives the end of the longest run from i of characters that have none of the classes.
func runNot(s string, i int, class uint8) int {
	for i < len(s) {
		c, n := classAt(s, i)
		if c&class != 0 {
			break
		}
		i += n
	}
	return i
}

// isWord is \w of Rust's regex: what makes a single_word token part of a larger word.
func isWord(r rune) bool {
	if unicode.In(r, unicode.Nd, unicode.Nl, unicode.Pc, unicode.Other_Alphabetic, unicode.Join_Control) {
		return true
	}
	if c := classes().of(r); c&(isL|isM) != 0 {
		return true
	}
	return inLater(r) && classes().of(r)&isN != 0
}

func inLater(r rune) bool {
	for _, l := range later {
		if r >= l.lo && r <= l.hi {
			return true
		}
	}
	return false
}

// isNumeric is char::is_numeric of Rust's library, Unicode 17, which Digits uses.
func isNumeric(r rune) bool {
	return classes().of(r)&isN != 0 || r >= 0x11de0 && r <= 0x11de9 || r >= 0x16ff4 && r <= 0x16ff6
}

// unlisted is punctuation of Unicode 15 that Punctuation does not know: its table is of Unicode 8.
var unlisted = &unicode.RangeTable{R16: []unicode.Range16{
	{0x61d, 0x61d, 1}, {0x9fd, 0x9fd, 1}, {0xa76, 0xa76, 1}, {0xc77, 0xc77, 1}, {0xc84, 0xc84, 1}, {0x1b4e, 0x1b4f, 1}, {0x1b7d, 0x1b7f, 1},
	{0x2e43, 0x2e4f, 1}, {0x2e52, 0x2e5d, 1},
}, R32: []unicode.Range32{
	{0x10d6e, 0x10d6e, 1}, {0x10ead, 0x10ead, 1}, {0x10f55, 0x10f59, 1}, {0x10f86, 0x10f89, 1}, {0x113d4, 0x113d5, 1}, {0x113d7, 0x113d8, 1},
	{0x1144b, 0x1144f, 1}, {0x1145a, 0x1145b, 1}, {0x1145d, 0x1145d, 1}, {0x11660, 0x1166c, 1}, {0x116b9, 0x116b9, 1}, {0x1183b, 0x1183b, 1},
	{0x11944, 0x11946, 1}, {0x119e2, 0x119e2, 1}, {0x11a3f, 0x11a46, 1}, {0x11a9a, 0x11a9c, 1}, {0x11a9e, 0x11aa2, 1}, {0x11b00, 0x11b09, 1},
	{0x11be1, 0x11be1, 1}, {0x11c41, 0x11c45, 1}, {0x11c70, 0x11c71, 1}, {0x11ef7, 0x11ef8, 1}, {0x11f43, 0x11f4f, 1}, {0x11fff, 0x11fff, 1},
	{0x12ff1, 0x12ff2, 1}, {0x16d6d, 0x16d6f, 1}, {0x16e97, 0x16e9a, 1}, {0x16fe2, 0x16fe2, 1}, {0x1e5ff, 0x1e5ff, 1}, {0x1e95e, 0x1e95f, 1},
}}

// isPunctuation is what Punctuation splits at: ASCII punctuation and symbols, and \p{P} of Unicode 8.
func isPunctuation(r rune) bool {
	if r < utf8.RuneSelf {
		return asciiClass[r]&(isP|isS) != 0
	}
	if r == 0x166d || r == 0x111c9 { // punctuation then, no longer
		return true
	}
	return classes().of(r)&isP != 0 && !unicode.Is(unlisted, r)
}
