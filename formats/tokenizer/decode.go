package tokenizer

import (
	"strings"
	"unicode/utf8"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

// decoder rewrites the list of token texts; at the end they are joined.
type decoder func([]string) []string

// Decode gives the text of ids, special tokens spelled out. Bytes that do not make up characters
// become U+FFFD. An id that is no token is a fault of kind Usage.
func (t *Tokenizer) Decode(ids []int32) (string, error) {
	texts := make([]string, len(ids))
	for i, id := range ids {
		if id < 0 || int(id) >= len(t.pieces) || !t.known[id] {
			return "", fault.New(fault.Usage, t.file, "id %d at position %d is no token, ids go from 0 to %d", id, i, len(t.pieces)-1)
		}
		texts[i] = t.pieces[id]
	}
	return t.decode(ids, texts), nil
}

// chain decodes with the decoder of tokenizer.json.
func chain(d decoder) func([]int32, []string) string {
	return func(_ []int32, texts []string) string {
		if d == nil {
			return strings.Join(texts, " ")
		}
		return strings.Join(d(texts), "")
	}
}

// newDecoder makes the decoder of tokenizer.json; nil when there is none.
func newDecoder(v strictjson.Value, file string) (decoder, error) {
	if !v.Present() {
		return nil, nil
	}
	switch kind, _ := v.Get("type").Str(); kind {
	case "Sequence":
		var steps []decoder
		for _, item := range v.Get("decoders").Items {
			step, err := newDecoder(item, file)
			if err != nil {
				return nil, err
			}
			if step != nil {
				steps = append(steps, step)
			}
		}
		return func(texts []string) []string {
			for _, step := range steps {
				texts = step(texts)
			}
			return texts
		}, nil
	case "ByteLevel":
		return decodeBytes, nil
	case "ByteFallback":
		return decodeFallback, nil
	case "Fuse":
		return func(texts []string) []string { return []string{strings.Join(texts, "")} }, nil
	case "Replace":
		replace, err := newReplace(v, file)
		if err != nil {
			return nil, err
		}
		return func(texts []string) []string {
			return mapTexts(texts, func(_ int, s string) string { return replace(s) })
		}, nil
	case "Strip":
		start, okStart := count(v.Get("start"))
		stop, okStop := count(v.Get("stop"))
		content := text(v, "content", "")
		if !okStart || !okStop || utf8.RuneCountInString(content) != 1 {
			return nil, fault.New(fault.Malformed, file, "decoder Strip needs a character and two counts")
		}
		return func(texts []string) []string {
			return mapTexts(texts, func(_ int, s string) string {
				for k := 0; k < start && strings.HasPrefix(s, content); k++ {
					s = s[len(content):]
				}
				for k := 0; k < stop && strings.HasSuffix(s, content); k++ {
					s = s[:len(s)-len(content)]
				}
				return s
			})
		}, nil
	case "Metaspace":
		replacement, scheme, _, err := metaspaceParts(v, file)
		if err != nil {
			return nil, err
		}
		return func(texts []string) []string {
			return mapTexts(texts, func(i int, s string) string {
				if i == 0 && scheme != prependNever {
					return strings.ReplaceAll(s, replacement, "")
				}
				return strings.ReplaceAll(s, replacement, " ")
			})
		}, nil
	default:
		return nil, fault.New(fault.Unsupported, file, "decoder %q is not known", kind)
	}
}

func mapTexts(texts []string, f func(i int, s string) string) []string {
	out := make([]string, len(texts))
	for i, s := range texts {
		out[i] = f(i, s)
	}
	return out
}

// decodeBytes reads the alphabet of bytes; a token that has other characters stands for itself.
func decodeBytes(texts []string) []string {
	var b []byte
	for _, s := range texts {
		var ok bool
		if b, ok = appendBytes(b, s); !ok {
			b = append(b, s...)
		}
	}
	return []string{lossy(b)}
}

// decodeFallback joins byte tokens in a row; when they are not UTF-8, each becomes U+FFFD.
func decodeFallback(texts []string) []string {
	var out []string
	var b []byte
	flush := func() {
		if len(b) == 0 {
			return
		}
		if utf8.Valid(b) {
			out = append(out, string(b))
		} else {
			for range b {
				out = append(out, "\ufffd")
			}
		}
		b = b[:0]
	}
	for _, s := range texts {
		if c, ok := hexByte(s); ok {
			b = append(b, c)
			continue
		}
		flush()
		out = append(out, s)
	}
	flush()
	return out
}

// decodeRaw joins tokens that are bytes already.
func decodeRaw(_ []int32, texts []string) string {
	var b []byte
	for _, s := range texts {
		b = append(b, s...)
	}
	return lossy(b)
}

// decodeKinds decodes by the kinds of tokens: control and user-defined ones as they are, bytes as
// bytes, U+2581 as a space, or the alphabet when it is a byte-level vocabulary. prefix tells that
// encoding puts a space before the text, which is taken away again from the first token.
func decodeKinds(kinds []int32, byteLevel, prefix bool) func([]int32, []string) string {
	return func(ids []int32, texts []string) string {
		var b []byte
		prefix := prefix
		for i, s := range texts {
			kind := kinds[ids[i]]
			c, isByte := hexByte(s)
			switch {
			case kind == kindUnused:
				continue
			case kind == kindByte && isByte:
				b = append(b, c)
			case kind != kindNormal:
				b = append(b, s...)
			case byteLevel:
				for _, r := range s {
					if r < rune(len(letterByte)) && letterByte[r] >= 0 {
						b = append(b, byte(letterByte[r]))
					} else {
						b = utf8.AppendRune(b, r)
					}
				}
			default:
				s = strings.ReplaceAll(s, blankMark, " ")
				if prefix {
					s = strings.TrimPrefix(s, " ")
				}
				b = append(b, s...)
			}
			prefix = false
		}
		return lossy(b)
	}
}
