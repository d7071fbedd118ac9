package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// pattern texts of pre-tokenizers, as tokenizer.json has them. CR and LF that stand for themselves
// are written \r and \n: plainPattern makes both spellings one.
const (
	contractionText = `(?i:'s|'t|'re|'ve|'m|'ll|'d)`
	tailText        = `|\s*[\r\n]+|\s+(?!\S)|\s+`
	capitalText     = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+`
	capitalsText    = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*`

	qwen2Text     = contractionText + `|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*` + tailText
	qwen35Text    = contractionText + `|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*` + tailText
	llama3Text    = contractionText + `|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*` + tailText
	miniCPM5Text  = contractionText + `|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*` + tailText
	seedCoderText = contractionText + `|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+` + tailText
	ufakzekaText  = `[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*` + tailText
	bailingText   = `'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+`
	o200kText     = capitalText + contractionText + `?|` + capitalsText + contractionText + `?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*` + tailText
	o200k1Text    = capitalText + contractionText + `?|` + capitalsText + contractionText + `?|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*` + tailText
	tekkenText    = capitalText + `|` + capitalsText + `|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*` + tailText
	gpt2Text      = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
	gpt2ShortText = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)`
	deepSeek3Text = "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*" + tailText
	spark25Text   = "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+|[\\r\\n]|\\s+(?!\\S)|\\s+"

	kanaText        = "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"
	asianText       = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"
	deepLettersText = "A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-\u0373\u0376\u0377\u037b-\u037d\u037f\u0386\u0388-" +
		"\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-" +
		"\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-" +
		"\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107\u210a-\u2113\u2115\u2119-\u211d" +
		"\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f\u2145-\u2149\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3" +
		"\ua640-\ua66d\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a\U00010400-" +
		"\U0001044f\U000104b0-\U000104d3\U000104d8-\U000104fb\U00010c80-\U00010cb2\U00010cc0-\U00010cf2\U000118a0-\U000118df\U0001e900-\U0001e943"
	deepMarksText = "!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002"
	sentenceText  = " ?[^(\\s|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)]+"
	falconText    = "[\\p{P}\\$\\+<=>\\^~\\|`]+"
	falcon0Text   = `[\p{P}\$\+<=>\^~\|]+`
)

// known gives what finds the matches of a pattern; nil when the pattern is not one of the list.
func known(pattern string) finder {
	w := func(w words) finder { return matcher(w.match).first }
	m := func(m matcher) finder { return m.first }
	switch plainPattern(pattern) {
	case qwen2Text, bailingText: // bailing spells qwen2 in other words
		return w(qwen2)
	case qwen35Text:
		return w(qwen35)
	case llama3Text:
		return w(llama3)
	case miniCPM5Text:
		return w(miniCPM5)
	case seedCoderText:
		return w(seedCoder)
	case ufakzekaText:
		return w(ufakzeka)
	case o200kText:
		return w(o200k)
	case o200k1Text:
		return w(o200k1)
	case tekkenText:
		return w(tekken)
	case gpt2Text, gpt2ShortText: // what the short one does not match is the one character that |\s+ would
		return m(gpt2)
	case deepSeek3Text:
		return m(deepSeek3)
	case spark25Text:
		return m(spark25)
	case `[\r\n]`:
		return m(oneOf("\r\n", 1))
	case `\p{N}`:
		return m(classRun(0, isN, 1))
	case `\p{N}+`:
		return m(classRun(0, isN, 0))
	case `\p{N}{1,3}`:
		return m(classRun(0, isN, 3))
	case `[0-9][0-9][0-9]`:
		return m(threeDigits)
	case `\s?\p{L}+`:
		return m(classRun(isSpace, isL, 0))
	case `\s?\p{P}+`:
		return m(classRun(isSpace, isP, 0))
	case `\s+$`:
		return blankEnd
	case `\s?[` + deepLettersText + `]+`:
		return m(setRun(true, newCharset(deepLettersText)))
	case `\s?[` + deepMarksText + `]+`:
		return m(setRun(true, newCharset(deepMarksText)))
	case kanaText:
		return m(setRun(false, newCharset(strings.Trim(kanaText, "[]+"))))
	case asianText:
		return m(setRun(false, newCharset(strings.Trim(asianText, "[]+"))))
	case falconText:
		return m(marks("$+<=>^~|`"))
	case falcon0Text:
		return m(marks("$+<=>^~|"))
	case sentenceText:
		return m(sentence)
	case `[^\n]+|[\n]+`:
		return m(lines)
	}
	return nil
}

// plainPattern spells CR and LF as escapes.
func plainPattern(pattern string) string {
	return strings.NewReplacer("\r", `\r`, "\n", `\n`).Replace(pattern)
}

// classRun matches lead?class{1,most} for a lead character of classes lead (0: no lead); most 0 is
// any number.
func classRun(lead, class uint8, most int) matcher {
	return func(s string, i int) int {
		c, n := classAt(s, i)
		j := i
		if c&lead != 0 && i+n < len(s) {
			if next, _ := classAt(s, i+n); next&class != 0 {
				j = i + n
			}
		}
		if most == 0 {
			if end := run(s, j, class); end > j {
				return end
			}
			return i
		}
		end := j
		for k := 0; k < most && end < len(s); k++ {
			c, n := classAt(s, end)
			if c&class == 0 {
				break
			}
			end += n
		}
		if end == j {
			return i
		}
		return end
	}
}

// oneOf matches up to most of the ASCII characters in set.
func oneOf(set string, most int) matcher {
	return func(s string, i int) int { return i + min(among(s[i:min(i+most, len(s))], 0, set), most) }
}

func threeDigits(s string, i int) int {
	if i+3 > len(s) {
		return i
	}
	for _, b := range []byte(s[i : i+3]) {
		if b < '0' || b > '9' {
			return i
		}
	}
	return i + 3
}

// lines matches [^\n]+|[\n]+
func lines(s string, i int) int {
	if s[i] == '\n' {
		return among(s, i, "\n")
	}
	if k := strings.IndexByte(s[i:], '\n'); k >= 0 {
		return i + k
	}
	return len(s)
}

// marks matches [\p{P}set]+.
func marks(set string) matcher {
	return func(s string, i int) int {
		for i < len(s) {
			c, n := classAt(s, i)
			if c&isP == 0 && strings.IndexByte(set, s[i]) < 0 {
				break
			}
			i += n
		}
		return i
	}
}

// sentence matches sentenceText.
func sentence(s string, i int) int {
	j := i
	if s[i] == ' ' {
		j++
	}
	end := j
	for end < len(s) {
		r, n := utf8.DecodeRuneInString(s[end:])
		if strings.ContainsRune("(|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)", r) {
			break
		}
		if c, _ := classAt(s, end); c&isSpace != 0 {
			break
		}
		end += n
	}
	if end == j {
		return i
	}
	return end
}

// blankEnd finds \s+$, where $ is the end of a line too, as in Ruby.
func blankEnd(s string, from int) (start, end int) {
	for from < len(s) {
		from = runNot(s, from, isSpace)
		end := run(s, from, isSpace)
		if end == len(s) {
			return from, end
		}
		if k := strings.LastIndexByte(s[from:end], '\n'); k > 0 {
			return from, from + k
		}
		from = end
	}
	return len(s), len(s)
}

// charset is what stands between the brackets of a class: characters and ranges, sorted.
type charset [][2]rune

// newCharset reads one of the constants above.
func newCharset(text string) charset {
	var set charset
	all := []rune(text)
	for i := 0; i < len(all); i++ {
		r := [2]rune{all[i], all[i]}
		if i+2 < len(all) && all[i+1] == '-' {
			r[1] = all[i+2]
			i += 2
		}
		k := len(set)
		for k > 0 && set[k-1][0] > r[0] {
			k--
		}
		set = append(set[:k], append(charset{r}, set[k:]...)...)
	}
	return set
}

func (set charset) has(r rune) bool {
	lo, hi := 0, len(set)
	for lo < hi {
		switch mid := (lo + hi) / 2; {
		case r < set[mid][0]:
			hi = mid
		case r > set[mid][1]:
			lo = mid + 1
		default:
			return true
		}
	}
	return false
}

// setRun matches [set]+, with space \s?[set]+.
func setRun(space bool, set charset) matcher {
	in := func(s string, i int) (int, bool) {
		if i >= len(s) {
			return 0, false
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		return n, set.has(r)
	}
	return func(s string, i int) int {
		end := i
		if c, n := classAt(s, i); space && c&isSpace != 0 {
			if _, ok := in(s, i+n); ok {
				end = i + n
			}
		}
		for {
			n, ok := in(s, end)
			if !ok {
				return end
			}
			end += n
		}
	}
}
