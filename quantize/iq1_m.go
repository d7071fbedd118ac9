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
	for g := range 16 {
		xg, wg := x[16*g:][:16], w[16*g:][:16]
		if kernel.Largest(xg) < zeroIQ1M {
			continue
		}
		var f foundIQ1
		codes := (*[2]uint16)(f.codes[:])
		scale, shifts, ok := kernel.SearchShiftedHalves(codes, xg, wg)
		if !ok {
			continue
		}
		f.scale, f.shifts = scale, halvesIQ1(shifts)
		if f.settle(codes[:], xg, wg) {
			f.refit(f.fit(codes[:], xg, wg))
		}
		putGroupIQ1M(b, g, &f)
		scales[g] = f.scale
	}
	small, d, ok := smallScalesIQ1M(&scales)
	if !ok {
		return
	}
	var qx, qq float32
	for g, s := range small {
		for k := range 2 {
			p, v := pointIQ1M(b, g, k)
			addFitIQ1(&qx, &qq, x[16*g+8*k:][:8], w[16*g+8*k:][:8], codesIQ1[p], v, float32(2*s+1))
		}
	}
	putScalesIQ1M(b, &small, d, qx, qq)
}

// halvesIQ1 makes bit k the shift of half k.
func halvesIQ1(shifts int) uint8 { return uint8(shifts>>1 | shifts<<1&2) }

func encodeIQ1MFast(dst []byte, src, weight []float32) bool {
	return tiled(dst, src, weight, 256, 56, tileIQ1M)
}

func tileIQ1M(t *kernel.Tile, weighted bool) {
	const n = 16 * kernel.Lanes
	w := t.Importance[:]
	if weighted {
		twiceMeanSquare(t)
		kernel.WeighImportanceRows(w, t.X[:], w, &t.Sigma2, kernel.RowAt(t.Sums[:], 0))
	} else {
		kernel.SquareRows(w, t.X[:])
	}
	var blocks [kernel.Lanes][56]byte
	var scales [kernel.Lanes][16]float32
	var codes [16][2][kernel.Lanes]uint32
	for g := range 16 {
		x, w := t.X[n*g:][:n], w[n*g:][:n]
		t.Shifted.SearchHalves(x, w)
		var found [kernel.Lanes]foundIQ1
		used := settleLanes(t, &found, x, w, 2, zeroIQ1M)
		for l := range found {
			if used>>l&1 != 0 {
				putGroupIQ1M(blocks[l][:], g, &found[l])
				scales[l][g] = found[l].scale
				codes[g][0][l], codes[g][1][l] = found[l].row(0), found[l].row(1)
			}
		}
	}
	var small [kernel.Lanes][16]uint8
	var d kernel.Row
	var factors [16]kernel.Row
	var fit [kernel.Lanes]bool
	for l := range kernel.Lanes {
		small[l], d[l], fit[l] = smallScalesIQ1M(&scales[l])
		for g, s := range small[l] {
			factors[g][l] = float32(2*s + 1)
		}
	}
	var sums [2]kernel.Row
	for g := range 16 {
		kernel.FitShiftedRows(&sums, t.X[n*g:], w[n*g:], codes[g][:], &factors[g])
	}
	for l := range kernel.Lanes {
		if fit[l] {
			putScalesIQ1M(blocks[l][:], &small[l], d[l], sums[0][l], sums[1][l])
		}
		kernel.Scatter(t.Block[:], blocks[l][:], l)
	}
}

// zeroIQ1M is the magnitude below which a group counts as zero. It keeps point 0, shift 0 and scale 0.
const zeroIQ1M = 1e-7

// putGroupIQ1M stores points and shifts of a group.
func putGroupIQ1M(b []byte, g int, f *foundIQ1) {
	for k := range 2 {
		p, shift := f.point(k)
		b[2*g+k] = byte(p)
		b[32+g] |= byte(p>>8|shift<<3) << (4 * k)
	}
}

// smallScalesIQ1M gives the scales of the groups in their few bits and what d is by them. It is not ok when all are zero.
func smallScalesIQ1M(scales *[16]float32) (small [16]uint8, d float32, ok bool) {
	var top float32
	for _, s := range scales {
		top = max(top, s) // NaN when one is
	}
	if top == 0 {
		return small, 0, false
	}
	d = top / 15
	inv := 1 / d
	for g, s := range scales {
		small[g] = oddEighth(s, inv)
	}
	return small, d, true
}

// putScalesIQ1M stores the scales of the groups, and d as it fits all values best under them, if the sums Σ w·q·x and
// Σ w·q² tell.
func putScalesIQ1M(b []byte, small *[16]uint8, d, qx, qq float32) {
	if qq > 0 {
		d = qx / qq
	}
	var packed [4]uint16
	for g, s := range small {
		packed[g/4] |= uint16(s) << (g % 4 * 3)
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
