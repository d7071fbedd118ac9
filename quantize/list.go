package quantize

import "github.com/qconv/qconv/formats/gguf"

// List gives every codec, in the order of the types' numbers. The slice is the caller's; the codecs are
// shared and must not be changed.
func List() []*Codec {
	return []*Codec{
		&f32Codec, &f16Codec, &q4_0, &q4_1, &q5_0, &q5_1, &q8_0,
		&q2K, &q3K, &q4K, &q5K, &q6K,
		&iq2XXS, &iq2XS, &iq3XXS, &iq1S, &iq4NL, &iq3S, &iq2S, &iq4XS, &iq1M, &bf16Codec,
		&tq1_0, &tq2_0, &mxfp4, &nvfp4, &q1_0, &q2_0,
	}
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
