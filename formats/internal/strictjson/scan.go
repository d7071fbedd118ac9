// Package strictjson reads JSON as the standard says, and nothing else: a duplicate key, invalid
// UTF-8, a second document, a lone surrogate or nesting beyond a limit is an error. encoding/json
// accepts the first four silently.
package strictjson

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error is a syntax error with the byte offset where it was found.
type Error struct {
	Off    int
	Msg    string
	Strict bool // Python's json would have gone on (or failed otherwise than by bad syntax): a duplicate key, a lone surrogate, deep nesting, not UTF-8
}

func (e *Error) Error() string { return fmt.Sprintf("invalid JSON at byte %d: %s", e.Off, e.Msg) }

// Scanner walks one JSON document. Methods consume one value each and must be called on a value
// of their kind; strings without escapes share memory with the document.
type Scanner struct {
	doc            string
	pos            int
	depth          int
	maxDepth       int
	allowNonFinite bool
}

// NewScanner starts at the beginning of doc. Nesting deeper than maxDepth is an error. With
// allowNonFinite the literals NaN, Infinity and -Infinity, which Python writes, are numbers.
func NewScanner(doc string, maxDepth int, allowNonFinite bool) (*Scanner, error) {
	if !utf8.ValidString(doc) {
		for i, r := range doc {
			if r == utf8.RuneError {
				if _, n := utf8.DecodeRuneInString(doc[i:]); n == 1 {
					return nil, &Error{i, "not UTF-8", true}
				}
			}
		}
	}
	return &Scanner{doc: doc, maxDepth: maxDepth, allowNonFinite: allowNonFinite}, nil
}

// Offset is the position of the next unread byte.
func (s *Scanner) Offset() int { return s.pos }

func (s *Scanner) fail(format string, args ...any) error {
	return &Error{Off: s.pos, Msg: fmt.Sprintf(format, args...)}
}

func (s *Scanner) space() {
	for s.pos < len(s.doc) {
		switch s.doc[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// Peek tells the kind of the next value without consuming it.
func (s *Scanner) Peek() (Kind, error) {
	s.space()
	if s.pos >= len(s.doc) {
		return 0, s.fail("unexpected end")
	}
	switch c := s.doc[s.pos]; {
	case c == '{':
		return Object, nil
	case c == '[':
		return Array, nil
	case c == '"':
		return String, nil
	case c == 't' || c == 'f':
		return Bool, nil
	case c == 'n':
		return Null, nil
	case c == '-' || c >= '0' && c <= '9' || s.allowNonFinite && (c == 'N' || c == 'I'):
		return Number, nil
	default:
		return 0, s.fail("unexpected %q", rune(c))
	}
}

func (s *Scanner) want(k Kind) error {
	got, err := s.Peek()
	if err != nil {
		return err
	}
	if got != k {
		return s.fail("found %v, expected %v", got, k)
	}
	return nil
}

func (s *Scanner) enter() error {
	s.depth++
	if s.depth > s.maxDepth {
		return &Error{s.pos, fmt.Sprintf("nested deeper than %d", s.maxDepth), true}
	}
	s.pos++
	s.space()
	return nil
}

// sep consumes a comma (more is true) or the closing byte.
func (s *Scanner) sep(closing byte) (more bool, err error) {
	s.space()
	if s.pos >= len(s.doc) {
		return false, s.fail("unexpected end, expected ',' or '%c'", closing)
	}
	switch s.doc[s.pos] {
	case ',':
		s.pos++
		return true, nil
	case closing:
		s.pos++
		s.depth--
		return false, nil
	}
	return false, s.fail("found %q, expected ',' or '%c'", rune(s.doc[s.pos]), closing)
}

// Object calls f for each member; f must consume the member's value. A name that comes twice is an
// error.
func (s *Scanner) Object(f func(name string) error) error {
	var seen names
	return s.Members(func(name string, at int) error {
		if !seen.add(name) {
			return &Error{at, fmt.Sprintf("duplicate key %q", name), true}
		}
		return f(name)
	})
}

// Members is Object for a caller that refuses duplicates itself; at is the offset of the name's quote.
func (s *Scanner) Members(f func(name string, at int) error) error {
	if err := s.want(Object); err != nil {
		return err
	}
	if err := s.enter(); err != nil {
		return err
	}
	if s.pos < len(s.doc) && s.doc[s.pos] == '}' {
		s.pos++
		s.depth--
		return nil
	}
	for {
		at := s.pos
		name, err := s.String()
		if err != nil {
			return err
		}
		s.space()
		if s.pos >= len(s.doc) || s.doc[s.pos] != ':' {
			return s.fail("expected ':' after key %q", name)
		}
		s.pos++
		if err := f(name, at); err != nil {
			return err
		}
		more, err := s.sep('}')
		if err != nil || !more {
			return err
		}
		s.space()
	}
}

// names is a set that stays an array, off the heap, while it is small.
type names struct {
	few  [8]string
	n    int
	many map[string]struct{}
}

func (n *names) add(s string) bool {
	if n.many != nil {
		if _, dup := n.many[s]; dup {
			return false
		}
		n.many[s] = struct{}{}
		return true
	}
	for _, f := range n.few[:n.n] {
		if f == s {
			return false
		}
	}
	if n.n < len(n.few) {
		n.few[n.n] = s
		n.n++
		return true
	}
	n.many = make(map[string]struct{}, 64)
	for _, f := range n.few {
		n.many[f] = struct{}{}
	}
	n.many[s] = struct{}{}
	return true
}

// Array calls f for each element; f must consume it.
func (s *Scanner) Array(f func(i int) error) error {
	if err := s.want(Array); err != nil {
		return err
	}
	if err := s.enter(); err != nil {
		return err
	}
	if s.pos < len(s.doc) && s.doc[s.pos] == ']' {
		s.pos++
		s.depth--
		return nil
	}
	for i := 0; ; i++ {
		if err := f(i); err != nil {
			return err
		}
		more, err := s.sep(']')
		if err != nil || !more {
			return err
		}
	}
}

// Number consumes a number and gives its literal.
func (s *Scanner) Number() (string, error) {
	if err := s.want(Number); err != nil {
		return "", err
	}
	start := s.pos
	if s.allowNonFinite {
		for _, lit := range [...]string{"NaN", "Infinity", "-Infinity"} {
			if strings.HasPrefix(s.doc[s.pos:], lit) {
				s.pos += len(lit)
				return lit, nil
			}
		}
	}
	if s.doc[s.pos] == '-' {
		s.pos++
	}
	n := s.digits()
	if n == 0 {
		return "", s.fail("expected a digit")
	}
	if n > 1 && s.doc[s.pos-n] == '0' {
		return "", s.fail("leading zero")
	}
	if s.pos < len(s.doc) && s.doc[s.pos] == '.' {
		s.pos++
		if s.digits() == 0 {
			return "", s.fail("expected a digit after '.'")
		}
	}
	if s.pos < len(s.doc) && (s.doc[s.pos] == 'e' || s.doc[s.pos] == 'E') {
		s.pos++
		if s.pos < len(s.doc) && (s.doc[s.pos] == '+' || s.doc[s.pos] == '-') {
			s.pos++
		}
		if s.digits() == 0 {
			return "", s.fail("expected a digit in the exponent")
		}
	}
	return s.doc[start:s.pos], nil
}

func (s *Scanner) digits() (n int) {
	for s.pos < len(s.doc) && s.doc[s.pos] >= '0' && s.doc[s.pos] <= '9' {
		s.pos++
		n++
	}
	return n
}

// Literal consumes true, false or null and gives it.
func (s *Scanner) Literal() (string, error) {
	s.space()
	for _, lit := range [...]string{"true", "false", "null"} {
		if strings.HasPrefix(s.doc[s.pos:], lit) {
			s.pos += len(lit)
			return lit, nil
		}
	}
	return "", s.fail("expected true, false or null")
}

// Skip consumes any value.
func (s *Scanner) Skip() error {
	k, err := s.Peek()
	if err != nil {
		return err
	}
	switch k {
	case Object:
		return s.Object(func(string) error { return s.Skip() })
	case Array:
		return s.Array(func(int) error { return s.Skip() })
	case String:
		_, err = s.String()
	case Number:
		_, err = s.Number()
	default:
		_, err = s.Literal()
	}
	return err
}

// End checks that only white space is left.
func (s *Scanner) End() error {
	s.space()
	if s.pos != len(s.doc) {
		return s.fail("more data after the document")
	}
	return nil
}
