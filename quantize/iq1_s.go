package quantize

import (
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/internal/kernel"
)

// IQ1_S: 256 values in 50 bytes, as 8 groups of 32.
//
//	0     2                34                                            50
//	| d   | p[0] … p[31]   | u16 a group: high 3 bits of 4 points,       |
//	| f16 | low bytes      | 3 bits of scale, shift (0 up, 1 down)       |
//
// value j of group g = d·(2·scale[g]+1)·v[l], l = level j%8 of point p[j/8] of codesIQ1, v = kernel.LevelsIQ1[shift[g]].
// Every code is legal: eleven bits number 2048 points.
var iq1S = Codec{Type: gguf.TypeIQ1_S, NeedWeight: true, Check: checkIQ1S, encode: encodeIQ1S, decode: decodeIQ1S, decodeFast: decodeIQ1SFast}

func encodeIQ1S(dst []byte, src, weight []float32) {
	var w [32]float32
	var levels [32]uint8
	var points [4]uint16
	for ; len(src) >= 256; src, weight, dst = src[256:], weight[256:], dst[50:] {
		x, b := src[:256], dst[:50]
		clear(b)
		sigma2 := 2 * kernel.SumSquares(x) / 256
		var scales [8]float32
		var top float32
		for g := range 8 {
			xg := x[32*g:][:32]
			if kernel.Largest(xg) < 1e-12 {
				continue
			}
			kernel.WeighImportance(w[:], xg, weight[32*g:], sigma2)
			scale, shift, ok := kernel.SearchShifted(&levels, xg, w[:])
			if !ok {
				continue
			}
			if scale < 0 {
				scale, shift = -scale, shift^1
				mirror(levels[:])
			}
			v := &kernel.LevelsIQ1[shift]
			scale = snapIQ1(points[:], levels[:], xg, w[:], scale, &[4]*[3]float32{v, v, v, v})
			h := uint16(shift) << 15
			for k, p := range points {
				b[2+4*g+k] = byte(p)
				h |= p >> 8 << (3 * k)
			}
			put16(b[34+2*g:], h)
			scales[g] = scale
			top = max(top, scale) // NaN when one is
		}
		if top == 0 {
			continue
		}
		d := top / 15
		putF16(b, d*1.125)
		inv := 1 / d
		for g, s := range scales {
			b[35+2*g] |= oddEighth(s, inv) << 4
		}
	}
}

// mirror exchanges the levels 0 and 2.
func mirror(levels []uint8) {
	for i, l := range levels {
		levels[i] = 2 - l
	}
}

func decodeIQ1S(dst []float32, src []byte) {
	for ; len(src) >= 50; src, dst = src[50:], dst[256:] {
		b, x := src[:50], dst[:256]
		d := getF16(b)
		for g := range 8 {
			h := get16(b[34+2*g:])
			scale := d * float32(h>>12&7<<1+1)
			for k := range 4 {
				p := uint16(b[2+4*g+k]) | h>>(3*k)&7<<8
				putIQ1(x[32*g+8*k:], p, scale, &kernel.LevelsIQ1[h>>15])
			}
		}
	}
}

func checkIQ1S(row []byte) error { return checkScales(row, 50, 256, 0) }
