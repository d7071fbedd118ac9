package strictjson

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// String consumes a string. Without escapes the result shares memory with the document.
func (s *Scanner) String() (string, error) {
	if err := s.want(String); err != nil {
		return "", err
	}
	s.pos++
	start := s.pos
	for s.pos < len(s.doc) {
		switch c := s.doc[s.pos]; {
		case c == '"':
			s.pos++
			return s.doc[start : s.pos-1], nil
		case c == '\\':
			return s.escaped(start)
		case c < 0x20:
			return "", s.fail("control character in string")
		}
		s.pos++
	}
	return "", s.fail("unexpected end in string")
}

// escaped goes on from the first backslash.
func (s *Scanner) escaped(start int) (string, error) {
	var b strings.Builder
	b.WriteString(s.doc[start:s.pos])
	for s.pos < len(s.doc) {
		switch c := s.doc[s.pos]; {
		case c == '"':
			s.pos++
			return b.String(), nil
		case c < 0x20:
			return "", s.fail("control character in string")
		case c != '\\':
			b.WriteByte(c)
			s.pos++
		default:
			r, err := s.escape()
			if err != nil {
				return "", err
			}
			b.WriteRune(r)
		}
	}
	return "", s.fail("unexpected end in string")
}

const simpleEscapes = `"\/bfnrt`
const simpleValues = "\"\\/\b\f\n\r\t"

func (s *Scanner) escape() (rune, error) {
	if s.pos+1 >= len(s.doc) {
		return 0, s.fail("unexpected end in escape")
	}
	if i := strings.IndexByte(simpleEscapes, s.doc[s.pos+1]); i >= 0 {
		s.pos += 2
		return rune(simpleValues[i]), nil
	}
	r, err := s.hex4()
	if err != nil {
		return 0, err
	}
	if utf16.IsSurrogate(r) {
		lo, err := s.hex4()
		if err != nil {
			return 0, &Error{s.pos, "lone surrogate", true}
		}
		if r = utf16.DecodeRune(r, lo); r == utf8.RuneError {
			return 0, &Error{s.pos, "lone surrogate", true}
		}
	}
	return r, nil
}

func (s *Scanner) hex4() (rune, error) {
	if s.pos+6 > len(s.doc) || s.doc[s.pos] != '\\' || s.doc[s.pos+1] != 'u' {
		return 0, s.fail("invalid escape")
	}
	n, err := strconv.ParseUint(s.doc[s.pos+2:s.pos+6], 16, 16)
	if err != nil {
		return 0, s.fail("invalid \\u escape")
	}
	s.pos += 6
	return rune(n), nil
}
