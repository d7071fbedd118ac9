package quantize

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/internal/kernel"
)

// F32: a float32 a value.
//
//	0      4
//	| bits |
//
// value = bits
var f32Codec = Codec{Type: gguf.TypeF32, Check: checkF32, encode: encodeF32, decode: decodeF32, encodeFast: encodeF32Fast, decodeFast: decodeF32Fast}

func encodeF32(dst []byte, src, _ []float32) {
	for i, x := range src {
		binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(x))
	}
}

func encodeF32Fast(dst []byte, src, _ []float32) bool {
	n := kernel.CopyF32(dst, src)
	encodeF32(dst[4*n:], src[n:], nil)
	return true
}

func decodeF32(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
	}
}

func decodeF32Fast(dst []float32, src []byte) bool {
	n := kernel.LoadF32(dst, src)
	decodeF32(dst[n:], src[4*n:])
	return true
}

func checkF32(row []byte) error {
	for i := 4 * kernel.FiniteF32(row); i+4 <= len(row); i += 4 {
		if b := binary.LittleEndian.Uint32(row[i:]); b&0x7f800000 == 0x7f800000 {
			return fmt.Errorf("column %d is %v", i/4, math.Float32frombits(b))
		}
	}
	return wholeElements(row, 4)
}

// wholeElements refuses a row that ends inside an element.
func wholeElements(row []byte, size int) error {
	if len(row)%size != 0 {
		return fmt.Errorf("%d bytes are no whole values of %d", len(row), size)
	}
	return nil
}
