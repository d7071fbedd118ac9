package quantize

import (
	"math"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/internal/kernel"
)

// Q1_0: 128 values in 18 bytes.
//
//	0     2                     18
//	| d   | b[0]|b[1]<<1 …      |
//	| f16 | eight values a byte |
//
// value j = d where bit j is set, else -d. Weights are ignored.
var q1_0 = Codec{Type: gguf.TypeQ1_0, Check: checkQ1_0, encode: encodeQ1_0, decode: decodeQ1_0, encodeFast: encodeQ1_0Fast, decodeFast: kernel.DecodeQ1_0}

func encodeQ1_0(dst []byte, src, _ []float32) {
	for ; len(src) >= 128; src, dst = src[128:], dst[18:] {
		x, b := src[:128], dst[:18]
		var sum float32
		for _, v := range x {
			sum += kernel.Abs(v)
		}
		putF16(b, sum/128)
		q := b[2:18]
		for i := range q {
			var bits uint32
			for j, v := range x[8*i:][:8] {
				bits |= negative(v) << j
			}
			q[i] = ^byte(bits)
		}
	}
}

func encodeQ1_0Fast(dst []byte, src, _ []float32) bool {
	blocks := len(src) / 128
	if !kernel.Chunked(blocks) {
		return false
	}
	var sum kernel.Row
	for at, n := range kernel.Chunks(blocks, 1) {
		x, out := src[128*at:][:128*n], dst[18*at:][:18*n]
		for i := range n {
			l := i % kernel.Lanes
			if l == 0 {
				kernel.SumMagnitudes(&sum, x[128*i:][:128*kernel.Lanes])
			}
			putF16(out[18*i:], sum[l]/128)
		}
		kernel.SignsQ1_0(out, x, n)
	}
	return true
}

// negative gives 1 for x < 0, which -0 is not: without a branch, because signs cannot be foretold.
func negative(x float32) uint32 { return uint32((1<<31 - uint64(math.Float32bits(x))) >> 63) }

func decodeQ1_0(dst []float32, src []byte) {
	for ; len(src) >= 18; src, dst = src[18:], dst[128:] {
		x := dst[:128]
		d := getF16(src)
		value := [2]float32{-d, d}
		for i, c := range src[2:18] {
			v := x[8*i:][:8]
			for j := range v {
				v[j] = value[c>>j&1]
			}
		}
	}
}

func checkQ1_0(row []byte) error { return checkScales(row, 18, 128, 0) }
