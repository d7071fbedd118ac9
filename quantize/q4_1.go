package quantize

import (
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/internal/kernel"
)

// Q4_1: 32 values in 20 bytes.
//
//	0     2     4                      20
//	| d   | m   | q[0]|q[16]<<4 …      |
//	| f16 | f16 | byte j: q[j], q[j+16] |
//
// value j = q[j]·d + m
var q4_1 = Codec{Type: gguf.TypeQ4_1, Check: checkQ4_1, encode: encodeQ4_1, decode: decodeQ4_1, encodeFast: encodeQ4_1Fast, decodeFast: kernel.DecodeQ4_1}

func encodeQ4_1(dst []byte, src, weight []float32) {
	if weight != nil {
		encodeQ4_1Weighted(dst, src, weight)
		return
	}
	for ; len(src) >= 32; src, dst = src[32:], dst[20:] {
		x, b := src[:32], dst[:20]
		low, high := bounds(x)
		d := (high - low) / 15
		putF16(b, d)
		putF16(b[2:], low)
		q := b[4:20]
		inv := inverse(d)
		if isInf(inv) || isInf(d) {
			clear(q)
			continue
		}
		for j := range q {
			q[j] = biased(x[j]-low, inv, 0.5, 15) | biased(x[j+16]-low, inv, 0.5, 15)<<4
		}
	}
}

// bounds gives the smallest and the largest value, each the first of its size.
func bounds(x []float32) (low, high float32) {
	low, high = x[0], x[0]
	for _, v := range x {
		if v < low {
			low = v
		}
		if v > high {
			high = v
		}
	}
	return low, high
}

func encodeQ4_1Weighted(dst []byte, src, weight []float32) {
	sigma2 := kernel.SumSquares(src) / float32(len(src))
	var w [32]float32
	var l [32]uint8
	for ; len(src) >= 32; src, weight, dst = src[32:], weight[32:], dst[20:] {
		x, b := src[:32], dst[:20]
		kernel.WeighImportance(w[:], x, weight, sigma2)
		d, m := kernel.SearchOffset(l[:], x, w[:], 15, &kernel.WeightedSweep)
		putF16(b, d)
		putF16(b[2:], -m)
		q := b[4:20]
		for j := range q {
			q[j] = l[j] | l[j+16]<<4
		}
	}
}

func encodeQ4_1Fast(dst []byte, src, weight []float32) bool {
	if len(weight) == 0 {
		return kernel.EncodeQ4_1(dst, src)
	}
	return tiledRows(dst, src, weight, 20, func(t *kernel.Tile) {
		tileWithMinimum(t, 15)
		packHalves(t, 4, false)
	})
}

func decodeQ4_1(dst []float32, src []byte) {
	for ; len(src) >= 20; src, dst = src[20:], dst[32:] {
		d, m := getF16(src), getF16(src[2:])
		x := dst[:32]
		for j, q := range src[4:20] {
			x[j] = float32(float32(q&15)*d) + m
			x[j+16] = float32(float32(q>>4)*d) + m
		}
	}
}

func checkQ4_1(row []byte) error { return checkScales(row, 20, 32, 0, 2) }
