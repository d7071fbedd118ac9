package quantize

import "github.com/qconv/qconv/formats/gguf"

// List gives all codecs, in the order of their type numbers.
func List() []*Codec {
	return []*Codec{&f32, &f16, &q4_0, &q4_1, &q5_0, &q5_1, &q8_0, &q2K, &q3K, &q4K, &q5K, &q6K, &bf16}
}

// For finds the codec of a type.
func For(t gguf.Type) (*Codec, bool) {
	for _, c := range List() {
		if c.Type == t {
			return c, true
		}
	}
	return nil, false
}
