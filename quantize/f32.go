package quantize

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/qconv/qconv/formats/gguf"
)

// F32: 4 bytes a weight, IEEE single precision, little-endian.
var f32 = Codec{
	Type: gguf.TypeF32,
	Encode: func(dst []byte, src, _ []float32) {
		for i, x := range src {
			binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(x))
		}
	},
	Decode: func(dst []float32, src []byte) {
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
		}
	},
	Check: func(row []byte) error {
		for i := 0; i+4 <= len(row); i += 4 {
			if b := binary.LittleEndian.Uint32(row[i:]); b&0x7f800000 == 0x7f800000 {
				return fmt.Errorf("column %d is %v", i/4, math.Float32frombits(b))
			}
		}
		return nil
	},
}
