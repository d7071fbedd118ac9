package hf

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

const cardName = "README.md"

// maxCardNodes bounds the values of a front matter after its aliases are followed: nine lines of
// YAML can stand for a billion values.
const maxCardNodes = 1_000_000

// loadCard gives the model card's front matter as an object, or the absent Value when the card or
// the front matter is missing or is not a mapping. What the reference's YAML reader refuses is a
// fault of kind Malformed.
func loadCard(src Source) (strictjson.Value, error) {
	doc, found, err := ReadFile(src, cardName, CardLimit)
	if err != nil || !found {
		return strictjson.Value{}, err
	}
	if !utf8.Valid(doc) {
		return strictjson.Value{}, cardFault("is not UTF-8")
	}
	text, found := frontMatter(string(doc))
	if !found {
		return strictjson.Value{}, nil
	}
	v, err := parseYAML(text)
	if err != nil {
		return strictjson.Value{}, cardFault("front matter: %w", err)
	}
	if v.Kind != strictjson.Object {
		return strictjson.Value{}, nil
	}
	return v, nil
}

func cardFault(format string, args ...any) error {
	return fault.New(fault.Malformed, cardName, format+"; correct the file, or move it out of the checkpoint", args...)
}

// frontMatter cuts the YAML out of a model card and prepares it as the reference does: lines end
// where Python's str.splitlines ends them, a list item that is a bare no stays text, and tabs
// become two spaces. Without a closing line the whole rest counts.
func frontMatter(card string) (text string, found bool) {
	line, rest := cutLine(card)
	if line != "---" {
		return "", false
	}
	var b strings.Builder
	for rest != "" {
		line, rest = cutLine(rest)
		if line == "---" {
			break
		}
		b.WriteString(line)
		b.WriteByte('\n')
	}
	if b.Len() == 0 {
		b.WriteByte('\n')
	}
	text = strings.ReplaceAll(b.String(), "- no\n", "- \"no\"\n")
	return strings.ReplaceAll(text, "\t", "  "), true
}

// cutLine gives the first line without its end, and what follows.
func cutLine(s string) (line, rest string) {
	for i, r := range s {
		switch r {
		case '\n', '\v', '\f', 0x1c, 0x1d, 0x1e, 0x85, 0x2028, 0x2029:
			return s[:i], s[i+utf8.RuneLen(r):]
		case '\r':
			return s[:i], strings.TrimPrefix(s[i+1:], "\n")
		}
	}
	return s, ""
}

// parseYAML reads one document with the meaning that YAML 1.1 as PyYAML reads it gives to plain
// scalars; the library's own, which is closer to YAML 1.2, is not used. Later keys win over equal
// earlier ones, as there.
func parseYAML(text string) (v strictjson.Value, err error) {
	defer func() {
		// The library reports its errors by panicking inside; should one get out, the text is at fault.
		if r := recover(); r != nil {
			err = fmt.Errorf("invalid YAML: %v", r)
		}
	}()
	d := yaml.NewDecoder(strings.NewReader(text))
	var doc, second yaml.Node
	if err := d.Decode(&doc); errors.Is(err, io.EOF) {
		return strictjson.Value{}, nil
	} else if err != nil {
		return strictjson.Value{}, yamlError(err)
	}
	if err := d.Decode(&second); !errors.Is(err, io.EOF) {
		if err == nil {
			err = errors.New("more than one YAML document")
		}
		return strictjson.Value{}, yamlError(err)
	}
	w := yamlWalk{}
	return w.value(&doc, 0)
}

// yamlError keeps control characters of the text, which the library repeats, out of messages.
func yamlError(err error) error {
	return errors.New(fault.Printable(strings.TrimPrefix(err.Error(), "yaml: ")))
}

// yamlWalk turns nodes into values.
type yamlWalk struct{ nodes int }

func (w *yamlWalk) value(n *yaml.Node, depth int) (strictjson.Value, error) {
	fail := func(format string, args ...any) (strictjson.Value, error) {
		return strictjson.Value{}, fmt.Errorf("line %d: %w", n.Line+1, fmt.Errorf(format, args...))
	}
	if w.nodes++; w.nodes > maxCardNodes {
		return fail("more than %d values", maxCardNodes)
	}
	if depth > maxDepth {
		return fail("nested deeper than %d, or an alias inside its own anchor", maxDepth)
	}
	if n.Kind == yaml.AliasNode {
		return w.value(n.Alias, depth+1)
	}
	if n.Style&yaml.TaggedStyle != 0 && !plainTag(n) {
		return fail("tag %s is not supported", fault.Printable(clip(n.Tag)))
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return w.value(n.Content[0], depth)
	case yaml.ScalarNode:
		if isBare(n, "=") || isBare(n, "<<") {
			return fail("a bare %s is not a value; quote it", n.Value)
		}
		if n.Style == 0 {
			return resolvePlain(n.Value), nil
		}
		return strictjson.Value{Kind: strictjson.String, Text: n.Value}, nil
	case yaml.SequenceNode:
		v := strictjson.Value{Kind: strictjson.Array}
		for _, c := range n.Content {
			item, err := w.value(c, depth+1)
			if err != nil {
				return item, err
			}
			v.Items = append(v.Items, item)
		}
		return v, nil
	case yaml.MappingNode:
		return w.mapping(n, depth)
	}
	return fail("an unknown kind of value")
}

// plainTag accepts the tags that say what is so anyway.
func plainTag(n *yaml.Node) bool {
	switch n.Kind {
	case yaml.ScalarNode:
		return n.Tag == "!!str"
	case yaml.SequenceNode:
		return n.Tag == "!!seq"
	}
	return n.Tag == "!!map"
}

// mapping keeps the keys that are text. Merged mappings (<<) give way to the mapping's own keys,
// and among themselves to those that are listed first.
func (w *yamlWalk) mapping(n *yaml.Node, depth int) (strictjson.Value, error) {
	v := strictjson.Value{Kind: strictjson.Object}
	at := map[string]int{}
	put := func(name string, m strictjson.Value, override bool) {
		if i, known := at[name]; known {
			if override {
				v.Pairs[i].Value = m
			}
			return
		}
		at[name] = len(v.Pairs)
		v.Pairs = append(v.Pairs, strictjson.Member{Name: name, Value: m})
	}
	var merges []strictjson.Value
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, err := w.key(n.Content[i], depth+1)
		if err != nil {
			return key, err
		}
		val, err := w.value(n.Content[i+1], depth+1)
		if err != nil {
			return val, err
		}
		switch {
		case isBare(n.Content[i], "<<"):
			merges = append(merges, val)
		case key.Kind == strictjson.String:
			put(key.Text, val, true)
		case key.Kind == strictjson.Array, key.Kind == strictjson.Object && !isTyped(key):
			return strictjson.Value{}, fmt.Errorf("line %d: a key that is %v", n.Content[i].Line+1, key.Kind)
		}
	}
	for i := len(merges) - 1; i >= 0; i-- { // of several << keys, the last one wins
		list := merges[i].Items
		if merges[i].Kind == strictjson.Object {
			list = merges[i : i+1]
		} else if merges[i].Kind != strictjson.Array {
			return strictjson.Value{}, fmt.Errorf("line %d: << needs a mapping or a list of mappings", n.Line+1)
		}
		for _, m := range list {
			if m.Kind != strictjson.Object {
				return strictjson.Value{}, fmt.Errorf("line %d: << needs a mapping or a list of mappings", n.Line+1)
			}
			for _, p := range m.Pairs {
				put(p.Name, p.Value, false)
			}
		}
	}
	return v, nil
}

// key is value, except that two bare keys mean something that values may not.
func (w *yamlWalk) key(n *yaml.Node, depth int) (strictjson.Value, error) {
	if isBare(n, "=") || isBare(n, "<<") {
		return text(n.Value), nil
	}
	return w.value(n, depth)
}

func isBare(n *yaml.Node, s string) bool {
	return n.Kind == yaml.ScalarNode && n.Style == 0 && n.Value == s
}
