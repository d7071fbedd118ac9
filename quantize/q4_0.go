package quantize

import (
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/internal/kernel"
)

// Q4_0: 32 values in 18 bytes.
//
//	0     2                      18
//	| d   | q[0]|q[16]<<4 …      |
//	| f16 | byte j: q[j], q[j+16] |
//
// value j = (q[j]-8)·d
var q4_0 = Codec{Type: gguf.TypeQ4_0, Check: checkQ4_0, encode: encodeQ4_0, decode: decodeQ4_0, encodeFast: encodeQ4_0Fast, decodeFast: kernel.DecodeQ4_0}

func encodeQ4_0(dst []byte, src, weight []float32) {
	if weight != nil {
		encodeQ4_0Weighted(dst, src, weight)
		return
	}
	for ; len(src) >= 32; src, dst = src[32:], dst[18:] {
		x, b := src[:32], dst[:18]
		d := kernel.Peak(x) / -8
		putF16(b, d)
		q := b[2:18]
		inv := inverse(d)
		if isInf(inv) {
			clear(q)
			continue
		}
		for j := range q {
			q[j] = biased(x[j], inv, 8.5, 15) | biased(x[j+16], inv, 8.5, 15)<<4
		}
	}
}

// biased gives min(most, x·inv + bias) cut to an integer.
func biased(x, inv, bias float32, most int32) byte {
	return byte(min(most, int32(float32(x*inv)+bias)))
}

func encodeQ4_0Weighted(dst []byte, src, weight []float32) {
	sigma2 := kernel.SumSquares(src) / float32(len(src))
	var w [32]float32
	var l [32]int8
	for ; len(src) >= 32; src, weight, dst = src[32:], weight[32:], dst[18:] {
		x, b := src[:32], dst[:18]
		kernel.WeighImportance(w[:], x, weight, sigma2)
		putF16(b, kernel.SearchSigned(l[:], x, w[:], 8))
		q := b[2:18]
		for j := range q {
			q[j] = byte(l[j]) | byte(l[j+16])<<4
		}
	}
}

func encodeQ4_0Fast(dst []byte, src, weight []float32) bool {
	if len(weight) == 0 {
		return kernel.EncodeQ4_0(dst, src)
	}
	return tiledRows(dst, src, weight, 18, func(t *kernel.Tile) {
		tileSigned(t, 8)
		packHalves(t, 2, false)
	})
}

func decodeQ4_0(dst []float32, src []byte) {
	for ; len(src) >= 18; src, dst = src[18:], dst[32:] {
		d := getF16(src)
		x := dst[:32]
		for j, q := range src[2:18] {
			x[j] = float32(int32(q&15)-8) * d
			x[j+16] = float32(int32(q>>4)-8) * d
		}
	}
}

func checkQ4_0(row []byte) error { return checkScales(row, 18, 32, 0) }
