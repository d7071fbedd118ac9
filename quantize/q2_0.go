package quantize

import (
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/internal/kernel"
)

// Q2_0: 64 values in 18 bytes.
//
//	0     2                              18
//	| d   | q[0]|q[1]<<2|q[2]<<4|q[3]<<6 … |
//	| f16 | four values a byte           |
//
// value j = (q[j]-1)·d. The code 3 is never written and stands for 2·d. Weights are ignored.
var q2_0 = Codec{Type: gguf.TypeQ2_0, Check: checkQ2_0, encode: encodeQ2_0, decode: decodeQ2_0, encodeFast: encodeQ2_0Fast, decodeFast: kernel.DecodeQ2_0}

func encodeQ2_0(dst []byte, src, _ []float32) {
	for ; len(src) >= 64; src, dst = src[64:], dst[18:] {
		x, b := src[:64], dst[:18]
		d := kernel.Largest(x)
		putF16(b, d)
		q := b[2:18]
		inv := inverse(d)
		if isInf(inv) {
			clear(q)
			continue
		}
		for i := range q {
			v := x[4*i:][:4]
			q[i] = trit(v[0]*inv) | trit(v[1]*inv)<<2 | trit(v[2]*inv)<<4 | trit(v[3]*inv)<<6
		}
	}
}

func encodeQ2_0Fast(dst []byte, src, _ []float32) bool {
	blocks := len(src) / 64
	if !kernel.Chunked(2 * blocks) {
		return false
	}
	var top, inv [kernel.Chunk]float32
	for at, n := range kernel.Chunks(blocks, 2) {
		x, out := src[64*at:][:64*n], dst[18*at:][:18*n]
		kernel.LargestEach(top[:2*n], x, 32)
		for i := range n {
			d := max(top[2*i], top[2*i+1])
			putF16(out[18*i:], d)
			inv[i] = inverse(d)
		}
		kernel.CodesQ2_0(out, x, inv[:n])
		for i, v := range inv[:n] {
			if isInf(v) {
				clear(out[18*i+2:][:16])
			}
		}
	}
	return true
}

func decodeQ2_0(dst []float32, src []byte) {
	for ; len(src) >= 18; src, dst = src[18:], dst[64:] {
		x := dst[:64]
		d := getF16(src)
		value := [4]float32{-d, 0 * d, d, 2 * d}
		for i, c := range src[2:18] {
			v := x[4*i:][:4]
			v[0], v[1], v[2], v[3] = value[c&3], value[c>>2&3], value[c>>4&3], value[c>>6]
		}
	}
}

// All codes are legal.
func checkQ2_0(row []byte) error { return checkScales(row, 18, 64, 0) }
