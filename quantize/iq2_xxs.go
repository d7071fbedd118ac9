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
	grid: gridIQ2XXS, even: true, zero: kernel.Tiny,
	sweep: kernel.GridSweep{Step: 0.1, Last: 6, Refit: kernel.RefitAll},
}

func encodeIQ2XXS(dst []byte, src, weight []float32) {
	g := gridIQ2XXS()
	levels := float32(g.Levels)
	var subs [8]subBlock
	var m, w [256]float32
	var peaks [8]float32
	for ; len(src) >= 256; src, weight, dst = src[256:], weight[256:], dst[66:] {
		x, b := src[:256], dst[:66]
		clear(b)
		var scales [8]float32
		sigma2 := kernel.SumSquares(x) / 256
		for i := range subs {
			xi, wi := x[32*i:][:32], w[32*i:][:32]
			kernel.WeighImportance(wi, xi, weight[32*i:], sigma2)
			peaks[i] = searchIQ2XXS.split(&subs[i], m[32*i:][:32], xi, wi)
		}
		first := fitPositive(&m, &w, int32(g.Levels+1))
		for i, scale := range first {
			// The sweep begins with a fit instead of the largest magnitude.
			if peaks[i] < searchIQ2XXS.zero || scale*levels <= 0 {
				continue
			}
			s, q := &subs[i], b[2+8*i:][:8]
			searchIQ2XXS.points(s, m[32*i:][:32], w[32*i:][:32], scale*levels, scale)
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

// fitPositive gives SearchPositive's scales of 8 groups of 32 magnitudes.
func fitPositive(m, w *[256]float32, nmax int32) (scales [8]float32) {
	if kernel.Now() == kernel.Plain {
		var codes [32]uint8
		for i := range scales {
			scales[i] = kernel.SearchPositive(codes[:], m[32*i:][:32], w[32*i:][:32], nmax)
		}
		return scales
	}
	const n = 32 * kernel.Lanes
	t := kernel.NewTile()
	t.Load(m[:], 8, 32)
	t.LoadImportance(w[:], 8, 32, 0)
	t.Positive.Run(t.Codes[:n], kernel.RowAt(t.Scales[:], 0), t.X[:n], t.Importance[:n], 32, nmax)
	copy(scales[:], t.Scales[:])
	t.Free()
	return scales
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
