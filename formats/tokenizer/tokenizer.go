// Package tokenizer turns text into token ids and back, as the tokenizer files of a checkpoint or
// the keys of a GGUF file say.
//
// Every pattern of a pre-tokenizer is one of a fixed list, each with a splitter written by hand: no
// pattern from a file is ever compiled or run. What is not known is a fault of kind Unsupported.
package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// Limits of what a tokenizer may hold.
const (
	MaxTokens = 4 << 20
	MaxMerges = 8 << 20
)

// Tokenizer encodes and decodes. It does not change after it was made, so goroutines may share it.
type Tokenizer struct {
	file   string // where it comes from, for messages
	pieces []string
	known  []bool // by id: whether it is a token, not a hole

	raw       *lexicon   // tokens that are found in the text
	folded    *lexicon   // tokens that are found in the normalized text
	partition bool       // tokens are found as llama.cpp does
	prefix    bool       // with partition: a text at the beginning or behind a token gets a space before it
	whole     normalizer // of the whole text, before tokens are found in it; nil: nothing to do
	normalize normalizer // of what is between them; nil: nothing to do
	splitters []splitter
	model     model
	cacheable bool // pieces are words: the same ones come again

	before, after []int32 // what AddSpecial puts around a text
	ends          []int32 // what ends a generation
	decode        func(ids []int32, texts []string) string
}

// BOS gives the token that AddSpecial puts before a text; ok is false when it puts none.
func (t *Tokenizer) BOS() (id int32, ok bool) {
	if len(t.before) == 0 {
		return 0, false
	}
	return t.before[0], true
}

// EncodeOptions say how a text is read.
type EncodeOptions struct {
	AddSpecial   bool // add what the model wants around a text, such as a beginning-of-text token
	ParseSpecial bool // control tokens spelled out in the text become these tokens; else they are ordinary text
}

// Encode gives the ids of a text. Each byte that is not UTF-8 is read as U+FFFD. The time is linear
// in the text for word-level tokenizers, n log n for those that merge over the whole text.
func (t *Tokenizer) Encode(text string, o EncodeOptions) []int32 {
	if !utf8.ValidString(text) {
		text = string([]rune(text))
	}
	if t.whole != nil {
		text = t.whole(text)
	}
	e := encoder{t: t}
	if t.cacheable {
		e.cache = map[string]cached{}
	}
	var ids []int32
	if o.AddSpecial {
		ids = append(ids, t.before...)
	}
	if t.partition {
		special := true
		for _, f := range t.raw.partition(text, o.ParseSpecial) {
			if f.id >= 0 {
				ids, special = append(ids, f.id), true
				continue
			}
			if t.prefix && special && f.text != "" {
				f.text = " " + f.text
			}
			ids, special = e.text(ids, f.text, f.pos == 0), false
		}
	} else {
		for _, f := range t.raw.split(nil, text, 0, o.ParseSpecial) {
			if f.id >= 0 {
				ids = append(ids, f.id)
				continue
			}
			normal := f.text
			if t.normalize != nil {
				normal = t.normalize(normal)
			}
			for _, g := range t.folded.split(nil, normal, f.pos, o.ParseSpecial) {
				if g.id >= 0 {
					ids = append(ids, g.id)
				} else {
					ids = e.text(ids, g.text, g.pos == 0)
				}
			}
		}
	}
	if o.AddSpecial {
		ids = append(ids, t.after...)
	}
	return ids
}

// encoder is one call of Encode.
type encoder struct {
	t            *Tokenizer
	parts, spare []string
	sc           scratch
	cache        map[string]cached
	results      []int32 // of the cached pieces
}

type cached struct{ from, to int32 }

// Pieces longer than maxCached bytes are not cached, nor more than maxCache of them.
const (
	maxCached = 64
	maxCache  = 1 << 18
	maxPiece  = 1 << 29
)

// text encodes text without added tokens. start tells that it is the beginning of the whole text.
func (e *encoder) text(ids []int32, text string, start bool) []int32 {
	if text == "" {
		return ids
	}
	e.parts, e.spare = cut(e.t.splitters, text, start, e.parts, e.spare)
	for _, p := range e.parts {
		for len(p) > maxPiece { // symbols count bytes in 32 bits; no token is near as long
			n := maxPiece
			for !utf8.RuneStart(p[n]) {
				n--
			}
			ids, p = e.t.model.encode(&e.sc, ids, p[:n]), p[n:]
		}
		if e.cache == nil || len(p) > maxCached {
			ids = e.t.model.encode(&e.sc, ids, p)
			continue
		}
		c, ok := e.cache[p]
		if !ok {
			c.from = int32(len(e.results))
			e.results = e.t.model.encode(&e.sc, e.results, p)
			c.to = int32(len(e.results))
			if len(e.cache) < maxCache {
				e.cache[strings.Clone(p)] = c
			}
		}
		ids = append(ids, e.results[c.from:c.to]...)
	}
	return ids
}

// Len is the number of ids: the largest id and one.
func (t *Tokenizer) Len() int { return len(t.pieces) }

// Piece gives the text of a token as its file spells it (byte-level alphabets are not decoded; tokens
// of a rank file are bytes), "" for an id that is no token.
func (t *Tokenizer) Piece(id int32) string {
	if id < 0 || int(id) >= len(t.pieces) {
		return ""
	}
	return t.pieces[id]
}
