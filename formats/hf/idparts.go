package hf

import (
	"math"
	"strconv"
	"strings"
	"unicode"
)

// What a part of a model id looks like, all on folded text (see fold). Digits are those of any script.

// isVersion: (v|iter)? digits (. digits)*
func isVersion(s string) bool {
	if t, ok := strings.CutPrefix(s, "iter"); ok {
		s = t
	} else {
		s = strings.TrimPrefix(s, "v")
	}
	for {
		n := digits(s)
		if n == 0 {
			return false
		}
		if n == len(s) {
			return true
		}
		if s[n] != '.' {
			return false
		}
		s = s[n+1:]
	}
}

// isTypeName: i?q digit (_ word)* | b?fp?(16|32)
func isTypeName(s string) bool {
	if t, ok := strings.CutPrefix(strings.TrimPrefix(s, "i"), "q"); ok {
		r := []rune(t)
		if len(r) == 0 || !unicode.IsDigit(r[0]) || len(r)%2 == 0 {
			return false
		}
		for i := 1; i < len(r); i += 2 {
			if r[i] != '_' || !isWord(r[i+1]) {
				return false
			}
		}
		return true
	}
	if t, ok := strings.CutPrefix(strings.TrimPrefix(s, "b"), "f"); ok {
		t = strings.TrimPrefix(t, "p")
		return t == "16" || t == "32"
	}
	return false
}

// isSize: (a | digits x)? digits ([._] digits)? [kmbt] digit? | small | mini | medium | large | x?xl
func isSize(s string) bool {
	switch s {
	case "small", "mini", "medium", "large", "xl", "xxl":
		return true
	}
	if t, ok := strings.CutPrefix(s, "a"); ok {
		return isCount(t)
	}
	if n := digits(s); n > 0 && n < len(s) && s[n] == 'x' {
		return isCount(s[n+1:])
	}
	return isCount(s)
}

func isCount(s string) bool {
	n := digits(s)
	if n == 0 {
		return false
	}
	s = s[n:]
	if s != "" && (s[0] == '.' || s[0] == '_') {
		if n = digits(s[1:]); n == 0 {
			return false
		}
		s = s[1+n:]
	}
	if s == "" || !strings.ContainsRune("kmbt", rune(s[0])) {
		return false
	}
	s = s[1:]
	n = digits(s)
	return n == len(s) && len([]rune(s)) <= 1
}

func isFinetune(s string) bool {
	return s == "chat" || s == "instruct" || s == "vision" || s == "lora"
}

// digits gives how many bytes of s are leading decimal digits of any script.
func digits(s string) int {
	for i, r := range s {
		if !unicode.IsDigit(r) {
			return i
		}
	}
	return len(s)
}

func isWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r) }

// pyFloat reads digits of any script with an optional point.
func pyFloat(s string) (float64, bool) {
	ascii := strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII && unicode.IsDigit(r) {
			return '0' + digitValue(r)
		}
		return r
	}, s)
	for _, r := range ascii {
		if r != '.' && (r < '0' || r > '9') {
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(ascii, 64)
	return f, err == nil || math.IsInf(f, 0)
}

// digitValue relies on decimal digits being encoded in runs of tens, each ten from zero to nine.
func digitValue(r rune) rune {
	n := rune(0)
	for unicode.IsDigit(r - n - 1) {
		n++
	}
	return n % 10
}
