package hf

import (
	"strings"
	"unicode"
)

// title writes an id as a name: words in place of hyphens, each all-lower-case word with a capital,
// unless it starts with a digit or is a version such as v0.1.
func title(id string) string {
	words := pyFields(strings.ReplaceAll(id, "-", " "))
	for i, w := range words {
		if isLower(w) && !startsWithDigit(w) && !isPlainVersion(w) {
			words[i] = capitalize(w)
		}
	}
	return strings.Join(words, " ")
}

// isPlainVersion: v digits (. digits)*, in lower case only.
func isPlainVersion(w string) bool { return strings.HasPrefix(w, "v") && isVersion(w) }

func startsWithDigit(w string) bool {
	for _, r := range w {
		return unicode.IsDigit(r)
	}
	return false
}

// isLower: at least one cased rune, and none that is upper or title case.
func isLower(w string) bool {
	lower := false
	for _, r := range w {
		if isUpperRune(r) || unicode.IsTitle(r) {
			return false
		}
		lower = lower || isLowerRune(r)
	}
	return lower
}

func isLowerRune(r rune) bool { return unicode.IsLower(r) || unicode.Is(unicode.Other_Lowercase, r) }
func isUpperRune(r rune) bool { return unicode.IsUpper(r) || unicode.Is(unicode.Other_Uppercase, r) }

// capitalize raises the first rune of each run of cased runes of a lower-case word.
func capitalize(w string) string {
	var b strings.Builder
	inWord := false
	for _, r := range w {
		switch cased := isLowerRune(r); {
		case cased && !inWord:
			b.WriteString(titleRune(r))
			inWord = true
		default:
			b.WriteRune(r)
			inWord = cased
		}
	}
	return b.String()
}

// longTitles are the runes whose title case is more than one rune, from Unicode's SpecialCasing.
const longTitles = "ßSs|ŉʼN|ǰJ̌|ΐΪ́|ΰΫ́|ևԵւ|ẖH̱|ẗT̈|ẘW̊|ẙY̊|ẚAʾ|ὐΥ̓|ὒΥ̓̀|ὔΥ̓́|ὖΥ̓͂|ᾲᾺͅ|ᾴΆͅ|ᾶΑ͂|ᾷᾼ͂|ῂῊͅ|ῄΉͅ|ῆΗ͂|ῇῌ͂|ῒΪ̀|ΐΪ́|ῖΙ͂|ῗΪ͂|ῢΫ̀|ΰΫ́|ῤΡ̓|ῦΥ͂|ῧΫ͂|ῲῺͅ|ῴΏͅ|ῶΩ͂|ῷῼ͂|ﬀFf|ﬁFi|ﬂFl|ﬃFfi|ﬄFfl|ﬅSt|ﬆSt|ﬓՄն|ﬔՄե|ﬕՄի|ﬖՎն|ﬗՄխ|"

func titleRune(r rune) string {
	if r > unicode.MaxASCII {
		for rest := longTitles; rest != ""; {
			var entry string
			entry, rest, _ = strings.Cut(rest, "|")
			if t, ok := strings.CutPrefix(entry, string(r)); ok {
				return t
			}
		}
	}
	return string(unicode.ToTitle(r))
}

// fold gives s in the form in which Python's re.IGNORECASE compares letters with ASCII ones.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case 'ı':
			return 'i'
		case 'ſ':
			return 's'
		}
		return unicode.ToLower(r)
	}, s)
}

// pySpace is white space as Python's str methods see it.
func pySpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

func pyFields(s string) []string { return strings.FieldsFunc(s, pySpace) }

func pyStrip(s string) string { return strings.TrimFunc(s, pySpace) }
