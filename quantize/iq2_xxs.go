package quantize

import (
	"encoding/binary"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/internal/kernel"
)

// IQ2_XXS: 256 values in 66 bytes, as 8 sub-blocks of 32.
//
//	0     2                  6                           10    66
//	| d   | p[0] … p[3]      | 4 × 7 signs, scale<<28    | …   |
//	| f16 | numbers of points| u32                       |     |
//
// value 8k+j of a sub-block = ±(d·(scale+½)/4)·v, v = 8, 25 or 43 for level j of point p[k] of codesIQ2XXS.
// The sign is bit 7k+j for j < 7; the last of eight makes the number of negative ones even. Every code is legal.
var iq2XXS = Codec{Type: gguf.TypeIQ2_XXS, NeedWeight: true, Check: checkIQ2XXS, encode: encodeIQ2XXS, decode: decodeIQ2XXS, decodeFast: decodeIQ2XXSFast}

var searchIQ2XXS = gridSearch{
	grid: gridIQ2XXS, even: true, fit: true, zero: kernel.Tiny,
	sweep: kernel.GridSweep{Step: 0.1, Last: 6, Refit: kernel.RefitAll},
}

func encodeIQ2XXS(dst []byte, src, weight []float32) {
	g := gridIQ2XXS()
	var s subBlock
	var w [32]float32
	for ; len(src) >= 256; src, weight, dst = src[256:], weight[256:], dst[66:] {
		x, b := src[:256], dst[:66]
		clear(b)
		var scales [8]float32
		sigma2 := kernel.SumSquares(x) / 256
		for i := range scales {
			xi, q := x[32*i:][:32], b[2+8*i:][:8]
			kernel.WeighImportance(w[:], xi, weight[32*i:], sigma2)
			if !searchIQ2XXS.find(&s, xi, w[:]) {
				continue
			}
			scales[i] = s.scale
			var signs uint32
			for k := range 4 {
				q[k] = uint8(g.Map[s.codes[k]])
				signs |= uint32(s.signs[k]) << (7 * k)
			}
			binary.LittleEndian.PutUint32(q[4:], signs)
		}
		top := largest(scales[:])
		if top == 0 {
			clear(b)
			continue
		}
		d := top / 31
		putF16(b, d)
		inv := 1 / d
		for i, scale := range scales {
			b[9+8*i] |= oddNibble(scale, inv) << 4
		}
	}
}

func decodeIQ2XXS(dst []float32, src []byte) {
	for ; len(src) >= 66; src, dst = src[66:], dst[256:] {
		b, x := src[:66], dst[:256]
		d := getF16(b)
		for i := range 8 {
			q, xi := b[2+8*i:][:8], x[32*i:][:32]
			signs := binary.LittleEndian.Uint32(q[4:])
			v := valuesIQ2(d * (0.5 + float32(signs>>28)) * 0.25)
			for k := range 4 {
				putEight(xi[8*k:], codesIQ2XXS[q[k]], eighthSign(uint8(signs>>(7*k))), &v)
			}
		}
	}
}

func checkIQ2XXS(row []byte) error { return checkScales(row, 66, 256, 0) }
