package quantize

import (
	"fmt"
	"math"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/internal/kernel"
)

// NVFP4: 64 values in 36 bytes, as 4 groups of 16.
//
//	0                4                      36
//	| s[0] … s[3]    | q[0]|q[8]<<4 …       |
//	| UE4M3 each     | 8 bytes a group      |
//
// value j of group g = level[q[j]]·s[g]/2, with kernel.LevelsFP4, which are doubled. Weights are ignored. Scales end
// at 448, so magnitudes above 2688 are cut to that; the tensor's own scale, which NVFP4 has elsewhere, is not ours.
var nvfp4 = Codec{Type: gguf.TypeNVFP4, Check: checkNVFP4, encode: encodeNVFP4, decode: decodeNVFP4, encodeFast: encodeNVFP4Fast, decodeFast: decodeNVFP4Fast}

func encodeNVFP4(dst []byte, src, _ []float32) {
	for ; len(src) >= 64; src, dst = src[64:], dst[36:] {
		b := dst[:36]
		for g := range 4 {
			x := src[16*g:][:16]
			top := kernel.Largest(x)
			b[g] = ue4m3(top / 6)
			kernel.PackFP4(b[4+8*g:][:8], x, halfUE4M3(b[g]), top)
		}
	}
}

func encodeNVFP4Fast(dst []byte, src, _ []float32) bool {
	blocks := len(src) / 64
	if !kernel.Chunked(4 * blocks) {
		return false
	}
	var top, inv [kernel.Chunk]float32
	for at, n := range kernel.Chunks(blocks, 4) {
		x, out := src[64*at:][:64*n], dst[36*at:][:36*n]
		kernel.LargestEach(top[:4*n], x, 16)
		var odd []int
		for i, t := range top[:4*n] {
			s := ue4m3(t / 6)
			out[i/4*36+i%4] = s
			var ok bool
			if inv[i], ok = kernel.InverseFP4(halfUE4M3(s), t); !ok {
				odd = append(odd, i)
			}
		}
		kernel.CodesNVFP4(out, x, inv[:4*n])
		for _, i := range odd {
			b := out[i/4*36:][:36]
			kernel.PackFP4(b[4+i%4*8:][:8], x[16*i:][:16], halfUE4M3(b[i%4]), top[i])
		}
	}
	return true
}

// ue4m3 rounds a value that is not negative to four bits of exponent and three of mantissa, halves up. As in the
// reference, what rounds to 256 or more gives 448.
func ue4m3(x float32) byte {
	u := math.Float32bits(x)
	if u < 121<<23 { // below 2^-6: multiples of 2^-9
		return min(7, byte(float32(x*512)+0.5))
	}
	s := (u+1<<19)>>20 - 120<<3
	if s >= 15<<3 {
		return 0x7e
	}
	return byte(s)
}

// halfUE4M3 gives half of a scale. The code 127 is NaN, which the reference reads as 0; it does not look at the
// highest bit.
func halfUE4M3(s byte) float32 {
	e, m := uint32(s>>3&15), uint32(s&7)
	switch {
	case s == 0x7f:
		return 0
	case e == 0:
		return float32(m) * 0x1p-10
	}
	return math.Float32frombits((e+119)<<23 | m<<20)
}

func decodeNVFP4(dst []float32, src []byte) {
	for ; len(src) >= 36; src, dst = src[36:], dst[64:] {
		for g := range 4 {
			kernel.UnpackFP4(dst[16*g:][:16], src[4+8*g:][:8], halfUE4M3(src[g]))
		}
	}
}

func decodeNVFP4Fast(dst []float32, src []byte) bool {
	return kernel.DecodeNVFP4(dst, src, &scalesNVFP4)
}

// checkNVFP4 refuses scales that are no UE4M3: NaN, and bytes with the highest bit, which programs read
// differently (the reference as if it was not set). The reference accepts both but never writes them. All else
// is finite, and all codes are legal.
func checkNVFP4(row []byte) error {
	if len(row)%36 != 0 {
		return fmt.Errorf("%d bytes are no whole blocks of 36", len(row))
	}
	for b := 0; b < len(row); b += 36 {
		for g, s := range row[b : b+4] {
			if s >= 0x7f {
				col := b/36*64 + 16*g
				return fmt.Errorf("the scale of columns %d to %d is %#x, which is no UE4M3 number", col, col+15, s)
			}
		}
	}
	return nil
}
