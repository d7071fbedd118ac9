package quantize

import (
	"fmt"

	"github.com/qconv/qconv/formats/gguf"
)

// F16: 2 bytes a weight, IEEE half precision, rounded to nearest even. Check refuses what overflowed.
var f16 = Codec{
	Type: gguf.TypeF16,
	Encode: func(dst []byte, src, _ []float32) {
		for i, x := range src {
			put16(dst[2*i:], toF16(x))
		}
	},
	Decode: func(dst []float32, src []byte) {
		for i := range dst {
			dst[i] = fromF16(get16(src[2*i:]))
		}
	},
	Check: func(row []byte) error {
		for i := 0; i+2 <= len(row); i += 2 {
			if h := get16(row[i:]); !finite16(h) {
				return fmt.Errorf("column %d is %v", i/2, fromF16(h))
			}
		}
		return nil
	},
}
