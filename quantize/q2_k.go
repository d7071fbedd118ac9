package quantize

import (
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/internal/kernel"
)

// Q2_K: 256 values in 84 bytes, as 16 groups of 16.
//
//	0                        16                         80    82     84
//	| s[0] … s[15]           | q, four codes a byte     | d   | dmin |
//	| scale | minimum<<4     | see packTwo              | f16 | f16  |
//
// value j of group g = (d·scale[g])·q[j] - dmin·minimum[g]
var q2K = Codec{Type: gguf.TypeQ2_K, Check: checkQ2K, encode: encodeQ2K, decode: decodeQ2K, encodeFast: encodeQ2KFast, decodeFast: kernel.DecodeQ2_K}

var sweepQ2K = kernel.Sweep{First: -0.5, Step: 0.1, Last: 15, Absolute: true}

func encodeQ2K(dst []byte, src, weight []float32) {
	var l [256]uint8
	var w, scales, offsets, sums [16]float32
	var ls, lm [16]uint8
	for ; len(src) >= 256; src, dst = src[256:], dst[84:] {
		x, b := src[:256], dst[:84]
		if weight == nil {
			for g := range 16 {
				xg := x[16*g:][:16]
				for j, v := range xg {
					w[j] = abs32(v)
				}
				scales[g], offsets[g] = kernel.SearchOffset(l[16*g:], xg, w[:], 3, &sweepQ2K)
			}
			putF16(b[80:], nibbles(&ls, &scales))
			putF16(b[82:], nibbles(&lm, &offsets))
		} else {
			sigma2 := kernel.SumSquares(x) / 256
			for g := range 16 {
				xg := x[16*g:][:16]
				kernel.WeighImportance(w[:], xg, weight[16*g:], sigma2)
				sums[g] = kernel.Sum(w[:])
				scales[g], offsets[g] = kernel.SearchOffset(l[16*g:], xg, w[:], 3, &kernel.WeightedSweep)
			}
			weight = weight[256:]
			putF16(b[80:], kernel.SearchPositive(ls[:], scales[:], sums[:], 15))
			putF16(b[82:], kernel.SearchPositive(lm[:], offsets[:], sums[:], 15))
		}
		for g := range 16 {
			b[g] = ls[g] | lm[g]<<4
		}
		d, dmin := getF16(b[80:]), getF16(b[82:])
		for g := range 16 {
			requantize(l[16*g:][:16], x[16*g:], float32(d*float32(b[g]&15)), float32(dmin*float32(b[g]>>4)), 3)
		}
		packTwo(b[16:80], &l)
	}
}

func encodeQ2KFast(dst []byte, src, weight []float32) bool {
	return tiled(dst, src, weight, 256, 84, tileQ2K)
}

func tileQ2K(t *kernel.Tile, weighted bool) {
	if weighted {
		kernel.SumSquaresRows(&t.Sigma2, t.X[:])
		for l, v := range t.Sigma2 {
			t.Sigma2[l] = v / 256
		}
	}
	weigh := func(w, x []float32) { kernel.WeighMagnitudeRows(w, x, &kernel.Row{}) }
	tileOffset(t, weighted, 16, 3, &sweepQ2K, weigh, func() {
		var d, dmin kernel.Row
		var ls, lm [16 * kernel.Lanes]uint8
		if weighted {
			t.Positive.Run(ls[:], &d, t.Scales[:], t.Sums[:], 16, 15)
			t.Positive.Run(lm[:], &dmin, t.Offsets[:], t.Sums[:], 16, 15)
		} else {
			for l := range kernel.Lanes {
				d[l], dmin[l] = nibblesLane(&ls, t.Scales[:], l), nibblesLane(&lm, t.Offsets[:], l)
			}
		}
		d, dmin = putF16Rows(t, 80, &d), putF16Rows(t, 82, &dmin)
		for i := range ls {
			b := ls[i] | lm[i]<<4
			t.Block[i] = b
			t.Scales[i], t.Offsets[i] = d[i%kernel.Lanes]*float32(b&15), dmin[i%kernel.Lanes]*float32(b>>4)
		}
	})
	packTwoRows(t, 16)
}

// nibblesLane is nibbles for one lane of rows.
func nibblesLane(codes *[16 * kernel.Lanes]uint8, rows []float32, lane int) (unit float32) {
	var values [16]float32
	var c [16]uint8
	kernel.Gather(values[:], rows, lane, 16)
	unit = nibbles(&c, &values)
	kernel.Scatter(codes[:], c[:], lane)
	return unit
}

// packTwoRows is packTwo for the lanes of a tile; the first byte is row at of the blocks.
func packTwoRows(t *kernel.Tile, at int) {
	const n = 32 * kernel.Lanes
	for h := range 2 {
		c := t.Codes[4*n*h:]
		kernel.PackPairs(t.Block[kernel.Lanes*at+n*h:][:n], c, c[n:], c[2*n:], c[3*n:], 0)
	}
}

// nibbles rounds values to multiples 0 … 15 of the returned unit; negative ones wrap.
func nibbles(codes *[16]uint8, values *[16]float32) (unit float32) {
	var top float32
	for _, v := range values {
		if v > top {
			top = v
		}
	}
	if !(top > 0) {
		clear(codes[:])
		return 0
	}
	inv := 15 / top
	for i, v := range values {
		codes[i] = uint8(kernel.Nearest(inv * v))
	}
	return top / 15
}

// requantize chooses codes 0 … nmax again for the scale and offset as stored. A scale that was rounded
// to zero leaves the codes of the search.
func requantize(codes []uint8, x []float32, scale, offset float32, nmax int32) {
	if scale == 0 {
		return
	}
	x = x[:len(codes)]
	for j, v := range x {
		codes[j] = uint8(kernel.Clamp(kernel.Nearest((v+offset)/scale), 0, nmax))
	}
}

// packTwo stores 256 codes of two bits. Byte i of each half of 32 bytes holds the codes i, i+32, i+64
// and i+96 of that half of 128, lowest bits first.
func packTwo(p []byte, l *[256]uint8) {
	for h := range 2 {
		q, c := p[32*h:][:32], l[128*h:][:128]
		for i := range q {
			q[i] = c[i] | c[i+32]<<2 | c[i+64]<<4 | c[i+96]<<6
		}
	}
}

func decodeQ2K(dst []float32, src []byte) {
	for ; len(src) >= 84; src, dst = src[84:], dst[256:] {
		b, x := src[:84], dst[:256]
		d, dmin := getF16(b[80:]), getF16(b[82:])
		for g := range 16 {
			scale, offset := float32(d*float32(b[g]&15)), float32(dmin*float32(b[g]>>4))
			q := b[16+32*(g/8)+16*(g%2):][:16]
			shift := g % 8 / 2 * 2
			xg := x[16*g:][:16]
			for j, c := range q {
				xg[j] = float32(scale*float32(c>>shift&3)) - offset
			}
		}
	}
}

func checkQ2K(row []byte) error { return checkScales(row, 84, 256, 80, 82) }
