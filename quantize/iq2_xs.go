package quantize

import (
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/internal/kernel"
)

// IQ2_XS: 256 values in 74 bytes, as 16 sub-blocks of 16.
//
//	0     2                                 66                         74
//	| d   | p[0] … p[31]                    | scales, two a byte       |
//	| f16 | u16: number | seven signs << 9  | even sub-blocks low      |
//
// value j of point k = ±(d·(scale[k/2]+½)/4)·v, v = 8, 25 or 43 for level j of the point of codesIQ2XS. The last of
// eight signs makes the number of negative ones even. Every code is legal.
var iq2XS = Codec{Type: gguf.TypeIQ2_XS, NeedWeight: true, Check: checkIQ2XS, encode: encodeIQ2XS, decode: decodeIQ2XS, decodeFast: decodeIQ2XSFast}

var searchIQ2XS = gridSearch{
	grid: gridIQ2XS, even: true, zero: kernel.Tiny,
	sweep: kernel.GridSweep{Step: 0.1, Last: 9},
}

func encodeIQ2XS(dst []byte, src, weight []float32) {
	g := gridIQ2XS()
	var s subBlock
	var w [16]float32
	for ; len(src) >= 256; src, weight, dst = src[256:], weight[256:], dst[74:] {
		x, b := src[:256], dst[:74]
		clear(b)
		var scales [16]float32
		sigma2 := kernel.SumSquares(x) / 256
		for i := range scales {
			xi := x[16*i:][:16]
			kernel.WeighImportance(w[:], xi, weight[16*i:], sigma2)
			if !searchIQ2XS.find(&s, xi, w[:]) {
				continue
			}
			scales[i] = s.scale
			for k := range 2 {
				put16(b[2+4*i+2*k:], uint16(g.Map[s.codes[k]])|uint16(s.signs[k])<<9)
			}
		}
		top := largest(scales[:])
		if top == 0 {
			clear(b)
			continue
		}
		d := top / 31
		putF16(b, d)
		putScales(b[66:], scales[:], d)
	}
}

// putScales stores a nibble for each scale, those of even sub-blocks in the low halves of the bytes.
func putScales(p []byte, scales []float32, d float32) {
	inv := 1 / d
	for i := range p[:len(scales)/2] {
		p[i] = oddNibble(scales[2*i], inv) | oddNibble(scales[2*i+1], inv)<<4
	}
}

func decodeIQ2XS(dst []float32, src []byte) {
	for ; len(src) >= 74; src, dst = src[74:], dst[256:] {
		b, x := src[:74], dst[:256]
		d := getF16(b)
		for i := range 16 {
			v := valuesIQ2(d * (0.5 + float32(b[66+i/2]>>(i%2*4)&15)) * 0.25)
			for k := range 2 {
				p := get16(b[2+4*i+2*k:])
				putEight(x[16*i+8*k:], codesIQ2XS[p&511], eighthSign(uint8(p>>9)), &v)
			}
		}
	}
}

func checkIQ2XS(row []byte) error { return checkScales(row, 74, 256, 0) }
