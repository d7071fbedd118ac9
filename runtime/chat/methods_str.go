package chat

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

var textMethods map[string]methodFunc[string]

func init() { // not a literal, because methods look methods up
	textMethods = map[string]methodFunc[string]{
		"strip":      stripping(strings.TrimFunc),
		"lstrip":     stripping(strings.TrimLeftFunc),
		"rstrip":     stripping(strings.TrimRightFunc),
		"split":      func(c *call, s string) (value, error) { return splitText(c, s, false) },
		"rsplit":     func(c *call, s string) (value, error) { return splitText(c, s, true) },
		"startswith": affix(strings.HasPrefix),
		"endswith":   affix(strings.HasSuffix),
		"upper":      plain(upper),
		"lower":      plain(lower),
		"capitalize": plain(capitalize),
		"title": plain(func(c *call, s string) (string, error) {
			return c.titled(s, unicode.ToTitle, isCased)
		}),
		"find":  finding(strings.Index, false),
		"rfind": finding(strings.LastIndex, false),
		"index": finding(strings.Index, true), "rindex": finding(strings.LastIndex, true),
		"isdigit": every(unicode.IsDigit), "isalpha": every(unicode.IsLetter), "isspace": every(isSpace),
		"isalnum": every(func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }),
		"islower": func(c *call, s string) (value, error) { return tests["lower"](c, s) },
		"isupper": func(c *call, s string) (value, error) { return tests["upper"](c, s) },
		"removeprefix": func(c *call, s string) (value, error) {
			p, err := c.textArgument(0, "")
			return strings.TrimPrefix(s, p), err
		},
		"removesuffix": func(c *call, s string) (value, error) {
			p, err := c.textArgument(0, "")
			return strings.TrimSuffix(s, p), err
		},
		"count": func(c *call, s string) (value, error) {
			p, err := c.textArgument(0, "")
			if err != nil {
				return nil, err
			}
			return int64(strings.Count(s, p)), c.f.look(c.line, len(s))
		},
		"replace": func(c *call, s string) (value, error) {
			old, err := c.textArgument(0, "")
			if err != nil {
				return nil, err
			}
			to, err := c.textArgument(1, "")
			if err != nil {
				return nil, err
			}
			n, err := c.count(2, "")
			if err != nil {
				return nil, err
			}
			return c.replace(s, old, to, n)
		},
		"splitlines": func(c *call, s string) (value, error) {
			keep, _ := c.take(0, "keepends")
			if err := c.f.make(c.line, 2*slot*(1+len(s)/2)); err != nil {
				return nil, err
			}
			return c.texts(splitLines(s, truth(keep)))
		},
		"join": func(c *call, s string) (value, error) {
			elems, err := c.f.elements(c.line, c.argument())
			if err != nil {
				return nil, err
			}
			parts := make([]string, len(elems))
			for i, e := range elems {
				var ok bool
				if parts[i], ok = e.(string); !ok {
					return nil, syntax(c.line, "join needs strings, element %d is %s", i, typeName(e))
				}
			}
			return c.joined(s, parts)
		},
		"partition":  func(c *call, s string) (value, error) { return partition(c, s, strings.Index, false) },
		"rpartition": func(c *call, s string) (value, error) { return partition(c, s, strings.LastIndex, true) },
	}
}

// plain makes a method without arguments.
func plain(fn func(c *call, s string) (string, error)) methodFunc[string] {
	return func(c *call, s string) (value, error) { return fn(c, s) }
}

func stripping(fn func(string, func(rune) bool) string) methodFunc[string] {
	return func(c *call, s string) (value, error) {
		set, err := c.charSet(0, "")
		if err != nil {
			return nil, err
		}
		return fn(s, set), c.f.make(c.line, len(s))
	}
}

// every is a question about all characters, of which there must be one. Beyond ASCII, Python's classes differ from Go's.
func every(fn func(rune) bool) methodFunc[string] {
	return func(c *call, s string) (value, error) {
		for _, r := range s {
			if r >= utf8.RuneSelf && !isSpace(r) {
				return nil, unsupported(c.line, "%s on characters like %q", quote(c.name), r)
			}
			if !fn(r) {
				return false, c.f.look(c.line, len(s))
			}
		}
		return s != "", c.f.look(c.line, len(s))
	}
}

// affix is startswith or endswith: the argument is a string or a tuple of them.
func affix(fn func(s, affix string) bool) methodFunc[string] {
	return func(c *call, s string) (value, error) {
		if len(c.args) > 0 {
			if l, ok := c.args[0].(*list); ok && l.tuple {
				c.argument()
				for _, item := range l.items {
					p, ok := item.(string)
					if !ok {
						return nil, syntax(c.line, "%s needs strings, got %s", quote(c.name), typeName(item))
					}
					if err := c.f.look(c.line, len(p)); err != nil {
						return nil, err
					}
					if fn(s, p) {
						return true, nil
					}
				}
				return false, nil
			}
		}
		p, err := c.textArgument(0, "")
		return fn(s, p), err
	}
}

// finding is find and its kin; places count characters.
func finding(fn func(s, sub string) int, must bool) methodFunc[string] {
	return func(c *call, s string) (value, error) {
		sub, err := c.textArgument(0, "")
		if err != nil {
			return nil, err
		}
		if err := c.f.look(c.line, len(s)); err != nil {
			return nil, err
		}
		i := fn(s, sub)
		if i < 0 {
			if must {
				return nil, syntax(c.line, "%s: the text is not there", quote(c.name))
			}
			return int64(-1), nil
		}
		return int64(utf8.RuneCountInString(s[:i])), nil
	}
}

func partition(c *call, s string, find func(s, sub string) int, right bool) (value, error) {
	sep, err := c.textArgument(0, "")
	if err != nil {
		return nil, err
	}
	if sep == "" {
		return nil, syntax(c.line, "%s: empty separator", quote(c.name))
	}
	parts := []value{s, "", ""}
	if i := find(s, sep); i >= 0 {
		parts = []value{s[:i], sep, s[i+len(sep):]}
	} else if right {
		parts = []value{"", "", s}
	}
	return &list{items: parts, tuple: true}, c.f.make(c.line, len(s)+8*slot)
}

// splitText is split, and rsplit when from the right: with a limit, cuts are made on that side.
func splitText(c *call, s string, right bool) (value, error) {
	sep, ok := c.take(0, "sep")
	n, err := c.count(1, "maxsplit")
	if err != nil {
		return nil, err
	}
	if err := c.f.make(c.line, 2*len(s)); err != nil {
		return nil, err
	}
	if ok && sep != nil {
		text, isText := sep.(string)
		if !isText || text == "" {
			return nil, syntax(c.line, "%s needs a separator that is not empty, got %s", quote(c.name), typeName(sep))
		}
		if err := c.f.make(c.line, 2*slot*strings.Count(s, text)); err != nil {
			return nil, err
		}
		return c.texts(splitBy(s, text, n, right))
	}
	if err := c.f.make(c.line, slot*len(s)); err != nil {
		return nil, err
	}
	return c.texts(splitBlanks(s, n, right))
}

func splitBy(s, sep string, n int64, right bool) []string {
	switch {
	case n < 0 || n >= int64(len(s)):
		return strings.Split(s, sep)
	case !right:
		return strings.SplitN(s, sep, int(n)+1)
	}
	var out []string
	for ; n > 0; n-- {
		i := strings.LastIndex(s, sep)
		if i < 0 {
			break
		}
		out = append(out, s[i+len(sep):])
		s = s[:i]
	}
	out = append(out, s)
	slices.Reverse(out)
	return out
}

// splitBlanks cuts at runs of white space, which do not count at the ends.
func splitBlanks(s string, n int64, right bool) []string {
	var out []string
	if right {
		for s = strings.TrimRightFunc(s, isSpace); s != ""; n-- {
			i := strings.LastIndexFunc(s, isSpace)
			if i < 0 || n == 0 {
				out = append(out, s)
				break
			}
			_, w := utf8.DecodeRuneInString(s[i:])
			out = append(out, s[i+w:])
			s = strings.TrimRightFunc(s[:i], isSpace)
		}
		slices.Reverse(out)
		return out
	}
	for s = strings.TrimLeftFunc(s, isSpace); s != ""; n-- {
		i := strings.IndexFunc(s, isSpace)
		if i < 0 || n == 0 {
			return append(out, s)
		}
		out = append(out, s[:i])
		s = strings.TrimLeftFunc(s[i:], isSpace)
	}
	return out
}
