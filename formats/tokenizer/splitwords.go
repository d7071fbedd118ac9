package tokenizer

import "unicode/utf8"

// The matchers below are patterns of pre-tokenizers, written by hand.

// contraction matches 's 't 're 've 'm 'll 'd; fold ignores case, and U+017F is an s then.
func contraction(s string, i int, fold bool) int {
	if i+1 >= len(s) || s[i] != '\'' {
		return i
	}
	lower := func(b byte) byte {
		if fold && b >= 'A' && b <= 'Z' {
			return b + 'a' - 'A'
		}
		return b
	}
	switch c := lower(s[i+1]); c {
	case 's', 't', 'm', 'd':
		return i + 2
	case 'r', 'v', 'l':
		want := byte('e')
		if c == 'l' {
			want = 'l'
		}
		if i+2 < len(s) && lower(s[i+2]) == want {
			return i + 3
		}
	case 0xc5:
		if fold && i+2 < len(s) && s[i+2] == 0xbf {
			return i + 3
		}
	}
	return i
}

// blank matches \s+(?!\S)|\s+ at a position.
func blank(s string, i int) int {
	end, last := i, i
	for end < len(s) {
		c, n := classAt(s, end)
		if c&isSpace == 0 {
			break
		}
		last, end = end, end+n
	}
	if end < len(s) && last > i {
		return last // the last one is left for the word after it
	}
	return end
}

// blankLines matches \s*[\r\n]+|\s+(?!\S)|\s+ at a position.
func blankLines(s string, i int) int {
	end, line := i, i
	for end < len(s) {
		c, n := classAt(s, end)
		if c&isSpace == 0 {
			break
		}
		if s[end] == '\n' || s[end] == '\r' {
			line = end + 1
		}
		end += n
	}
	if line > i {
		return line
	}
	return blank(s, i)
}

// gpt2 is 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
func gpt2(s string, i int) int {
	if end := contraction(s, i, false); end > i {
		return end
	}
	j := i
	if s[i] == ' ' && i+1 < len(s) {
		j++
	}
	switch c, _ := classAt(s, j); {
	case c&isL != 0:
		return run(s, j, isL)
	case c&isN != 0:
		return run(s, j, isN)
	case c&isSpace == 0:
		return runNot(s, j, isSpace|isL|isN)
	}
	return blank(s, i)
}

// words are the patterns that descend from GPT-4's:
//
//	contraction | [^\r\n not]?letters+ | \p{N}{1,digits} | ?[^\s symbols]+[tail]* | \s*[\r\n]+ | \s+(?!\S) | \s+
type words struct {
	contraction bool   // (?i:'s|'t|'re|'ve|'m|'ll|'d) comes first
	cased       bool   // letters are two alternatives: a word ends where a capital follows a small letter
	suffix      bool   // with cased: a contraction belongs to the word before it
	letters     uint8  // classes
	digits      int    // the most of one match, 0 for any number
	symbols     uint8  // classes that are no symbols
	tail        string // what may follow symbols
}

var (
	qwen2     = words{contraction: true, letters: isL, digits: 1, symbols: isSpace | isL | isN, tail: "\r\n"}
	qwen35    = words{contraction: true, letters: isL | isM, digits: 1, symbols: isSpace | isL | isM | isN, tail: "\r\n"}
	llama3    = words{contraction: true, letters: isL, digits: 3, symbols: isSpace | isL | isN, tail: "\r\n"}
	miniCPM5  = words{contraction: true, letters: isL, symbols: isSpace | isL | isN, tail: "\r\n"}
	seedCoder = words{contraction: true, letters: isL, digits: 1, symbols: isSpace | isL | isN}
	ufakzeka  = words{letters: isL, digits: 1, symbols: isSpace | isL | isN, tail: "\r\n"}
	o200k     = words{cased: true, suffix: true, digits: 3, symbols: isSpace | isL | isN, tail: "\r\n/"}
	o200k1    = words{cased: true, suffix: true, digits: 1, symbols: isSpace | isL | isN, tail: "\r\n/"}
	tekken    = words{cased: true, digits: 1, symbols: isSpace | isL | isN, tail: "\r\n/"}
)

func (w *words) match(s string, i int) int {
	if w.contraction {
		if end := contraction(s, i, true); end > i {
			return end
		}
	}
	c, n := classAt(s, i)
	if w.cased {
		if end := w.word(s, i, c, n); end > i {
			return end
		}
	} else if c&w.letters != 0 {
		return run(s, i+n, w.letters)
	} else if c&(isL|isN) == 0 && s[i] != '\r' && s[i] != '\n' && i+n < len(s) {
		if next, m := classAt(s, i+n); next&w.letters != 0 {
			return run(s, i+n+m, w.letters)
		}
	}
	if c&isN != 0 {
		if w.digits == 0 {
			return run(s, i, isN)
		}
		for k := 1; k < w.digits && i+n < len(s); k++ {
			next, m := classAt(s, i+n)
			if next&isN == 0 {
				break
			}
			n += m
		}
		return i + n
	}
	if end := symbols(s, i, w.symbols, w.tail); end > i {
		return end
	}
	return blankLines(s, i)
}

// symbols matches ` ?[^not]+[tail]*`.
func symbols(s string, i int, not uint8, tail string) int {
	j := i
	if s[i] == ' ' {
		j++
	}
	end := runNot(s, j, not)
	if end == j {
		return i
	}
	return among(s, end, tail)
}

// among gives the end of the run of the ASCII characters in set.
func among(s string, i int, set string) int {
	for i < len(s) {
		k := 0
		for k < len(set) && set[k] != s[i] {
			k++
		}
		if k == len(set) {
			break
		}
		i++
	}
	return i
}

// word matches the two cased alternatives, with a = Lu Lt Lm Lo M and b = Ll Lm Lo M:
//
//	[^\r\n\p{L}\p{N}]?[a]*[b]+ | [^\r\n\p{L}\p{N}]?[a]+[b]*
//
// each followed by a contraction if there is one and suffix is set. c and n are of the character at i.
func (w *words) word(s string, i int, c uint8, n int) int {
	prefix := c&(isL|isN) == 0 && s[i] != '\r' && s[i] != '\n'
	for _, match := range [...]func(string, int) int{smallWord, capitalWord} {
		end := 0
		if prefix {
			end = match(s, i+n)
		}
		if end <= i+n || !prefix {
			if end = match(s, i); end == i {
				continue
			}
		}
		if w.suffix {
			end = contraction(s, end, true)
		}
		return end
	}
	return i
}

func isCapital(c uint8) bool { return c&(isL|isM) != 0 && c&isLower == 0 }
func isSmall(c uint8) bool   { return c&(isL|isM) != 0 && c&isUpper == 0 }

// smallWord matches [a]*[b]+ of word.
func smallWord(s string, i int) int {
	end, both := i, i // both: behind the last character that is in a and in b
	for end < len(s) {
		c, n := classAt(s, end)
		if !isCapital(c) {
			break
		}
		end += n
		if isSmall(c) {
			both = end
		}
	}
	if rest := smallRun(s, end); rest > end {
		return rest
	}
	return both // [a]* gives back what [b]+ needs: one character, and what is behind it is not in b
}

// capitalWord matches [a]+[b]* of word.
func capitalWord(s string, i int) int {
	end := i
	for end < len(s) {
		c, n := classAt(s, end)
		if !isCapital(c) {
			break
		}
		end += n
	}
	if end == i {
		return i
	}
	return smallRun(s, end)
}

func smallRun(s string, i int) int {
	for i < len(s) {
		c, n := classAt(s, i)
		if !isSmall(c) {
			break
		}
		i += n
	}
	return i
}

// deepSeek3 is the third pattern of DeepSeek-V3:
//
//	[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
func deepSeek3(s string, i int) int { return deepSeek3Tail(s, i, "\r\n", blankLines) }

// spark25 has no newlines behind symbols, and takes newlines one by one.
func spark25(s string, i int) int {
	return deepSeek3Tail(s, i, "", func(s string, i int) int {
		if s[i] == '\r' || s[i] == '\n' {
			return i + 1
		}
		return blank(s, i)
	})
}

func deepSeek3Tail(s string, i int, tail string, space matcher) int {
	c, n := classAt(s, i)
	if s[i] < utf8.RuneSelf && c&(isP|isS) != 0 {
		j := i + 1
		for j < len(s) && s[j] < utf8.RuneSelf && asciiClass[s[j]]&isL != 0 {
			j++
		}
		if j > i+1 {
			return j
		}
	}
	if c&(isL|isP|isS) == 0 && s[i] != '\r' && s[i] != '\n' {
		if end := run(s, i+n, isL|isM); end > i+n {
			return end
		}
	}
	if c&(isL|isM) != 0 {
		return run(s, i, isL|isM)
	}
	j := i
	if s[i] == ' ' {
		j++
	}
	if end := run(s, j, isP|isS); end > j {
		return among(s, end, tail)
	}
	if c&isSpace != 0 {
		return space(s, i)
	}
	return i
}
