package quantize

import (
	"fmt"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/internal/kernel"
)

// F16: an IEEE half a value.
//
//	0      2
//	| bits |
//
// value = bits, rounded to even when encoded
var f16Codec = Codec{Type: gguf.TypeF16, Check: checkF16, encode: encodeF16, decode: decodeF16, encodeFast: encodeF16Fast, decodeFast: decodeF16Fast}

func encodeF16(dst []byte, src, _ []float32) {
	dst = dst[:2*len(src)]
	for i, x := range src {
		put16(dst[2*i:], f16(x))
	}
}

func encodeF16Fast(dst []byte, src, _ []float32) bool {
	n := kernel.RoundF16(dst, src)
	encodeF16(dst[2*n:], src[n:], nil)
	return true
}

func decodeF16(dst []float32, src []byte) {
	src = src[:2*len(dst)]
	for i := range dst {
		dst[i] = getF16(src[2*i:])
	}
}

func decodeF16Fast(dst []float32, src []byte) bool {
	n := kernel.WidenF16(dst, src)
	decodeF16(dst[n:], src[2*n:])
	return true
}

func checkF16(row []byte) error {
	for i := 2 * kernel.Finite16(row, 0x7bff); i+2 <= len(row); i += 2 {
		if h := get16(row[i:]); h&0x7c00 == 0x7c00 {
			return fmt.Errorf("column %d is %v", i/2, f32(h))
		}
	}
	return wholeElements(row, 2)
}
