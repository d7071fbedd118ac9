package tokenizer

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/strictjson"
	"golang.org/x/text/unicode/norm"
)

// normalizer rewrites a text, or a part of it between added tokens.
type normalizer func(string) string

// newNormalizer makes the normalizer of tokenizer.json; nil when there is nothing to do.
func newNormalizer(v strictjson.Value, file string) (normalizer, error) {
	if !v.Present() {
		return nil, nil
	}
	kind, _ := v.Get("type").Str()
	switch kind {
	case "Sequence":
		var steps []normalizer
		for _, item := range v.Get("normalizers").Items {
			step, err := newNormalizer(item, file)
			if err != nil {
				return nil, err
			}
			if step != nil {
				steps = append(steps, step)
			}
		}
		if len(steps) == 0 {
			return nil, nil
		}
		return func(s string) string {
			for _, step := range steps {
				s = step(s)
			}
			return s
		}, nil
	case "NFC":
		return unicodeForm(norm.NFC), nil
	case "NFD":
		return unicodeForm(norm.NFD), nil
	case "NFKC":
		return unicodeForm(norm.NFKC), nil
	case "NFKD":
		return unicodeForm(norm.NFKD), nil
	case "Lowercase":
		return lowercase, nil
	case "Prepend":
		prefix := text(v, "prepend", "")
		return func(s string) string {
			if s == "" {
				return s
			}
			return prefix + s
		}, nil
	case "Replace":
		return newReplace(v, file)
	case "Strip":
		left, right := flag(v, "strip_left", false), flag(v, "strip_right", false)
		return func(s string) string {
			if left {
				s = strings.TrimLeftFunc(s, unicode.IsSpace)
			}
			if right {
				s = strings.TrimRightFunc(s, unicode.IsSpace)
			}
			return s
		}, nil
	}
	return nil, fault.New(fault.Unsupported, file, "normalizer %q is not known", kind)
}

// newReplace makes a Replace, which normalizers and decoders have. Its pattern is a plain string:
// a regular expression would have to be compiled.
func newReplace(v strictjson.Value, file string) (normalizer, error) {
	old, ok := v.Get("pattern").Get("String").Str()
	if !ok {
		pattern, _ := v.Get("pattern").Get("Regex").Str()
		return nil, fault.New(fault.Unsupported, file, "replacing the pattern %q is not known, only plain strings are replaced", pattern)
	}
	content, ok := v.Get("content").Str()
	if !ok {
		return nil, fault.New(fault.Malformed, file, "replacing %q: there is no content", old)
	}
	if old == "" {
		return nil, fault.New(fault.Unsupported, file, "replacing the empty string is not known")
	}
	return func(s string) string { return strings.ReplaceAll(s, old, content) }, nil
}

// inert are the characters that Hugging Face's tokenizers leave alone because their normalization
// data are of Unicode 9, and what takes part in a composition that is newer. Found by normalizing
// all code points, alone and between marks; TestNormalizeAll compares them.
var inert = &unicode.RangeTable{R16: []unicode.Range16{
	{0x7fd, 0x7fd, 1}, {0x898, 0x89f, 1}, {0x8ca, 0x8d3, 1}, {0x9fe, 0x9fe, 1}, {0xc3c, 0xc3c, 1}, {0xd3b, 0xd3c, 1},
	{0xeba, 0xeba, 1}, {0x1715, 0x1715, 1}, {0x1abf, 0x1ace, 1}, {0x1df6, 0x1dfa, 1}, {0x32ff, 0x32ff, 1}, {0xa7f2, 0xa7f4, 1},
	{0xa82c, 0xa82c, 1}, {0xab69, 0xab69, 1},
}, R32: []unicode.Range32{
	{0x10781, 0x10785, 1}, {0x10787, 0x107b0, 1}, {0x107b2, 0x107ba, 1}, {0x10d24, 0x10d27, 1}, {0x10eab, 0x10eac, 1},
	{0x10efd, 0x10eff, 1}, {0x10f46, 0x10f50, 1}, {0x10f82, 0x10f85, 1}, {0x11070, 0x11070, 1}, {0x1133b, 0x1133b, 1},
	{0x1145e, 0x1145e, 1}, {0x11839, 0x1183a, 1}, {0x11930, 0x11930, 1}, {0x11938, 0x11938, 1}, {0x1193d, 0x1193e, 1},
	{0x11943, 0x11943, 1}, {0x119e0, 0x119e0, 1}, {0x11a34, 0x11a34, 1}, {0x11a47, 0x11a47, 1}, {0x11a99, 0x11a99, 1},
	{0x11d42, 0x11d42, 1}, {0x11d44, 0x11d45, 1}, {0x11d97, 0x11d97, 1}, {0x11f41, 0x11f42, 1}, {0x16ff0, 0x16ff1, 1},
	{0x1e030, 0x1e06d, 1}, {0x1e08f, 0x1e08f, 1}, {0x1e130, 0x1e136, 1}, {0x1e2ae, 0x1e2ae, 1}, {0x1e2ec, 0x1e2ef, 1},
	{0x1e4ec, 0x1e4ef, 1}, {0x1f16c, 0x1f16c, 1}, {0x1fbf0, 0x1fbf9, 1},
}}

// unicodeForm normalizes what lies between inert characters; these are starters of their own.
func unicodeForm(form norm.Form) normalizer {
	return func(s string) string {
		if form.IsNormalString(s) { // then it is with inert characters too: they only keep others apart
			return s
		}
		var out strings.Builder
		for from := 0; from < len(s); {
			k := strings.IndexFunc(s[from:], func(r rune) bool { return r >= 0x7fd && unicode.Is(inert, r) })
			end, next := len(s), len(s)
			if k >= 0 {
				_, n := utf8.DecodeRuneInString(s[from+k:])
				end, next = from+k, from+k+n
			}
			out.WriteString(normalizePart(form, s[from:end]))
			out.WriteString(s[end:next])
			from = next
		}
		return out.String()
	}
}

// joiner is U+034F, which x/text inserts after 30 marks in a row, or what it counts as marks. Unicode's
// normal forms do not.
const joiner = "\u034f"

func normalizePart(form norm.Form, s string) string {
	if form.IsNormalString(s) {
		return s
	}
	out := form.String(s)
	if strings.Count(out, joiner) != strings.Count(s, joiner) {
		return normalizeMarks(form, s)
	}
	return out
}

// normalizeMarks is the algorithm of Unicode without x/text's limit on marks in a row.
func normalizeMarks(form norm.Form, s string) string {
	decompose := norm.NFD
	if form == norm.NFKC || form == norm.NFKD {
		decompose = norm.NFKD
	}
	type mark struct {
		r   rune
		ccc uint8
	}
	var all []mark
	for _, r := range s {
		for _, d := range decompose.String(string(r)) { // one character at a time, so nothing is inserted
			all = append(all, mark{d, norm.NFD.PropertiesString(string(d)).CCC()})
		}
	}
	for i := 0; i < len(all); {
		j := i + 1
		for j < len(all) && all[j].ccc != 0 {
			j++
		}
		if all[i].ccc != 0 {
			slices.SortStableFunc(all[i:j], func(a, b mark) int { return cmp.Compare(a.ccc, b.ccc) })
		} else {
			slices.SortStableFunc(all[i+1:j], func(a, b mark) int { return cmp.Compare(a.ccc, b.ccc) })
		}
		i = j
	}
	var out []rune
	starter, last := -1, uint8(0) // of out: where the last starter is, and the class of what was added behind it
	for _, m := range all {
		if starter >= 0 && (form == norm.NFC || form == norm.NFKC) && (last < m.ccc || starter == len(out)-1) {
			if c := []rune(norm.NFC.String(string([]rune{out[starter], m.r}))); len(c) == 1 {
				out[starter] = c[0]
				continue
			}
		}
		if m.ccc == 0 {
			starter, last = len(out), 0
		} else {
			last = m.ccc
		}
		out = append(out, m.r)
	}
	return string(out)
}

// lowercase is char::to_lowercase of Rust, Unicode 17, for each character by itself.
func lowercase(s string) string {
	var out strings.Builder
	for _, r := range s {
		switch {
		case r == 0x130:
			out.WriteString("i\u0307")
			continue
		case r == 0x1c89, r == 0xa7cc, r == 0xa7ce, r == 0xa7d2, r == 0xa7d4, r == 0xa7da:
			r++
		case r == 0xa7cb:
			r = 0x264
		case r == 0xa7dc:
			r = 0x19b
		case r >= 0x10d50 && r <= 0x10d65:
			r += 0x20
		case r >= 0x16ea0 && r <= 0x16eb8:
			r += 0x1b
		default:
			r = unicode.ToLower(r)
		}
		out.WriteRune(r)
	}
	return out.String()
}
