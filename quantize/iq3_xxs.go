package quantize

import (
	"encoding/binary"
	"math"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/internal/kernel"
)

// IQ3_XXS: 256 values in 98 bytes, as 8 sub-blocks of 32.
//
//	0     2                  66                               98
//	| d   | p[0] … p[63]     | s[0] … s[7]                    |
//	| f16 | numbers of points| u32: 4 × 7 signs, scale<<28    |
//
// value j of point k = ±(d·(scale[k/8]+½)/2)·v, v = 4, 12 … 52 or 62 for level j of the point of codesIQ3XXS. The
// signs are those of IQ2_XXS. Every code is legal.
var iq3XXS = Codec{Type: gguf.TypeIQ3_XXS, Check: checkIQ3XXS, encode: encodeIQ3XXS, decode: decodeIQ3XXS, decodeFast: decodeIQ3XXSFast}

var searchIQ3XXS = gridSearch{
	grid: gridIQ3XXS, even: true, zero: 1e-8,
	sweep: kernel.GridSweep{Step: 0.2, Last: 15},
}

func encodeIQ3XXS(dst []byte, src, weight []float32) {
	g := gridIQ3XXS()
	var s subBlock
	var w [32]float32
	for ; len(src) >= 256; src, dst = src[256:], dst[98:] {
		x, b := src[:256], dst[:98]
		clear(b)
		var scales [8]float32
		sigma2 := 2 * kernel.SumSquares(x) / 256
		for i := range scales {
			xi := x[32*i:][:32]
			if weight == nil {
				kernel.Squares(w[:], xi)
			} else {
				kernel.WeighImportance(w[:], xi, weight[32*i:], sigma2)
			}
			if !searchIQ3XXS.find(&s, xi, w[:]) {
				continue
			}
			scales[i] = s.scale
			for k := range 8 {
				b[2+8*i+k] = uint8(g.Map[s.codes[k]])
			}
			var signs uint32
			for k := range 4 {
				signs |= uint32(s.signs[k]) << (7 * k)
			}
			binary.LittleEndian.PutUint32(b[66+4*i:], signs)
		}
		if weight != nil {
			weight = weight[256:]
		}
		top := largest(scales[:])
		if top == 0 {
			clear(b)
			continue
		}
		d := top / 31
		putF16(b, d*1.0125)
		inv := 1 / d
		for i, scale := range scales {
			b[69+4*i] |= oddNibble(scale, inv) << 4
		}
	}
}

// valuesIQ3XXS are what the levels stand for.
var valuesIQ3XXS = [8]float32{4, 12, 20, 28, 36, 44, 52, 62}

func decodeIQ3XXS(dst []float32, src []byte) {
	for ; len(src) >= 98; src, dst = src[98:], dst[256:] {
		b, x := src[:98], dst[:256]
		d := getF16(b)
		for i := range 8 {
			xi, p := x[32*i:][:32], b[2+8*i:][:8]
			signs := binary.LittleEndian.Uint32(b[66+4*i:])
			scale := d * (0.5 + float32(signs>>28)) * 0.5
			var v [8]uint32
			for l, value := range valuesIQ3XXS {
				v[l] = math.Float32bits(scale * value)
			}
			for k := range 4 {
				s := eighthSign(uint8(signs >> (7 * k)))
				putFour(xi[8*k:], codesIQ3XXS[p[2*k]], s, &v)
				putFour(xi[8*k+4:], codesIQ3XXS[p[2*k+1]], s>>4, &v)
			}
		}
	}
}

func checkIQ3XXS(row []byte) error { return checkScales(row, 98, 256, 0) }
