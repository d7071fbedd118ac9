package quantize

import (
	"fmt"

	"github.com/qconv/qconv/formats/gguf"
)

// BF16: 2 bytes a weight, the upper half of a float32, rounded to nearest even.
var bf16 = Codec{
	Type: gguf.TypeBF16,
	Encode: func(dst []byte, src, _ []float32) {
		for i, x := range src {
			put16(dst[2*i:], toBF16(x))
		}
	},
	Decode: func(dst []float32, src []byte) {
		for i := range dst {
			dst[i] = fromBF16(get16(src[2*i:]))
		}
	},
	Check: func(row []byte) error {
		for i := 0; i+2 <= len(row); i += 2 {
			if h := get16(row[i:]); h&0x7f80 == 0x7f80 {
				return fmt.Errorf("column %d is %v", i/2, fromBF16(h))
			}
		}
		return nil
	},
}
