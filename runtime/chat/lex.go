package chat

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// tokenKind tells tokens apart; operators and the marks around blocks carry their text.
type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokData
	tokBlockBegin
	tokBlockEnd
	tokPrintBegin
	tokPrintEnd
	tokName
	tokString
	tokInt
	tokFloat
	tokOp
)

type token struct {
	kind tokenKind
	text string // data, name, operator, digits, or the contents of a string
	line int
}

// scanner cuts a template into tokens by the rules of jinja2's lexer with trim_blocks and lstrip_blocks: a newline after
// a block or comment goes, blanks before one on its line go, "-" takes all white space on its side, "+" keeps it.
type scanner struct {
	src       string
	pos       int
	line      int
	lineStart bool // the text before pos ends with a newline, or there is none
	toks      []token
}

// scan normalizes newlines as jinja2 does, drops one at the end, and tokenizes.
func scan(src string) ([]token, error) {
	src = strings.ReplaceAll(strings.ReplaceAll(src, "\r\n", "\n"), "\r", "\n")
	src = strings.TrimSuffix(src, "\n")
	s := &scanner{src: src, line: 1, lineStart: true}
	for s.pos < len(s.src) {
		if err := s.root(); err != nil {
			return nil, err
		}
	}
	s.emit(tokEnd, "")
	return s.toks, nil
}

func (s *scanner) emit(k tokenKind, text string) {
	s.toks = append(s.toks, token{k, text, s.line})
}

// advance moves to end and keeps count of lines.
func (s *scanner) advance(end int) {
	if end == s.pos {
		return
	}
	s.line += strings.Count(s.src[s.pos:end], "\n")
	s.lineStart = s.src[end-1] == '\n'
	s.pos = end
}

// root reads text up to the next mark, and what the mark begins.
func (s *scanner) root() error {
	rest := s.src[s.pos:]
	at := nextMark(rest)
	if at < 0 {
		s.emit(tokData, rest)
		s.advance(len(s.src))
		return nil
	}
	kind := rest[at+1]
	after := s.pos + at + 2
	sign := byte(0)
	if after < len(s.src) && (s.src[after] == '-' || s.src[after] == '+') {
		sign = s.src[after]
		after++
	}
	s.data(rest[:at], sign, kind != '{')
	if kind == '%' {
		if end, ok := s.rawBegin(after); ok {
			s.advance(end)
			return s.raw()
		}
	}
	s.advance(after)
	switch kind {
	case '#':
		return s.comment()
	case '{':
		s.emit(tokPrintBegin, "")
		return s.inside("}}")
	default:
		s.emit(tokBlockBegin, "")
		return s.inside("%}")
	}
}

// nextMark finds the first "{{", "{%" or "{#".
func nextMark(s string) int {
	for i := 0; i+1 < len(s); i++ {
		j := strings.IndexByte(s[i:], '{')
		if j < 0 || i+j+1 >= len(s) {
			return -1
		}
		i += j
		if c := s[i+1]; c == '{' || c == '%' || c == '#' {
			return i
		}
	}
	return -1
}

// data emits the text before a mark, stripped as the mark's sign and lstrip_blocks say.
func (s *scanner) data(text string, sign byte, lstrip bool) {
	switch {
	case sign == '-':
		text = strings.TrimRightFunc(text, isSpace)
	case sign != '+' && lstrip:
		from := strings.LastIndexByte(text, '\n') + 1
		if (from > 0 || s.lineStart) && strings.TrimLeftFunc(text[from:], isSpace) == "" {
			text = text[:from]
		}
	}
	if text != "" {
		s.emit(tokData, text)
	}
}

// rawBegin tells whether a block that begins before pos is {% raw %}, and where it ends.
func (s *scanner) rawBegin(pos int) (int, bool) {
	pos = s.skipSpace(pos)
	if !strings.HasPrefix(s.src[pos:], "raw") {
		return 0, false
	}
	pos = s.skipSpace(pos + len("raw"))
	if strings.HasPrefix(s.src[pos:], "-%}") {
		return s.skipSpace(pos + 3), true
	}
	return pos + 2, strings.HasPrefix(s.src[pos:], "%}")
}

// raw emits everything up to {% endraw %} as text.
func (s *scanner) raw() error {
	for from := s.pos; ; {
		i := strings.Index(s.src[from:], "{%")
		if i < 0 {
			return syntax(s.line, "{%% raw %%} without {%% endraw %%}")
		}
		at := from + i
		from = at + 2
		pos, sign := from, byte(0)
		if pos < len(s.src) && (s.src[pos] == '-' || s.src[pos] == '+') {
			sign = s.src[pos]
			pos++
		}
		pos = s.skipSpace(pos)
		if !strings.HasPrefix(s.src[pos:], "endraw") {
			continue
		}
		end, ok := s.close(s.skipSpace(pos+len("endraw")), "%}", true)
		if !ok {
			continue
		}
		s.data(s.src[s.pos:at], sign, true)
		s.advance(end)
		return nil
	}
}

func (s *scanner) comment() error {
	i := strings.Index(s.src[s.pos:], "#}")
	if i < 0 {
		return syntax(s.line, "comment without end")
	}
	at := s.pos + i
	if at > s.pos && (s.src[at-1] == '-' || s.src[at-1] == '+') {
		at--
	}
	end, _ := s.close(at, "#}", true)
	s.advance(end)
	return nil
}

// close reads the end mark of a block or comment at pos with its sign, and the white space that goes with it.
func (s *scanner) close(pos int, mark string, plus bool) (int, bool) {
	rest := s.src[pos:]
	switch {
	case plus && strings.HasPrefix(rest, "+"+mark):
		return pos + 1 + len(mark), true
	case strings.HasPrefix(rest, "-"+mark):
		return s.skipSpace(pos + 1 + len(mark)), true
	case strings.HasPrefix(rest, mark):
		pos += len(mark)
		if mark != "}}" && strings.HasPrefix(s.src[pos:], "\n") {
			pos++
		}
		return pos, true
	}
	return 0, false
}

func (s *scanner) skipSpace(pos int) int {
	return len(s.src) - len(strings.TrimLeftFunc(s.src[pos:], isSpace))
}

// inside reads the tokens of a block or expression. Its end mark counts only where all brackets are closed.
func (s *scanner) inside(mark string) error {
	var open []byte
	for s.pos < len(s.src) {
		if len(open) == 0 {
			if end, ok := s.close(s.pos, mark, mark == "%}"); ok {
				kind := tokBlockEnd
				if mark == "}}" {
					kind = tokPrintEnd
				}
				s.emit(kind, "")
				s.advance(end)
				return nil
			}
		}
		if end := s.skipSpace(s.pos); end > s.pos {
			s.advance(end)
			continue
		}
		c := s.src[s.pos]
		switch {
		case c >= '0' && c <= '9':
			kind, end := number(s.src, s.pos)
			s.emit(kind, strings.ReplaceAll(s.src[s.pos:end], "_", ""))
			s.advance(end)
		case c == '"' || c == '\'':
			if err := s.quoted(c); err != nil {
				return err
			}
		default:
			if n := nameLen(s.src[s.pos:]); n > 0 {
				s.emit(tokName, s.src[s.pos:s.pos+n])
				s.advance(s.pos + n)
				continue
			}
			op := operator(s.src[s.pos:])
			if op == "" {
				r, _ := utf8.DecodeRuneInString(s.src[s.pos:])
				return syntax(s.line, "unexpected %q", r)
			}
			switch op {
			case "(", "[", "{":
				if len(open) == maxNesting {
					return limit(s.line, "more than %d brackets inside each other", maxNesting)
				}
				open = append(open, map[string]byte{"(": ')', "[": ']', "{": '}'}[op])
			case ")", "]", "}":
				if len(open) == 0 || open[len(open)-1] != op[0] {
					return syntax(s.line, "unexpected %q", op)
				}
				open = open[:len(open)-1]
			}
			s.emit(tokOp, op)
			s.advance(s.pos + len(op))
		}
	}
	return syntax(s.line, "the template ends inside a block, %q is missing", mark)
}

func operator(s string) string {
	for _, op := range [...]string{"//", "**", "==", "!=", ">=", "<="} {
		if strings.HasPrefix(s, op) {
			return op
		}
	}
	if strings.IndexByte("+-/*%~[](){}><=.:|,;", s[0]) >= 0 {
		return s[:1]
	}
	return ""
}

// nameLen gives the length of the identifier that s begins with.
func nameLen(s string) int {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) {
			return i
		}
	}
	return len(s)
}

// number gives kind and end of the number at pos.
func number(src string, pos int) (tokenKind, int) {
	digits := func(at int, set string) int { // digits with single underscores between them
		end := at
		for at < len(src) {
			if src[at] == '_' && end == at {
				at++
			}
			if at >= len(src) || strings.IndexByte(set, src[at]) < 0 {
				break
			}
			at++
			end = at
		}
		return end
	}
	const decimal = "0123456789"
	if end := digits(pos, decimal); pos == 0 || src[pos-1] != '.' {
		frac, exp := end, end
		if end < len(src) && src[end] == '.' {
			if e := digits(end+1, decimal); e > end+1 && src[end+1] != '_' {
				frac, exp = e, e
			}
		}
		if exp < len(src) && (src[exp] == 'e' || src[exp] == 'E') {
			at := exp + 1
			if at < len(src) && (src[at] == '+' || src[at] == '-') {
				at++
			}
			if e := digits(at, decimal); e > at && src[at] != '_' {
				return tokFloat, e
			}
		}
		if frac > end {
			return tokFloat, frac
		}
	}
	if src[pos] == '0' && pos+1 < len(src) {
		set := map[byte]string{'b': "01", 'o': "01234567", 'x': "0123456789abcdefABCDEF"}[src[pos+1]|0x20]
		if set != "" {
			if e := digits(pos+2, set); e > pos+2 {
				return tokInt, e
			}
		}
		return tokInt, digits(pos, "0")
	}
	return tokInt, digits(pos, decimal)
}
