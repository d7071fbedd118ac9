package chat

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// methodFunc is a method of a value of type T.
type methodFunc[T any] func(c *call, self T) (value, error)

var dictMethods = map[string]methodFunc[*dict]{
	"items": func(c *call, d *dict) (value, error) {
		return &view{"dict_items", d.pairs()}, c.f.make(c.line, 8*slot*len(d.keys))
	},
	"keys":   func(c *call, d *dict) (value, error) { return &view{"dict_keys", d.keys}, nil },
	"values": func(c *call, d *dict) (value, error) { return &view{"dict_values", d.vals}, nil },
	"copy":   func(c *call, d *dict) (value, error) { return d, nil },
	"get": func(c *call, d *dict) (value, error) {
		key, ok := c.take(0, "")
		if !ok {
			return nil, syntax(c.line, "get needs a key")
		}
		instead, _ := c.take(1, "")
		hash, ok := hashKey(key)
		if !ok {
			return nil, unsupported(c.line, "a key of type %s in a dict", typeName(key))
		}
		if i, ok := d.index[hash]; ok {
			return d.vals[i], nil
		}
		return instead, nil
	},
}

var listMethods = map[string]methodFunc[*list]{
	"count": func(c *call, l *list) (value, error) {
		x, n := c.argument(), int64(0)
		for _, item := range l.items {
			eq, err := c.f.equal(c.line, item, x)
			if err != nil {
				return nil, err
			}
			if eq {
				n++
			}
		}
		return n, nil
	},
	"index": func(c *call, l *list) (value, error) {
		x := c.argument()
		for i, item := range l.items {
			if eq, err := c.f.equal(c.line, item, x); err != nil || eq {
				return int64(i), err
			}
		}
		return nil, syntax(c.line, "index: the value is not in the list")
	},
	"copy": func(c *call, l *list) (value, error) { return l, nil },
}

// otherMethods are names that Python has and this package does not, or that its sandbox forbids because they change
// the value.
var otherMethods = map[string][]string{
	"dict": {"clear", "fromkeys", "pop", "popitem", "setdefault", "update"},
	"list": {"append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"},
	"str": {
		"casefold", "center", "encode", "expandtabs", "format", "format_map", "isascii", "isdecimal", "isidentifier",
		"isnumeric", "isprintable", "istitle", "ljust", "maketrans", "rjust", "swapcase", "translate", "zfill",
	},
	"int": {
		"as_integer_ratio", "bit_count", "bit_length", "conjugate", "denominator", "from_bytes", "imag", "numerator", "real",
		"to_bytes", "fromhex", "hex", "is_integer",
	},
}

// method gives the method of v with that name, nil if there is none.
func method(line int, v value, name string) (value, error) {
	var call func(c *call) (value, error)
	kind := typeName(v)
	switch v := v.(type) {
	case *dict:
		call = bind(dictMethods[name], v)
	case *list:
		call = bind(listMethods[name], v)
		kind = "list"
	case string:
		call = bind(textMethods[name], v)
	case markup:
		if textMethods[name] != nil {
			return nil, unsupported(line, "the method %s of a string marked safe", quote(name))
		}
	case int64, float64, bool:
		kind = "int"
	}
	if call != nil {
		return &function{name, v, call}, nil
	}
	if slices.Contains(otherMethods[kind], name) {
		return nil, unsupported(line, "the method %s of %s", quote(name), typeName(v))
	}
	return nil, nil
}

func bind[T any](m methodFunc[T], self T) func(c *call) (value, error) {
	if m == nil {
		return nil
	}
	return func(c *call) (value, error) { return m(c, self) }
}

// isMethod tells whether v has a method of that name.
func isMethod(v value, name string) bool {
	m, err := method(0, v, name)
	return m != nil || err != nil
}

// argument takes the only argument of a method; a missing one is none.
func (c *call) argument() value {
	v, _ := c.take(0, "")
	return v
}

// textArgument takes a string.
func (c *call) textArgument(i int, name string) (string, error) {
	v, ok := c.take(i, name)
	s, isText := v.(string)
	if !ok || !isText {
		if _, marked := v.(markup); marked {
			return "", unsupported(c.line, "%s with a string marked safe", quote(c.name))
		}
		return "", syntax(c.line, "%s needs a string, got %s", quote(c.name), typeName(v))
	}
	return s, nil
}

// count takes an integer argument, or gives the one for "no limit".
func (c *call) count(i int, name string) (int64, error) {
	v, ok := c.take(i, name)
	if !ok {
		return -1, nil
	}
	n, ok := v.(int64)
	if !ok {
		return 0, syntax(c.line, "%s needs an integer, got %s", quote(c.name), typeName(v))
	}
	return n, nil
}

// charSet takes the characters to strip; white space when there are none.
func (c *call) charSet(i int, name string) (func(rune) bool, error) {
	v, ok := c.take(i, name)
	if !ok || v == nil {
		return isSpace, nil
	}
	s, ok := v.(string)
	if !ok {
		return nil, syntax(c.line, "%s needs a string, got %s", quote(c.name), typeName(v))
	}
	if len(s) > 1024 {
		return nil, unsupported(c.line, "stripping more than 1024 bytes of characters")
	}
	return func(r rune) bool { return strings.ContainsRune(s, r) }, nil
}

// replace is strings.Replace, counted before it is done.
func (c *call) replace(s, old, new string, count int64) (value, error) {
	n := int64(strings.Count(s, old))
	if count >= 0 {
		n = min(n, count)
	}
	if grow := int64(len(new) - len(old)); grow > 0 && n > (maxBytes-int64(len(s)))/grow {
		return nil, limit(c.line, "values of more than %d MiB", maxBytes>>20)
	}
	if err := c.f.make(c.line, len(s)+int(n)*max(0, len(new)-len(old))); err != nil {
		return nil, err
	}
	return strings.Replace(s, old, new, int(n)), nil
}

// texts makes a list of strings.
func (c *call) texts(parts []string) (value, error) {
	out := make([]value, len(parts))
	for i, p := range parts {
		out[i] = p
	}
	return c.f.newList(c.line, out)
}

// splitLines cuts at Python's line ends.
func splitLines(s string, keep bool) []string {
	var out []string
	for s != "" {
		i := strings.IndexFunc(s, func(r rune) bool {
			return r >= '\n' && r <= '\r' || r >= 0x1c && r <= 0x1e || r == 0x85 || r == 0x2028 || r == 0x2029
		})
		if i < 0 {
			return append(out, s)
		}
		_, n := utf8.DecodeRuneInString(s[i:])
		if strings.HasPrefix(s[i:], "\r\n") {
			n = 2
		}
		end := i
		if keep {
			end = i + n
		}
		out = append(out, s[:end])
		s = s[i+n:]
	}
	return out
}
