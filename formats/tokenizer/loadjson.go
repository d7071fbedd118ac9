package tokenizer

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/hf"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

const (
	jsonName  = "tokenizer.json"
	jsonDepth = 64 // nesting; real files have less than 10
)

// jsonFile is tokenizer.json, parsed once. Its parts are trees because their structure names what
// the tokenizer is; encoding and the search for the GGUF pre-tokenizer both walk them.
type jsonFile struct {
	name          string // of the file, for messages
	kind          string // model.type: BPE, Unigram, WordPiece or WordLevel
	vocab         vocabulary
	merges        []merge          // by rank
	mergePairs    bool             // the file has merges as pairs, not as one string with a space
	model         strictjson.Value // without vocab and merges
	added         []addedToken     // in file order
	normalizer    strictjson.Value
	preTokenizer  strictjson.Value
	postProcessor strictjson.Value
	decoder       strictjson.Value
}

// readJSON reads tokenizer.json; nil when there is none.
func readJSON(src hf.Source) (*jsonFile, error) {
	data, found, err := hf.ReadFile(src, jsonName, hf.TokenizerLimit)
	if err != nil || !found {
		return nil, err
	}
	return parseJSON(string(data), jsonName)
}

// parseJSON checks the vocabulary and merges against the limits while it reads. It does not check
// that the parts are known: newJSON does.
func parseJSON(doc, name string) (*jsonFile, error) {
	f := &jsonFile{name: name}
	s, err := strictjson.NewScanner(doc, jsonDepth, true)
	if err == nil {
		err = s.Object(func(key string) (err error) {
			switch key {
			case "added_tokens":
				return f.scanAdded(s)
			case "model":
				return f.scanModel(s)
			case "normalizer":
				f.normalizer, err = s.Value()
			case "pre_tokenizer":
				f.preTokenizer, err = s.Value()
			case "post_processor":
				f.postProcessor, err = s.Value()
			case "decoder":
				f.decoder, err = s.Value()
			default: // version, truncation, padding: they do not change ids
				err = s.Skip()
			}
			return err
		})
	}
	if err == nil {
		err = s.End()
	}
	if err != nil {
		return nil, badJSON(name, err)
	}
	if f.kind == "" {
		return nil, fault.New(fault.Malformed, name, "has no model")
	}
	return f, f.vocab.place(name)
}

// badJSON gives an error of the scanner its file; faults pass.
func badJSON(name string, err error) error {
	var e *strictjson.Error
	if errors.As(err, &e) {
		return fault.New(fault.Malformed, name, "%w", err).At(int64(e.Off))
	}
	return err
}

func (f *jsonFile) scanModel(s *strictjson.Scanner) error {
	f.vocab.ids = map[string]int32{}
	sawMerges := false
	f.model.Kind = strictjson.Object
	err := s.Object(func(key string) error {
		kind, err := s.Peek()
		if err != nil {
			return err
		}
		switch {
		case key == "vocab" && kind == strictjson.Object:
			return f.scanVocab(s)
		case key == "merges" && kind == strictjson.Array:
			sawMerges = true
			return f.scanMerges(s)
		case key == "vocab" || key == "merges": // Unigram has a list of texts and scores; it is refused later
			return s.Skip()
		}
		v, err := s.Value()
		f.model.Pairs = append(f.model.Pairs, strictjson.Member{Name: key, Value: v})
		return err
	})
	if err != nil {
		return err
	}
	f.kind, _ = f.model.Get("type").Str()
	if f.kind == "" { // files of before 2020 have no type; merges tell
		f.kind = "unknown"
		if sawMerges {
			f.kind = "BPE"
		}
	}
	return nil
}

func (f *jsonFile) scanVocab(s *strictjson.Scanner) error {
	return s.Members(func(text string, at int) error {
		n, err := s.Number()
		if err != nil {
			return err
		}
		id, err := f.tokenID(n, text)
		if err != nil {
			return err
		}
		if _, dup := f.vocab.ids[text]; dup {
			return fault.New(fault.Malformed, f.name, "token %q comes twice in the vocabulary", text).At(int64(at))
		}
		f.vocab.ids[text] = id
		if len(f.vocab.ids) > MaxTokens {
			return fault.New(fault.Limit, f.name, "more than %d tokens", MaxTokens)
		}
		return nil
	})
}

// tokenID reads an id as JSON has it.
func (f *jsonFile) tokenID(number, text string) (int32, error) {
	id, err := strconv.ParseUint(number, 10, 32)
	switch {
	case errors.Is(err, strconv.ErrSyntax):
		return 0, fault.New(fault.Malformed, f.name, "token %q has the id %s, expected an integer from 0", text, number)
	case err != nil || id >= MaxTokens:
		return 0, fault.New(fault.Limit, f.name, "token %q has the id %s, the limit is %d", text, number, MaxTokens-1)
	}
	return int32(id), nil
}

func (f *jsonFile) scanMerges(s *strictjson.Scanner) error {
	return s.Array(func(rank int) error {
		if rank >= MaxMerges {
			return fault.New(fault.Limit, f.name, "more than %d merges", MaxMerges)
		}
		kind, err := s.Peek()
		if err != nil {
			return err
		}
		var m merge
		if kind == strictjson.Array {
			f.mergePairs = true
			n := 0
			err = s.Array(func(i int) error {
				text, err := s.String()
				if n = i + 1; i == 0 {
					m.left = text
				} else {
					m.right = text
				}
				return err
			})
			if err == nil && n != 2 {
				err = fault.New(fault.Malformed, f.name, "merge %d has %d parts, expected 2", rank, n)
			}
		} else {
			var text string
			if text, err = s.String(); err != nil {
				return err
			}
			if strings.HasPrefix(text, "#version") {
				return nil
			}
			var ok bool
			if m.left, m.right, ok = strings.Cut(text, " "); !ok || strings.Contains(m.right, " ") {
				err = fault.New(fault.Malformed, f.name, "merge %d is %q, expected two parts with a space between", rank, text)
			}
		}
		f.merges = append(f.merges, m)
		return err
	})
}

func (f *jsonFile) scanAdded(s *strictjson.Scanner) error {
	kind, err := s.Peek()
	if err != nil {
		return err
	}
	if kind == strictjson.Null {
		return s.Skip()
	}
	return s.Array(func(i int) error {
		v, err := s.Value()
		if err != nil {
			return err
		}
		if len(f.added) >= MaxTokens {
			return fault.New(fault.Limit, f.name, "more than %d added tokens", MaxTokens)
		}
		var t addedToken
		var ok bool
		if t.content, ok = v.Get("content").Str(); !ok {
			return fault.New(fault.Malformed, f.name, "added token %d has no content", i)
		}
		id := v.Get("id")
		if id.Kind != strictjson.Number {
			return fault.New(fault.Malformed, f.name, "added token %q has no id", t.content)
		}
		if t.id, err = f.tokenID(id.Text, t.content); err != nil {
			return err
		}
		for _, flag := range []struct {
			name string
			to   *bool
		}{{"single_word", &t.singleWord}, {"lstrip", &t.lstrip}, {"rstrip", &t.rstrip}, {"normalized", &t.normalized}, {"special", &t.special}} {
			b, ok := v.Get(flag.name).Boolean()
			if !ok {
				return fault.New(fault.Malformed, f.name, "added token %q has no boolean %s", t.content, flag.name)
			}
			*flag.to = b
		}
		f.added = append(f.added, t)
		return nil
	})
}

// text reads a string member of a part; a member that is absent gives missing.
func text(v strictjson.Value, key, missing string) string {
	if s, ok := v.Get(key).Str(); ok {
		return s
	}
	return missing
}

// flag reads a boolean member of a part; a member that is absent gives missing.
func flag(v strictjson.Value, key string, missing bool) bool {
	if b, ok := v.Get(key).Boolean(); ok {
		return b
	}
	return missing
}

// count reads a small non-negative integer.
func count(v strictjson.Value) (int, bool) {
	n, ok := v.Int64()
	if !ok || n < 0 || n > math.MaxInt32 {
		return 0, false
	}
	return int(n), true
}
