package quantize

import (
	"math"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/internal/kernel"
)

// TQ1_0: 256 values in 54 bytes, as digits 0, 1, 2 of base 3, four or five a byte.
//
//	0                          32                48            52    54
//	| t[m], t[m+32] …          | t[160+m] …      | t[240+m] …  | d   |
//	| 5 digits, 32 apart       | 5, 16 apart     | 4, 4 apart  | f16 |
//
// value j = (t[j]-1)·d. A byte is a fraction of 256 that the first digit leads: digit n is the integer part of
// 3·frac(byte·3^n/256). Weights are ignored.
var tq1_0 = Codec{Type: gguf.TypeTQ1_0, Check: checkTQ1_0, encode: encodeTQ1_0, decode: decodeTQ1_0, encodeFast: encodeTQ1_0Fast, decodeFast: kernel.DecodeTQ1_0}

func encodeTQ1_0(dst []byte, src, _ []float32) {
	var t [256]uint8
	for ; len(src) >= 256; src, dst = src[256:], dst[54:] {
		b := dst[:54]
		putF16(b[52:], ternary(&t, src[:256]))
		packDigits(b[:32], t[:160])
		packDigits(b[32:48], t[160:240])
		packDigits(b[48:52], t[240:])
	}
}

// ternary gives the largest magnitude of 256 values, and 1 plus each value as a multiple of it, rounded.
func ternary(t *[256]uint8, x []float32) (d float32) {
	x = x[:256]
	d = kernel.Largest(x)
	inv := inverse(d)
	if isInf(inv) {
		inv = 0 // such values count as zeros
	}
	for j, v := range x {
		t[j] = trit(v * inv)
	}
	return d
}

// trit gives 1 plus a value between -1.5 and 1.5 rounded to an integer, halves away from zero.
func trit(x float32) uint8 {
	u := math.Float32bits(x)
	one := (u&^(1<<31) + 1<<31 - 0x3f000000) >> 31 // 1 when the magnitude is a half or more
	return uint8(1 + one - one&(u>>31)<<1)
}

// packDigits stores four or five digits a byte. The last of five has the weight 1; with four there is a zero
// after them. Rounding the fraction up lets the decoder find each digit.
func packDigits(p []byte, t []uint8) {
	n := len(p)
	for m := range p {
		var v uint32
		for i := m; i < 5*n; i += n {
			v *= 3
			if i < len(t) {
				v += uint32(t[i])
			}
		}
		p[m] = byte((v<<8 + 242) / 243)
	}
}

func encodeTQ1_0Fast(dst []byte, src, _ []float32) bool {
	return ternaryFast(dst, src, 54, 52, kernel.CodesTQ1_0)
}

// ternaryFast makes blocks of size bytes, where the scale is at scaleAt and codes writes what else there is.
func ternaryFast(dst []byte, src []float32, size, scaleAt int, codes func(dst []byte, x, inverse []float32)) bool {
	blocks := len(src) / 256
	if !kernel.Chunked(8 * blocks) {
		return false
	}
	top, inv := make([]float32, kernel.Chunk), make([]float32, kernel.Chunk/8)
	for at, n := range kernel.Chunks(blocks, 8) {
		x, out := src[256*at:][:256*n], dst[size*at:][:size*n]
		kernel.LargestEach(top[:8*n], x, 32)
		for i := range n {
			d := kernel.Largest(top[8*i:][:8])
			putF16(out[size*i+scaleAt:], d)
			if inv[i] = inverse(d); isInf(inv[i]) {
				inv[i] = 0
			}
		}
		codes(out, x, inv[:n])
	}
	return true
}

func decodeTQ1_0(dst []float32, src []byte) {
	for ; len(src) >= 54; src, dst = src[54:], dst[256:] {
		b, x := src[:54], dst[:256]
		d := getF16(b[52:])
		unpackDigits(x[:160], b[:32], d)
		unpackDigits(x[160:240], b[32:48], d)
		unpackDigits(x[240:], b[48:52], d)
	}
}

func unpackDigits(x []float32, p []byte, d float32) {
	value := [3]float32{-d, 0 * d, d}
	n := len(p)
	for m, v := range p {
		for i := m; i < len(x); i += n {
			x[i] = value[uint32(v)*3>>8]
			v *= 3
		}
	}
}

// Every byte has digits, also the thirteen that no digits give.
func checkTQ1_0(row []byte) error { return checkScales(row, 54, 256, 52) }
