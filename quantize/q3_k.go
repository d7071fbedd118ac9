package quantize

import (
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/internal/kernel"
)

// Q3_K: 256 values in 110 bytes, as 16 groups of 16.
//
//	0             32                      96              108   110
//	| high bits   | low bits, four a byte | scales, packed | d   |
//	| see packTop | see packTwo           | see packSix    | f16 |
//
// value j of group g = (d·(scale[g]-32))·(q[j]-4), q[j] = low + 4·high
var q3K = Codec{Type: gguf.TypeQ3_K, Check: checkQ3K, encode: encodeQ3K, decode: decodeQ3K, encodeFast: encodeQ3KFast, decodeFast: kernel.DecodeQ3_K}

func encodeQ3K(dst []byte, src, weight []float32) {
	var l [256]int8
	var w, scales, sums [16]float32
	var ls [16]int8
	for ; len(src) >= 256; src, dst = src[256:], dst[110:] {
		x, b := src[:256], dst[:110]
		if weight == nil {
			for g := range 16 {
				scales[g] = kernel.RefineSigned(l[16*g:][:16], x[16*g:][:16], 4)
			}
			putF16(b[108:], signedSix(&ls, &scales))
		} else {
			sigma2 := 2 * kernel.SumSquares(x) / 256
			for g := range 16 {
				xg := x[16*g:][:16]
				kernel.WeighImportance(w[:], xg, weight[16*g:], sigma2)
				sums[g] = kernel.Sum(w[:])
				scales[g] = kernel.SearchSigned(l[16*g:], xg, w[:], 4)
			}
			weight = weight[256:]
			putF16(b[108:], kernel.SearchSigned(ls[:], scales[:], sums[:], 32))
		}
		packSix(b[96:108], &ls)
		d := getF16(b[108:])
		for g := range 16 {
			requantizeSigned(l[16*g:][:16], x[16*g:], float32(d*float32(ls[g]-32)), 4)
		}
		packTop(b[:32], &l)
		var low [256]uint8
		for j, c := range l {
			low[j] = uint8(c) & 3
		}
		packTwo(b[32:96], &low)
	}
}

func encodeQ3KFast(dst []byte, src, weight []float32) bool {
	return tiled(dst, src, weight, 256, 110, tileQ3K)
}

func tileQ3K(t *kernel.Tile, weighted bool) {
	const group = 16 * kernel.Lanes
	w := t.W[:group]
	weigh := func(g int) {
		kernel.WeighImportanceRows(w, t.X[group*g:][:group], t.Importance[group*g:], &t.Sigma2, kernel.RowAt(t.Sums[:], g))
	}
	s := &t.Signed
	s.Init(4)
	if weighted {
		twiceMeanSquare(t)
	}
	for g := range 16 {
		if weighted {
			weigh(g)
			s.Search(t.X[group*g:], w, 16)
		} else {
			s.Refine(t.X[group*g:], 16)
		}
		*kernel.RowAt(t.Scales[:], g) = s.Scale
	}
	var ls [16 * kernel.Lanes]uint8
	var unit kernel.Row
	if weighted {
		s.Init(32)
		s.Search(t.Scales[:], t.Sums[:], 16)
		s.Codes(ls[:], t.Scales[:], t.Sums[:], 16)
		unit = s.Scale
	} else {
		signedSixRows(&ls, &unit, t.Scales[:])
	}
	packed := t.Block[kernel.Lanes*96:]
	kernel.PackNibbles(packed[:8*kernel.Lanes], ls[:], ls[8*kernel.Lanes:])
	kernel.PackPairs(packed[8*kernel.Lanes:][:4*kernel.Lanes], ls[:], ls[4*kernel.Lanes:], ls[8*kernel.Lanes:], ls[12*kernel.Lanes:], 4)
	unit = putF16Rows(t, 108, &unit)
	for g := range 16 {
		scale, c := kernel.RowAt(t.Scales[:], g), (*[kernel.Lanes]uint8)(ls[kernel.Lanes*g:])
		for l, d := range unit {
			scale[l] = d * float32(int32(c[l])-32)
		}
	}
	for g := range 16 {
		scale := kernel.RowAt(t.Scales[:], g)
		if anyZero(scale) {
			if weighted {
				weigh(g)
			}
			recode(t, g, 16, scale, w, func(codes []uint8, x, w []float32) {
				var c [16]int8
				if weighted {
					kernel.SearchSigned(c[:], x, w, 4)
				} else {
					kernel.RefineSigned(c[:], x, 4)
				}
				for i, v := range c {
					codes[i] = uint8(v)
				}
			})
		}
		kernel.RequantizeRows(t.Codes[group*g:][:group], t.X[group*g:][:group], scale, &kernel.Row{}, -4, 3, 4)
	}
	kernel.PackBits(t.Block[:2*group], t.Codes[:], 2*group, 2)
	packTwoRows(t, 32)
}

// signedSixRows is signedSix for the lanes of a tile.
func signedSixRows(codes *[16 * kernel.Lanes]uint8, unit *kernel.Row, scales []float32) {
	var top, inv kernel.Row
	kernel.PeakRows(&top, scales)
	odd := false
	for l, v := range top {
		if v != 0 {
			inv[l] = -32 / v
			unit[l] = 1 / inv[l]
			odd = odd || isInf(inv[l]) || inv[l] == 0
		}
	}
	kernel.CodeRows(codes[:], scales, &inv, &kernel.Row{}, -32, 31, 32)
	for l := range inv {
		if odd && (isInf(inv[l]) || inv[l] == 0 && top[l] != 0) { // codes overflow and wrap
			var c [16]int8
			var s [16]float32
			kernel.Gather(s[:], scales, l, 16)
			unit[l] = signedSix(&c, &s)
			for g, v := range c {
				codes[kernel.Lanes*g+l] = uint8(v)
			}
		}
	}
}

// signedSix rounds scales to multiples -32 … 31 of the returned unit, stored as 0 … 63. Without a scale
// all are stored as 0.
func signedSix(codes *[16]int8, scales *[16]float32) (unit float32) {
	top := kernel.Peak(scales[:])
	if top == 0 {
		clear(codes[:])
		return 0
	}
	inv := -32 / top
	for i, v := range scales {
		codes[i] = int8(kernel.Clamp(int32(int8(kernel.Nearest(inv*v))), -32, 31)) + 32
	}
	return 1 / inv
}

// requantizeSigned is requantize for codes 0 … 2·nmax-1 that stand for -nmax … nmax-1.
func requantizeSigned(codes []int8, x []float32, scale float32, nmax int32) {
	if scale == 0 {
		return
	}
	x = x[:len(codes)]
	for j, v := range x {
		codes[j] = int8(kernel.Clamp(kernel.Nearest(v/scale), -nmax, nmax-1) + nmax)
	}
}

// packSix stores 16 codes of six bits: low nibbles of the first and last eight in bytes 0 … 7, then the
// high pairs of codes j, j+4, j+8 and j+12 in byte 8+j.
func packSix(p []byte, codes *[16]int8) {
	p = p[:12]
	clear(p)
	for j, c := range codes {
		p[j%8] |= uint8(c) & 15 << (j / 8 * 4)
		p[8+j%4] |= uint8(c) >> 4 << (j / 4 * 2)
	}
}

// sixAt gives code j that packSix stored.
func sixAt(p []byte, j int) int32 {
	return int32(p[j%8]>>(j/8*4)&15 | p[8+j%4]>>(j/4*2)&3<<4)
}

// packTop stores bit 2 of 256 codes: bit j/32 of byte j%32 belongs to code j.
func packTop(p []byte, l *[256]int8) {
	p = p[:32]
	clear(p)
	for j, c := range l {
		p[j%32] |= uint8(c) >> 2 & 1 << (j / 32)
	}
}

func decodeQ3K(dst []float32, src []byte) {
	for ; len(src) >= 110; src, dst = src[110:], dst[256:] {
		b, x := src[:110], dst[:256]
		d := getF16(b[108:])
		for g := range 16 {
			scale := float32(d * float32(sixAt(b[96:108], g)-32))
			at := 16 * (g % 2)
			top, low := b[at:][:16], b[32+32*(g/8)+at:][:16]
			shift := g % 8 / 2 * 2
			xg := x[16*g:][:16]
			for j := range xg {
				q := int32(low[j]>>shift&3) + int32(top[j]>>(g/2)&1)*4 - 4
				xg[j] = scale * float32(q)
			}
		}
	}
}

func checkQ3K(row []byte) error { return checkScales(row, 110, 256, 108) }
