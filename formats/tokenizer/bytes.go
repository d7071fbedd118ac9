package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// alphabet is GPT-2's spelling of bytes as printable characters: printable Latin-1 stands for
// itself, the others follow from U+0100 on.
var alphabet = func() (a [256]rune) {
	next := rune(256)
	for b := range a {
		if b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae {
			a[b] = rune(b)
		} else {
			a[b] = next
			next++
		}
	}
	return a
}()

// letterByte is the inverse of alphabet, -1 for a character that is not in it.
var letterByte = func() (inv [512]int16) {
	for i := range inv {
		inv[i] = -1
	}
	for b, r := range alphabet {
		inv[r] = int16(b)
	}
	return inv
}()

// toAlphabet spells the bytes of s in the alphabet.
func toAlphabet(s string) string {
	return string(appendAlphabet(make([]byte, 0, 2*len(s)), s))
}

func appendAlphabet(dst []byte, s string) []byte {
	for i := range len(s) {
		dst = utf8.AppendRune(dst, alphabet[s[i]])
	}
	return dst
}

// appendBytes reads s as the alphabet; ok is false, and nothing is appended, when a character is
// not in it.
func appendBytes(dst []byte, s string) (out []byte, ok bool) {
	n := len(dst)
	for _, r := range s {
		if r >= rune(len(letterByte)) || letterByte[r] < 0 {
			return dst[:n], false
		}
		dst = append(dst, byte(letterByte[r]))
	}
	return dst, true
}

// hexByte reads <0xHH>, the token of one byte in SentencePiece vocabularies. Two hexadecimal digits
// it must be: <0x-1>, <0xZZ> and <0x1FF> are ordinary texts.
func hexByte(s string) (b byte, ok bool) {
	if len(s) != 6 || s[:3] != "<0x" || s[5] != '>' {
		return 0, false
	}
	for _, c := range []byte(s[3:5]) {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		default:
			return 0, false
		}
		b = b<<4 | c
	}
	return b, true
}

const hexDigits = "0123456789ABCDEF"

// byteToken spells the token of a byte.
func byteToken(b byte) string {
	return string([]byte{'<', '0', 'x', hexDigits[b>>4], hexDigits[b&15], '>'})
}

// lossy makes b valid UTF-8: each ill-formed part, as long as it could have been the beginning of a
// character, becomes one U+FFFD. This is what Rust and Python print.
func lossy(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	var out strings.Builder
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r != utf8.RuneError || n > 1 {
			out.Write(b[:n])
			b = b[n:]
			continue
		}
		out.WriteRune(utf8.RuneError)
		b = b[illFormed(b):]
	}
	return out.String()
}

// illFormed gives the bytes of the ill-formed part that b begins with.
func illFormed(b []byte) int {
	lo, hi, size := byte(0x80), byte(0xbf), 0
	switch c := b[0]; {
	case c >= 0xc2 && c <= 0xdf:
		size = 2
	case c >= 0xe0 && c <= 0xef:
		size = 3
		if c == 0xe0 {
			lo = 0xa0
		} else if c == 0xed {
			hi = 0x9f
		}
	case c >= 0xf0 && c <= 0xf4:
		size = 4
		if c == 0xf0 {
			lo = 0x90
		} else if c == 0xf4 {
			hi = 0x8f
		}
	}
	n := 1
	for n < size && n < len(b) && b[n] >= lo && b[n] <= hi {
		lo, hi = 0x80, 0xbf
		n++
	}
	return n
}
