package quantize

import (
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/internal/kernel"
)

// IQ2_S: 256 values in 82 bytes, as 16 sub-blocks of 16.
//
//	0     2                34              66                   74                    82
//	| d   | p[0] … p[31]   | signs         | high pairs of p,   | scales, two a byte  |
//	| f16 | low bytes      | eight a byte  | four a byte        | even sub-blocks low |
//
// value j of point k = ±(d·(scale[k/2]+½)/4)·v, v = 8, 25 or 43 for level j of the point of codesIQ2S. Every code is
// legal: ten bits number 1024 points.
var iq2S = Codec{Type: gguf.TypeIQ2_S, Check: checkIQ2S, encode: encodeIQ2S, decode: decodeIQ2S, decodeFast: decodeIQ2SFast}

var searchIQ2S = gridSearch{
	grid: gridIQ2S, zero: 1e-8,
	sweep: kernel.GridSweep{Step: 0.1, Last: 9},
}

func encodeIQ2S(dst []byte, src, weight []float32) {
	g := gridIQ2S()
	var s subBlock
	var w [16]float32
	for ; len(src) >= 256; src, dst = src[256:], dst[82:] {
		x, b := src[:256], dst[:82]
		clear(b)
		var scales [16]float32
		sigma2 := 2 * kernel.SumSquares(x) / 256
		for i := range scales {
			xi := x[16*i:][:16]
			if weight == nil {
				for j, v := range xi {
					w[j] = float32(0.25*sigma2) + float32(v*v)
				}
			} else {
				kernel.WeighImportance(w[:], xi, weight[16*i:], sigma2)
			}
			if !searchIQ2S.find(&s, xi, w[:]) {
				continue
			}
			scales[i] = s.scale
			for k := range 2 {
				p := g.Map[s.codes[k]]
				b[2+2*i+k] = uint8(p)
				b[34+2*i+k] = s.signs[k]
				b[66+i/2] |= uint8(p>>8) << (i%2*4 + 2*k)
			}
		}
		if weight != nil {
			weight = weight[256:]
		}
		top := largest(scales[:])
		if top == 0 {
			continue // points and signs stay, under a scale of zero
		}
		d := top / 31
		putF16(b, d*0.9875)
		putScales(b[74:], scales[:], d)
	}
}

func decodeIQ2S(dst []float32, src []byte) {
	for ; len(src) >= 82; src, dst = src[82:], dst[256:] {
		b, x := src[:82], dst[:256]
		d := getF16(b)
		for i := range 16 {
			v := valuesIQ2(d * (0.5 + float32(b[74+i/2]>>(i%2*4)&15)) * 0.25)
			for k := range 2 {
				p := uint(b[2+2*i+k]) | uint(b[66+i/2]>>(i%2*4+2*k)&3)<<8
				putEight(x[16*i+8*k:], codesIQ2S[p], b[34+2*i+k], &v)
			}
		}
	}
}

func checkIQ2S(row []byte) error { return checkScales(row, 82, 256, 0) }
