package quantize

import (
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/internal/kernel"
)

// Q4_K: 256 values in 144 bytes, as 8 groups of 32.
//
//	0     2      4                  16                           144
//	| d   | dmin | scales, minima   | q[0]|q[32]<<4 …            |
//	| f16 | f16  | see packScales   | 32 bytes a pair of groups  |
//
// value j of group g = (d·scale[g])·q[j] - dmin·minimum[g]
var q4K = Codec{Type: gguf.TypeQ4_K, Check: checkQ4K, encode: encodeQ4K, decode: decodeQ4K, encodeFast: encodeQ4KFast, decodeFast: kernel.DecodeQ4_K}

var sweepQ4K = kernel.Sweep{First: -1, Step: 0.1, Last: 20}

func encodeQ4K(dst []byte, src, weight []float32) {
	var l [256]uint8
	for ; len(src) >= 256; src, dst = src[256:], dst[144:] {
		x, b := src[:256], dst[:144]
		encodeGroups(b, &l, x, weight, 15, &sweepQ4K)
		if weight != nil {
			weight = weight[256:]
		}
		packNibbles(b[16:144], &l)
	}
}

// encodeGroups searches eight groups of 32, stores d, dmin, scales and minima in the first 16 bytes of a
// block and gives the codes 0 … nmax under them.
func encodeGroups(b []byte, l *[256]uint8, x, weight []float32, nmax int32, s *kernel.Sweep) {
	var w [32]float32
	var scales, offsets, sums [8]float32
	var ls, lm [8]uint8
	if weight == nil {
		for g := range 8 {
			xg := x[32*g:][:32]
			mean := sqrt32(kernel.SumSquares(xg) / 32)
			for j, v := range xg {
				w[j] = mean + abs32(v)
			}
			scales[g], offsets[g] = kernel.SearchOffset(l[32*g:], xg, w[:], nmax, s)
		}
		putF16(b, sixBits(&ls, &scales))
		putF16(b[2:], sixBits(&lm, &offsets))
	} else {
		sigma2 := 2 * kernel.SumSquares(x) / 256
		for g := range 8 {
			xg := x[32*g:][:32]
			kernel.WeighImportance(w[:], xg, weight[32*g:], sigma2)
			sums[g] = kernel.Sum(w[:])
			scales[g], offsets[g] = kernel.SearchOffset(l[32*g:], xg, w[:], nmax, &kernel.WeightedSweep)
		}
		putF16(b, kernel.SearchPositive(ls[:], scales[:], sums[:], 63))
		putF16(b[2:], kernel.SearchPositive(lm[:], offsets[:], sums[:], 63))
	}
	packScales(b[4:16], &ls, &lm)
	d, dmin := getF16(b), getF16(b[2:])
	for g := range 8 {
		scale, minimum := scaleAt(b[4:16], g)
		requantize(l[32*g:][:32], x[32*g:], float32(d*scale), float32(dmin*minimum), nmax)
	}
}

func encodeQ4KFast(dst []byte, src, weight []float32) bool {
	return tiled(dst, src, weight, 256, 144, func(t *kernel.Tile, weighted bool) {
		tileGroups(t, weighted, 15, &sweepQ4K)
		packNibbleRows(t, 16)
	})
}

// tileGroups is encodeGroups for the lanes of a tile.
func tileGroups(t *kernel.Tile, weighted bool, nmax int32, s *kernel.Sweep) {
	var mean kernel.Row
	if weighted {
		twiceMeanSquare(t)
	}
	weigh := func(w, x []float32) {
		kernel.SumSquaresRows(&mean, x)
		for l, v := range mean {
			mean[l] = sqrt32(v / 32)
		}
		kernel.WeighMagnitudeRows(w, x, &mean)
	}
	tileOffset(t, weighted, 32, nmax, s, weigh, func() {
		var d, dmin kernel.Row
		var ls, lm [8 * kernel.Lanes]uint8
		if weighted {
			t.Positive.Run(ls[:], &d, t.Scales[:], t.Sums[:], 8, 63)
			t.Positive.Run(lm[:], &dmin, t.Offsets[:], t.Sums[:], 8, 63)
		} else {
			for l := range kernel.Lanes {
				d[l] = sixBitsLane(&ls, t.Scales[:], l)
				dmin[l] = sixBitsLane(&lm, t.Offsets[:], l)
			}
		}
		d, dmin = putF16Rows(t, 0, &d), putF16Rows(t, 2, &dmin)
		for l := range kernel.Lanes {
			var scales, minima [8]uint8
			for g := range 8 {
				scales[g], minima[g] = ls[kernel.Lanes*g+l], lm[kernel.Lanes*g+l]
			}
			var p [12]byte
			packScales(p[:], &scales, &minima)
			kernel.Scatter(t.Block[kernel.Lanes*4:], p[:], l)
			for g := range 8 {
				scale, minimum := scaleAt(p[:], g) // a code above 63, which a search may give, spoils others
				at := kernel.Lanes*g + l
				t.Scales[at], t.Offsets[at] = d[l]*scale, dmin[l]*minimum
			}
		}
	})
}

// sixBitsLane is sixBits for one lane of rows.
func sixBitsLane(codes *[8 * kernel.Lanes]uint8, rows []float32, lane int) (unit float32) {
	var values [8]float32
	var c [8]uint8
	kernel.Gather(values[:], rows, lane, 8)
	unit = sixBits(&c, &values)
	kernel.Scatter(codes[:], c[:], lane)
	return unit
}

// packNibbleRows is packNibbles for the lanes of a tile; the first byte is row at of the blocks.
func packNibbleRows(t *kernel.Tile, at int) {
	const n = 32 * kernel.Lanes
	for h := range 4 {
		kernel.PackNibbles(t.Block[kernel.Lanes*at+n*h:][:n], t.Codes[2*n*h:][:n], t.Codes[2*n*h+n:][:n])
	}
}

// sixBits rounds values to multiples 0 … 63 of the returned unit. A negative value wraps and becomes 63.
func sixBits(codes *[8]uint8, values *[8]float32) (unit float32) {
	var top float32
	for _, v := range values {
		if v > top {
			top = v
		}
	}
	var inv float32
	if top > 0 {
		inv = 63 / top
	}
	for i, v := range values {
		codes[i] = min(63, uint8(kernel.Nearest(inv*v)))
	}
	return top / 63
}

// packScales stores eight scales and eight minima of six bits in twelve bytes: those of groups 0 … 3
// whole in bytes 0 … 3 and 4 … 7, those of groups 4 … 7 with their low nibbles in bytes 8 … 11 and
// their high pairs above the earlier ones.
func packScales(p []byte, scales, minima *[8]uint8) {
	p = p[:12]
	for g := range 4 {
		p[g] = scales[g] | scales[g+4]>>4<<6
		p[g+4] = minima[g] | minima[g+4]>>4<<6
		p[g+8] = scales[g+4]&15 | minima[g+4]&15<<4
	}
}

// scaleAt gives the scale and the minimum of group g that packScales stored.
func scaleAt(p []byte, g int) (scale, minimum float32) {
	p = p[:12]
	if g < 4 {
		return float32(p[g] & 63), float32(p[g+4] & 63)
	}
	return float32(p[g+4]&15 | p[g-4]>>6<<4), float32(p[g+4]>>4 | p[g]>>6<<4)
}

// packNibbles stores the low nibbles of 256 codes. Byte i of each 32 holds codes i and i+32 of its 64.
func packNibbles(p []byte, l *[256]uint8) {
	for h := range 4 {
		q, c := p[32*h:][:32], l[64*h:][:64]
		for i := range q {
			q[i] = c[i]&15 | c[i+32]<<4
		}
	}
}

func decodeQ4K(dst []float32, src []byte) {
	for ; len(src) >= 144; src, dst = src[144:], dst[256:] {
		b, x := src[:144], dst[:256]
		d, dmin := getF16(b), getF16(b[2:])
		for g := range 8 {
			scale, minimum := scaleAt(b[4:16], g)
			scale, minimum = float32(d*scale), float32(dmin*minimum)
			q, xg := b[16+32*(g/2):][:32], x[32*g:][:32]
			shift := g % 2 * 4
			for j, c := range q {
				xg[j] = float32(scale*float32(c>>shift&15)) - minimum
			}
		}
	}
}

func checkQ4K(row []byte) error { return checkScales(row, 144, 256, 0, 2) }
