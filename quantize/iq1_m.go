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
var iq1M = Codec{Type: gguf.TypeIQ1_M, Check: checkIQ1M, encode: encodeIQ1M, decode: decodeIQ1M, encodeFast: encodeIQ1MFast, decodeFast: decodeIQ1MFast}

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
	var codes [2]uint16
	for g := range 16 {
		xg, wg := x[16*g:][:16], w[16*g:][:16]
		if kernel.Largest(xg) < zeroIQ1M {
			continue
		}
		if scale, shifts, ok := kernel.SearchShiftedHalves(&codes, xg, wg); ok {
			scales[g] = putGroupIQ1M(b, g, &codes, xg, wg, scale, shifts)
		}
	}
	putScalesIQ1M(b, &scales, x, w)
}

func encodeIQ1MFast(dst []byte, src, weight []float32) bool {
	return tiled(dst, src, weight, 256, 56, tileIQ1M)
}

func tileIQ1M(t *kernel.Tile, weighted bool) {
	const n = 16 * kernel.Lanes
	if weighted {
		meanSquares(t)
		kernel.WeighImportanceRows(t.Importance[:], t.X[:], t.Importance[:], &t.Sigma2, kernel.RowAt(t.Sums[:], 0))
	} else {
		kernel.SquareRows(t.Importance[:], t.X[:])
	}
	var blocks [kernel.Lanes][56]byte
	var scales [kernel.Lanes][16]float32
	var x, w [kernel.Lanes][256]float32
	for g := range 16 {
		t.Shifted.SearchHalves(t.X[n*g:], t.Importance[n*g:])
		for l := range kernel.Lanes {
			xg, wg := x[l][16*g:][:16], w[l][16*g:][:16]
			kernel.Gather(xg, t.X[n*g:], l, 16)
			kernel.Gather(wg, t.Importance[n*g:], l, 16)
			var codes [2]uint16
			scale, shifts, ok := t.Shifted.Found(codes[:], l)
			if !ok || t.Shifted.Largest[l] < zeroIQ1M {
				continue
			}
			scales[l][g] = putGroupIQ1M(blocks[l][:], g, &codes, xg, wg, scale, shifts)
		}
	}
	for l := range kernel.Lanes {
		putScalesIQ1M(blocks[l][:], &scales[l], x[l][:], w[l][:])
		kernel.Scatter(t.Block[:], blocks[l][:], l)
	}
}

// zeroIQ1M is the magnitude below which a group counts as zero. It keeps point 0, shift 0 and scale 0.
const zeroIQ1M = 1e-7

// putGroupIQ1M stores points and shifts of a group for what the search found, and gives the scale that goes with them.
func putGroupIQ1M(b []byte, g int, codes *[2]uint16, x, w []float32, scale float32, shifts int) float32 {
	if scale < 0 {
		scale, shifts = -scale, shifts^3
		kernel.MirrorIQ1(codes[:])
	}
	first, second := shifts>>1, shifts&1
	var points [2]uint16
	scale = snapIQ1(points[:], codes[:], x, w, scale, &[4]*[3]float32{&kernel.LevelsIQ1[first], &kernel.LevelsIQ1[second]})
	b[2*g], b[2*g+1] = byte(points[0]), byte(points[1])
	b[32+g] = byte(points[0]>>8) | byte(first)<<3 | byte(points[1]>>8)<<4 | byte(second)<<7
	return scale
}

// putScalesIQ1M stores the scales of the groups, and d as it fits all values best under them.
func putScalesIQ1M(b []byte, scales *[16]float32, x, w []float32) {
	var top float32
	for _, s := range scales {
		top = max(top, s) // NaN when one is
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
