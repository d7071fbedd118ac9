// Package tokenizer turns text into token ids and back, as the tokenizer files of a checkpoint or
// the keys of a GGUF file say.
//
// Every pattern of a pre-tokenizer is one of a fixed list, each with a splitter written by hand: no
// pattern from a file is ever compiled or run. What is not known is a fault of kind Unsupported.
package tokenizer

// Limits of what a tokenizer may hold.
const (
	MaxTokens = 4 << 20
	MaxMerges = 8 << 20
)

// Tokenizer encodes and decodes. It does not change after it was made, so goroutines may share it.
type Tokenizer struct {
	file   string // where it comes from, for messages
	pieces []string
}

// EncodeOptions say how a text is read.
type EncodeOptions struct {
	AddSpecial   bool // add what the model wants around a text, such as a beginning-of-text token
	ParseSpecial bool // control tokens spelled out in the text become these tokens; else they are ordinary text
}

// Encode gives the ids of a text. Bytes that are not UTF-8 are read as U+FFFD.
func (t *Tokenizer) Encode(text string, o EncodeOptions) []int32 { return nil }

// Decode gives the text of ids; an id that is no token is a fault of kind Usage.
func (t *Tokenizer) Decode(ids []int32) (string, error) { return "", nil }

// Len is the number of ids: the largest id and one.
func (t *Tokenizer) Len() int { return len(t.pieces) }

// Piece gives the text of a token as its file spells it (byte-level alphabets are not decoded), "" for
// an id that is no token.
func (t *Tokenizer) Piece(id int32) string {
	if id < 0 || int(id) >= len(t.pieces) {
		return ""
	}
	return t.pieces[id]
}
