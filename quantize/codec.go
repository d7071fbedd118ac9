// Package quantize turns rows of float32 into GGML blocks and back. The bytes are those of
// llama.cpp v0.5.0 on x86-64: single precision, every operation rounded on its own, sums in index order.
package quantize

import "github.com/qconv/qconv/formats/gguf"

// Codec is one block type. Rows are whole: len(src) is a multiple of the block's elements, and dst
// has exactly the bytes that they take. Functions are safe for concurrent use.
type Codec struct {
	Type       gguf.Type
	NeedWeight bool                                    // the type cannot be encoded without importance
	Encode     func(dst []byte, src, weight []float32) // one row; weight is nil or one value a column
	Decode     func(dst []float32, src []byte)         // one row
	Check      func(row []byte) error                  // finite scales, legal codes
}
