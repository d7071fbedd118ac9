package chat

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// isSpace is Python's str.isspace for one character.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

// quoted reads a string literal that begins with the quote q and emits its contents, escapes decoded as Python does.
func (s *scanner) quoted(q byte) error {
	end := s.pos + 1
	for end < len(s.src) && s.src[end] != q {
		if s.src[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(s.src) {
		return syntax(s.line, "string without end")
	}
	text, err := unescape(s.src[s.pos+1:end], s.line)
	if err != nil {
		return err
	}
	s.emit(tokString, text)
	s.advance(end + 1)
	return nil
}

var simpleEscapes = map[byte]string{
	'\n': "", '\\': "\\", '\'': "'", '"': "\"", 'a': "\a", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v",
}

// unescape decodes the escapes of a Python string literal. An unknown escape stays as it is written.
func unescape(s string, line int) (string, error) {
	if strings.IndexByte(s, '\\') < 0 {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			i++
			continue
		}
		c := s[i+1] // a literal never ends with a lone backslash
		if text, ok := simpleEscapes[c]; ok {
			b.WriteString(text)
			i += 2
			continue
		}
		digits, base := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c], 16
		from := i + 2
		switch {
		case c >= '0' && c <= '7':
			from, base = i+1, 8
			for digits < 3 && from+digits < len(s) && s[from+digits] >= '0' && s[from+digits] <= '7' {
				digits++
			}
		case c == 'N':
			return "", unsupported(line, `the escape \N{...} in a string`)
		case digits == 0:
			b.WriteByte('\\')
			i++
			continue
		}
		if from+digits > len(s) {
			return "", syntax(line, "string escape %q is cut short", s[i:])
		}
		n, err := strconv.ParseUint(s[from:from+digits], base, 32)
		if err != nil {
			return "", syntax(line, "bad string escape %q", s[i:from+digits])
		}
		if n > unicode.MaxRune || !utf8.ValidRune(rune(n)) {
			return "", unsupported(line, "the character %q in a string", s[i:from+digits])
		}
		b.WriteRune(rune(n))
		i = from + digits
	}
	return b.String(), nil
}
