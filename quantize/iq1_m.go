package quantize

import (
	"fmt"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/internal/kernel"
)

// IQ1_M: 256 values in 56 bytes, as 16 groups of 16.
//
//	0               32                             48                       56
//	| p[0] … p[31]  | a byte a group: high 3 bits  | u16 for 4 groups:      |
//	| low bytes     | of a point, shift, twice     | 3 bits each, part of d |
//
// value j of group g = d·(2·scale[g]+1)·v[l], l = level j%8 of point p[j/8] of codesIQ1, v = kernel.LevelsIQ1[shift], with
// one shift a point (0 up, 1 down). The high nibbles of the four u16 are those of d, a half, lowest first. Every code
// is legal: eleven bits number 2048 points.
var iq1M = Codec{Type: gguf.TypeIQ1_M, Check: checkIQ1M, encode: encodeIQ1M, decode: decodeIQ1M, decodeFast: decodeIQ1MFast}

func encodeIQ1M(dst []byte, src, weight []float32) {
	var w [256]float32
	for ; len(src) >= 256; src, dst = src[256:], dst[56:] {
		x := src[:256]
		if weight == nil {
			kernel.Squares(w[:], x)
		} else {
			kernel.WeighImportance(w[:], x, weight, 2*kernel.SumSquares(x)/256)
			weight = weight[256:]
		}
		encodeBlockIQ1M(dst[:56], x, w[:])
	}
}

func encodeBlockIQ1M(b []byte, x, w []float32) {
	clear(b)
	var scales [16]float32
	var top float32
	var levels [16]uint8
	var points [2]uint16
	for g := range 16 {
		xg, wg := x[16*g:][:16], w[16*g:][:16]
		if kernel.Largest(xg) < 1e-7 {
			continue
		}
		scale, shifts, ok := kernel.SearchShiftedHalves(&levels, xg, wg)
		if !ok {
			continue
		}
		if scale < 0 {
			scale, shifts = -scale, shifts^3
			mirror(levels[:])
		}
		first, second := shifts>>1, shifts&1
		scale = snapIQ1(points[:], levels[:], xg, wg, scale, &[4]*[3]float32{&kernel.LevelsIQ1[first], &kernel.LevelsIQ1[second]})
		b[2*g], b[2*g+1] = byte(points[0]), byte(points[1])
		b[32+g] = byte(points[0]>>8) | byte(first)<<3 | byte(points[1]>>8)<<4 | byte(second)<<7
		scales[g] = scale
		top = max(top, scale) // NaN when one is
	}
	if top == 0 {
		return
	}
	d := top / 15
	inv := 1 / d
	var packed [4]uint16
	var qx, qq float32
	for g, scale := range scales {
		s := oddEighth(scale, inv)
		packed[g/4] |= uint16(s) << (g % 4 * 3)
		for k := range 2 {
			p, v := pointIQ1M(b, g, k)
			addFitIQ1(&qx, &qq, x[16*g+8*k:][:8], w[16*g+8*k:][:8], p, v, float32(2*s+1))
		}
	}
	if qq > 0 {
		d = qx / qq
	}
	var half [2]byte
	putF16(half[:], d*1.1125)
	h := get16(half[:])
	for i, s := range packed {
		put16(b[48+2*i:], s|h>>(4*i)<<12)
	}
}

// pointIQ1M gives the number of point k of group g and what its levels stand for.
func pointIQ1M(b []byte, g, k int) (point uint16, values *[3]float32) {
	h := b[32+g] >> (4 * k)
	return uint16(b[2*g+k]) | uint16(h&7)<<8, &kernel.LevelsIQ1[h>>3&1]
}

// scaleIQ1M gives the bits of d.
func scaleIQ1M(b []byte) uint16 {
	return get16(b[48:])>>12 | get16(b[50:])>>12<<4 | get16(b[52:])>>12<<8 | get16(b[54:])>>12<<12
}

func decodeIQ1M(dst []float32, src []byte) {
	for ; len(src) >= 56; src, dst = src[56:], dst[256:] {
		b, x := src[:56], dst[:256]
		d := f32(scaleIQ1M(b))
		for g := range 16 {
			scale := d * float32(get16(b[48+g/4*2:])>>(g%4*3)&7<<1+1)
			for k := range 2 {
				p, v := pointIQ1M(b, g, k)
				putIQ1(x[16*g+8*k:], p, scale, v)
			}
		}
	}
}

// checkIQ1M is checkScales for a scale in four pieces.
func checkIQ1M(row []byte) error {
	if len(row)%56 != 0 {
		return fmt.Errorf("%d bytes are no whole blocks of 56", len(row))
	}
	for b := 0; b < len(row); b += 56 {
		if d := scaleIQ1M(row[b:]); d&0x7c00 == 0x7c00 {
			col := b / 56 * 256
			return fmt.Errorf("the scale of columns %d to %d is %v", col, col+255, f32(d))
		}
	}
	return nil
}
