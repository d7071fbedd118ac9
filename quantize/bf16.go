package quantize

import (
	"fmt"
	"math"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/internal/kernel"
)

// BF16: the upper half of a float32 a value.
//
//	0      2
//	| bits |
//
// value = bits << 16, rounded to even when encoded
var bf16Codec = Codec{Type: gguf.TypeBF16, Check: checkBF16, encode: encodeBF16, decode: decodeBF16, encodeFast: encodeBF16Fast, decodeFast: decodeBF16Fast}

func encodeBF16(dst []byte, src, _ []float32) {
	dst = dst[:2*len(src)]
	for i, x := range src {
		put16(dst[2*i:], bf16(x))
	}
}

func encodeBF16Fast(dst []byte, src, _ []float32) bool {
	n := kernel.RoundBF16(dst, src)
	encodeBF16(dst[2*n:], src[n:], nil)
	return true
}

func decodeBF16(dst []float32, src []byte) {
	src = src[:2*len(dst)]
	for i := range dst {
		dst[i] = math.Float32frombits(uint32(get16(src[2*i:])) << 16)
	}
}

func decodeBF16Fast(dst []float32, src []byte) bool {
	n := kernel.WidenBF16(dst, src)
	decodeBF16(dst[n:], src[2*n:])
	return true
}

func checkBF16(row []byte) error {
	for i := 2 * kernel.Finite16(row, 0x7f7f); i+2 <= len(row); i += 2 {
		if h := get16(row[i:]); h&0x7f80 == 0x7f80 {
			return fmt.Errorf("column %d is %v", i/2, math.Float32frombits(uint32(h)<<16))
		}
	}
	return wholeElements(row, 2)
}
