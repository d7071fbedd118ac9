package quantize

import (
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/internal/kernel"
)

// IQ4_XS: 256 values in 136 bytes, as 8 groups of 32.
//
//	0     2            4             8                       136
//	| d   | high pairs | low nibbles | q[0]|q[16]<<4 …       |
//	| f16 | u16        | of s[0…7]   | 16 bytes a group      |
//
// value j of group g = d·(s[g]-32)·level[q[j]], with the levels kernel.Levels4. The high two bits of s[g] are
// bits 2g and 2g+1 of the u16, its low four are nibble g, lower nibble first.
var iq4XS = Codec{Type: gguf.TypeIQ4_XS, Check: checkIQ4XS, encode: encodeIQ4XS, decode: decodeIQ4XS, encodeFast: encodeIQ4XSFast, decodeFast: kernel.DecodeIQ4_XS}

func encodeIQ4XS(dst []byte, src, weight []float32) {
	var w [32]float32
	var scales [8]float32
	for ; len(src) >= 256; src, dst = src[256:], dst[136:] {
		x, b := src[:256], dst[:136]
		var sigma2 float32
		if weight != nil {
			sigma2 = kernel.SumSquares(x) * (2.0 / 256)
		}
		for g := range 8 {
			xg := x[32*g:][:32]
			if weight == nil {
				kernel.Squares(w[:], xg)
			} else {
				kernel.WeighImportance(w[:], xg, weight[32*g:], sigma2)
			}
			scales[g] = kernel.SearchLevels4(xg, w[:])
		}
		if weight != nil {
			weight = weight[256:]
		}
		putScalesIQ4XS(b[:8], &scales)
		for g, inv := range scales {
			packLevels(b[8+16*g:], x[32*g:], inv)
		}
	}
}

// putScalesIQ4XS stores d and the scales of the groups in their few bits. It turns the scales into the inverses of what
// these stand for: under d as it was found, not as it is stored.
func putScalesIQ4XS(b []byte, scales *[8]float32) {
	d := -kernel.Peak(scales[:]) / 32
	putF16(b, d)
	inv := inverse(d)
	clear(b[4:8])
	var high uint16
	for g, v := range scales {
		s := kernel.Clamp(kernel.Nearest(inv*v), -32, 31)
		scales[g] = inverse(d * float32(s))
		c := uint8(s + 32)
		b[4+g/2] |= c & 15 << (g % 2 * 4)
		high |= uint16(c>>4) << (2 * g)
	}
	put16(b[2:], high)
}

func encodeIQ4XSFast(dst []byte, src, weight []float32) bool {
	return tiled(dst, src, weight, 256, 136, tileIQ4XS)
}

func tileIQ4XS(t *kernel.Tile, weighted bool) {
	const n = 32 * kernel.Lanes
	if weighted {
		sigma2Rows(t, 256)
	}
	t.Levels.Init()
	for g := range 8 {
		searchLevels(t, g, weighted)
		*kernel.RowAt(t.Scales[:], g) = t.Levels.Scale
	}
	for l := range kernel.Lanes {
		var scales [8]float32
		var b [8]byte
		kernel.Gather(scales[:], t.Scales[:], l, 8)
		putScalesIQ4XS(b[:], &scales)
		kernel.Scatter(t.Block[:], b[:], l)
		for g, inv := range scales {
			t.Scales[kernel.Lanes*g+l] = inv
		}
	}
	for g := range 8 {
		kernel.LevelRows(t.Codes[n*g:][:n], t.X[n*g:][:n], kernel.RowAt(t.Scales[:], g))
		kernel.PackNibbles(t.Block[kernel.Lanes*(8+16*g):][:n/2], t.Codes[n*g:], t.Codes[n*g+n/2:])
	}
}

func decodeIQ4XS(dst []float32, src []byte) {
	for ; len(src) >= 136; src, dst = src[136:], dst[256:] {
		b, x := src[:136], dst[:256]
		d, high := getF16(b), get16(b[2:])
		for g := range 8 {
			s := b[4+g/2]>>(g%2*4)&15 | byte(high>>(2*g)&3)<<4
			unpackLevels(x[32*g:], b[8+16*g:], d*float32(int32(s)-32))
		}
	}
}

// All codes are legal.
func checkIQ4XS(row []byte) error { return checkScales(row, 136, 256, 0) }
