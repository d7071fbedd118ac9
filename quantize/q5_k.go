package quantize

import (
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/internal/kernel"
)

// Q5_K: 256 values in 176 bytes, as 8 groups of 32.
//
//	0     2      4                16                      48                          176
//	| d   | dmin | scales, minima | high bits             | q[0]|q[32]<<4 …           |
//	| f16 | f16  | see packScales | bit g of byte j:      | 32 bytes a pair of groups |
//	|     |      |                | code j of group g >>4 |                           |
//
// value j of group g = (d·scale[g])·q[j] - dmin·minimum[g]
var q5K = Codec{Type: gguf.TypeQ5_K, Check: checkQ5K, encode: encodeQ5K, decode: decodeQ5K, encodeFast: encodeQ5KFast, decodeFast: kernel.DecodeQ5_K}

var sweepQ5K = kernel.Sweep{First: -0.5, Step: 0.1, Last: 15}

func encodeQ5K(dst []byte, src, weight []float32) {
	var l [256]uint8
	for ; len(src) >= 256; src, dst = src[256:], dst[176:] {
		x, b := src[:256], dst[:176]
		encodeGroups(b, &l, x, weight, 31, &sweepQ5K)
		if weight != nil {
			weight = weight[256:]
		}
		high := b[16:48]
		for j := range high {
			var h uint8
			for g := range 8 {
				h |= l[32*g+j] >> 4 << g
			}
			high[j] = h
		}
		packNibbles(b[48:176], &l)
	}
}

func encodeQ5KFast(dst []byte, src, weight []float32) bool {
	return tiled(dst, src, weight, 256, 176, func(t *kernel.Tile, weighted bool) {
		tileGroups(t, weighted, 31, &sweepQ5K)
		const group = 32 * kernel.Lanes
		kernel.PackBits(t.Block[16*kernel.Lanes:][:group], t.Codes[:], group, 4)
		packNibbleRows(t, 48)
	})
}

func decodeQ5K(dst []float32, src []byte) {
	for ; len(src) >= 176; src, dst = src[176:], dst[256:] {
		b, x := src[:176], dst[:256]
		d, dmin := getF16(b), getF16(b[2:])
		high := b[16:48]
		for g := range 8 {
			scale, minimum := scaleAt(b[4:16], g)
			scale, minimum = float32(d*scale), float32(dmin*minimum)
			q, xg := b[48+32*(g/2):][:32], x[32*g:][:32]
			shift := g % 2 * 4
			for j, c := range q {
				xg[j] = float32(scale*float32(c>>shift&15|high[j]>>g&1<<4)) - minimum
			}
		}
	}
}

func checkQ5K(row []byte) error { return checkScales(row, 176, 256, 0, 2) }
