package stream

import (
	"github.com/qconv/qconv/formats/fault"
)

// Score says which tokens of a window count.
type Score uint8

const (
	SecondHalf Score = iota // llama-perplexity's: those from the middle on, but the one in the middle
	All                     // every token but the first
)

// Windows are pieces of a text of equal length.
type Windows struct {
	IDs   [][]int32
	First int // the first position whose next token counts
}

// Cut cuts tokens into windows of length tokens, as llama-perplexity does: what is left at the end is not used, and at
// least two windows are wanted. bos, unless it is negative, replaces the first token of each. most limits how many
// windows there are; 0 is no limit.
func Cut(tokens []int32, length int, bos int32, most int, score Score) (*Windows, error) {
	if length < 4 {
		return nil, fault.New(fault.Usage, "", "a window has %d tokens, expected at least 4", length)
	}
	if len(tokens) < 2*length {
		return nil, fault.New(fault.Usage, "", "the text has %d tokens, two windows of %d need %d: give a longer text or shorter windows", len(tokens), length, 2*length)
	}
	w := &Windows{}
	if score == SecondHalf {
		w.First = length / 2
	}
	n := len(tokens) / length
	if most > 0 {
		n = min(n, most)
	}
	for i := range n {
		ids := append([]int32(nil), tokens[i*length:(i+1)*length]...)
		if bos >= 0 {
			ids[0] = bos
		}
		w.IDs = append(w.IDs, ids)
	}
	return w, nil
}

// Length is that of every window.
func (w *Windows) Length() int { return len(w.IDs[0]) }

// Scored is how many tokens of each window count.
func (w *Windows) Scored() int { return w.Length() - 1 - w.First }

// targets gives the rows of a batch of windows that are scored, and the tokens that follow them.
func (w *Windows) targets(first, n int) (rows, next []int32) {
	length := w.Length()
	for i := range n {
		for pos := w.First; pos < length-1; pos++ {
			rows = append(rows, int32(i*length+pos))
			next = append(next, w.IDs[first+i][pos+1])
		}
	}
	return rows, next
}
