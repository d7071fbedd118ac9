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
var iq1S = Codec{Type: gguf.TypeIQ1_S, NeedWeight: true, Check: checkIQ1S, encode: encodeIQ1S, decode: decodeIQ1S, encodeFast: encodeIQ1SFast, decodeFast: decodeIQ1SFast}

func encodeIQ1S(dst []byte, src, weight []float32) {
	var w [32]float32
	for ; len(src) >= 256; src, weight, dst = src[256:], weight[256:], dst[50:] {
		x, b := src[:256], dst[:50]
		clear(b)
		sigma2 := 2 * kernel.SumSquares(x) / 256
		var scales [8]float32
		for g := range 8 {
			xg := x[32*g:][:32]
			if kernel.Largest(xg) < zeroIQ1S {
				continue
			}
			kernel.WeighImportance(w[:], xg, weight[32*g:], sigma2)
			var f foundIQ1
			scale, shift, ok := kernel.SearchShifted(&f.codes, xg, w[:])
			if !ok {
				continue
			}
			f.scale, f.shifts = scale, -uint8(shift)
			if f.settle(f.codes[:], xg, w[:]) {
				f.refit(f.fit(f.codes[:], xg, w[:]))
			}
			putGroupIQ1S(b, g, &f)
			scales[g] = f.scale
		}
		putScalesIQ1S(b, &scales)
	}
}

func encodeIQ1SFast(dst []byte, src, weight []float32) bool {
	return tiled(dst, src, weight, 256, 50, tileIQ1S)
}

func tileIQ1S(t *kernel.Tile, _ bool) {
	const n = 32 * kernel.Lanes
	twiceMeanSquare(t)
	var blocks [kernel.Lanes][50]byte
	var scales [kernel.Lanes][8]float32
	for g := range 8 {
		x, w := t.X[n*g:][:n], t.W[:n]
		kernel.WeighImportanceRows(w, x, t.Importance[n*g:], &t.Sigma2, kernel.RowAt(t.Sums[:], g))
		t.Shifted.Search(x, w)
		var found [kernel.Lanes]foundIQ1
		used := settleLanes(t, &found, x, w, 4, zeroIQ1S)
		for l := range found {
			if used>>l&1 != 0 {
				putGroupIQ1S(blocks[l][:], g, &found[l])
				scales[l][g] = found[l].scale
			}
		}
	}
	for l := range kernel.Lanes {
		putScalesIQ1S(blocks[l][:], &scales[l])
		kernel.Scatter(t.Block[:], blocks[l][:], l)
	}
}

// zeroIQ1S is the magnitude below which a group counts as zero. It keeps point 0, shift 0 and scale 0.
const zeroIQ1S = 1e-12

// putGroupIQ1S stores points and shift of a group.
func putGroupIQ1S(b []byte, g int, f *foundIQ1) {
	var h uint16
	for k := range 4 {
		p, shift := f.point(k)
		b[2+4*g+k] = byte(p)
		h |= p>>8<<(3*k) | shift<<15
	}
	put16(b[34+2*g:], h)
}

// putScalesIQ1S stores d and the scales of the groups.
func putScalesIQ1S(b []byte, scales *[8]float32) {
	var top float32
	for _, s := range scales {
		top = max(top, s) // NaN when one is
	}
	if top == 0 {
		return
	}
	d := top / 15
	putF16(b, d*1.125)
	inv := 1 / d
	for g, s := range scales {
		b[35+2*g] |= oddEighth(s, inv) << 4
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
