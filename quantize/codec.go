// Package quantize turns rows of float32 into GGML blocks and back. The bytes are those of
// llama.cpp v0.5.0 on x86-64: single precision, every operation rounded on its own, sums in index order.
package quantize

import "github.com/qconv/qconv/formats/gguf"

// Codec is one block type. Methods are safe for concurrent use; codecs are shared and must not be changed.
type Codec struct {
	Type       gguf.Type
	NeedWeight bool                   // the type cannot be encoded without importance
	Check      func(row []byte) error // finite scales, legal codes

	// Correct is the codec without a defect that the reference has; nil when there is none. Damages tells whether
	// the defect touches one of the rows.
	Correct *Codec
	Damages func(src []float32) bool

	// Plain Go, which kernels must equal. encode gets whole blocks when weight is nil, else one row.
	encode func(dst []byte, src, weight []float32)
	decode func(dst []float32, src []byte)

	// Kernels for the same, nil where there are none. They report false when the tier in use has none.
	encodeFast func(dst []byte, src, weight []float32) bool // any number of rows
	decodeFast func(dst []float32, src []byte) bool
}

// Encode makes blocks of whole rows. weight is nil or has one value a column, and its length is that of a row;
// without it only whole blocks matter. dst has exactly the bytes that the rows take.
func (c *Codec) Encode(dst []byte, src, weight []float32) {
	if c.encodeFast != nil && len(src) > 0 && c.encodeFast(dst, src, weight) {
		return
	}
	if len(weight) == 0 {
		c.encode(dst, src, nil)
		return
	}
	size := len(dst) / (len(src) / len(weight))
	for ; len(src) > 0; src, dst = src[len(weight):], dst[size:] {
		c.encode(dst[:size], src[:len(weight)], weight)
	}
}

// Decode gives the values of whole blocks; len(dst) is how many there are.
func (c *Codec) Decode(dst []float32, src []byte) {
	if c.decodeFast != nil && len(dst) > 0 && c.decodeFast(dst, src) {
		return
	}
	c.decode(dst, src)
}
