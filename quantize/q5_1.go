package quantize

import (
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/internal/kernel"
)

// Q5_1: 32 values in 24 bytes.
//
//	0     2     4               8                      24
//	| d   | m   | h             | q[0]|q[16]<<4 …      |
//	| f16 | f16 | bit j: q[j]>>4 | byte j: low four bits of q[j], q[j+16] |
//
// value j = q[j]·d + m
var q5_1 = Codec{Type: gguf.TypeQ5_1, Check: checkQ5_1, encode: encodeQ5_1, decode: decodeQ5_1, encodeFast: encodeQ5_1Fast, decodeFast: kernel.DecodeQ5_1}

func encodeQ5_1(dst []byte, src, weight []float32) {
	if weight != nil {
		encodeQ5_1Weighted(dst, src, weight)
		return
	}
	var l [32]uint8
	for ; len(src) >= 32; src, dst = src[32:], dst[24:] {
		x, b := src[:32], dst[:24]
		low, high := bounds(x)
		d := (high - low) / 31
		putF16(b, d)
		putF16(b[2:], low)
		inv := inverse(d)
		if isInf(inv) || isInf(d) {
			clear(b[4:])
			continue
		}
		for j, v := range x {
			l[j] = biased(v-low, inv, 0.5, 255) // the reference sets no bound here
		}
		packFive(b[4:], &l)
	}
}

func encodeQ5_1Weighted(dst []byte, src, weight []float32) {
	sigma2 := kernel.SumSquares(src) / float32(len(src))
	var w [32]float32
	var l [32]uint8
	for ; len(src) >= 32; src, weight, dst = src[32:], weight[32:], dst[24:] {
		x, b := src[:32], dst[:24]
		kernel.WeighImportance(w[:], x, weight, sigma2)
		d, m := kernel.SearchOffset(l[:], x, w[:], 31, &kernel.WeightedSweep)
		putF16(b, d)
		putF16(b[2:], -m)
		packFive(b[4:], &l)
	}
}

func encodeQ5_1Fast(dst []byte, src, weight []float32) bool {
	if len(weight) == 0 {
		return kernel.EncodeQ5_1(dst, src)
	}
	return tiledRows(dst, src, weight, 24, func(t *kernel.Tile) {
		tileWithMinimum(t, 31)
		packHalves(t, 8, true)
	})
}

func decodeQ5_1(dst []float32, src []byte) {
	var l [32]uint8
	for ; len(src) >= 24; src, dst = src[24:], dst[32:] {
		d, m := getF16(src), getF16(src[2:])
		unpackFive(&l, src[4:])
		x := dst[:32]
		for j := range x {
			x[j] = float32(float32(l[j])*d) + m
		}
	}
}

func checkQ5_1(row []byte) error { return checkScales(row, 24, 32, 0, 2) }
