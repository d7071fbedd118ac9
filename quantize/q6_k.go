package quantize

import (
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/internal/kernel"
)

// Q6_K: 256 values in 210 bytes, as 16 groups of 16.
//
//	0              128             192             208   210
//	| low nibbles  | high pairs    | scale[0 … 15] | d   |
//	| see packFour | see packFour  | int8 each     | f16 |
//
// value j of group g = d·scale[g]·(q[j]-32)
var q6K = Codec{Type: gguf.TypeQ6_K, Check: checkQ6K, encode: encodeQ6K, decode: decodeQ6K, encodeFast: encodeQ6KFast, decodeFast: kernel.DecodeQ6_K}

func encodeQ6K(dst []byte, src, weight []float32) {
	var l [256]int8
	var w, scales [16]float32
	for ; len(src) >= 256; src, dst = src[256:], dst[210:] {
		x, b := src[:256], dst[:210]
		for g := range 16 {
			xg := x[16*g:][:16]
			wg := w[:]
			if weight != nil {
				wg = weight[16*g:][:16]
			} else {
				kernel.Squares(wg, xg)
			}
			scales[g] = kernel.SearchSigned(l[16*g:], xg, wg, 32)
		}
		if weight != nil {
			weight = weight[256:]
		}
		top := kernel.Peak(scales[:])
		if abs32(top) < kernel.Tiny {
			clear(b)
			continue
		}
		inv := -128 / top
		putF16(b[208:], 1/inv)
		d := getF16(b[208:])
		for g, s := range scales {
			c := int8(min(127, kernel.Nearest(inv*s)))
			b[192+g] = byte(c)
			requantizeSigned(l[16*g:][:16], x[16*g:], float32(d*float32(c)), 32)
		}
		packFour(b[:192], &l)
	}
}

func encodeQ6KFast(dst []byte, src, weight []float32) bool {
	return tiled(dst, src, weight, 256, 210, tileQ6K)
}

func tileQ6K(t *kernel.Tile, weighted bool) {
	const group = 16 * kernel.Lanes
	w := t.W[:group]
	weights := func(g int) []float32 {
		if weighted {
			return t.Importance[group*g:][:group]
		}
		kernel.SquareRows(w, t.X[group*g:][:group])
		return w
	}
	s := &t.Signed
	s.Init(32)
	for g := range 16 {
		s.Search(t.X[group*g:], weights(g), 16)
		*kernel.RowAt(t.Scales[:], g) = s.Scale
	}
	var zero [kernel.Lanes]bool // lanes whose block is all zeros
	for l := range kernel.Lanes {
		var scales [16]float32
		var p [18]byte
		kernel.Gather(scales[:], t.Scales[:], l, 16)
		top := kernel.Peak(scales[:])
		if zero[l] = abs32(top) < kernel.Tiny; !zero[l] {
			inv := -128 / top
			putF16(p[16:], 1/inv)
			d := getF16(p[16:])
			for g, s := range scales {
				c := int8(min(127, kernel.Nearest(inv*s)))
				p[g] = byte(c)
				t.Scales[kernel.Lanes*g+l] = d * float32(c)
			}
		}
		kernel.Scatter(t.Block[kernel.Lanes*192:], p[:], l)
	}
	for g := range 16 {
		scale := kernel.RowAt(t.Scales[:], g)
		if anyZero(scale) {
			recode(t, g, 16, scale, weights(g), func(codes []uint8, x, w []float32) {
				var c [16]int8
				kernel.SearchSigned(c[:], x, w, 32)
				for i, v := range c {
					codes[i] = uint8(v)
				}
			})
		}
		kernel.RequantizeRows(t.Codes[group*g:][:group], t.X[group*g:][:group], scale, &kernel.Row{}, -32, 31, 32)
	}
	const n = 32 * kernel.Lanes
	for h := range 2 {
		low, high, c := t.Block[2*n*h:], t.Block[4*n+n*h:], t.Codes[4*n*h:]
		kernel.PackNibbles(low[:2*n], c, c[2*n:])
		kernel.PackPairs(high[:n], c, c[n:], c[2*n:], c[3*n:], 4)
	}
	for l, z := range zero {
		if z {
			var none [210]byte
			kernel.Scatter(t.Block[:], none[:], l)
		}
	}
}

// packFour stores 256 codes of six bits. In each half of 128, nibble byte i holds codes i and i+64,
// nibble byte i+32 holds codes i+32 and i+96, and byte i of the high pairs all four of them.
func packFour(p []byte, l *[256]int8) {
	for h := range 2 {
		low, high, c := p[64*h:][:64], p[128+32*h:][:32], l[128*h:][:128]
		for i := range high {
			a, e, f, g := uint8(c[i]), uint8(c[i+32]), uint8(c[i+64]), uint8(c[i+96])
			low[i] = a&15 | f<<4
			low[i+32] = e&15 | g<<4
			high[i] = a>>4 | e>>4<<2 | f>>4<<4 | g>>4<<6
		}
	}
}

func decodeQ6K(dst []float32, src []byte) {
	for ; len(src) >= 210; src, dst = src[210:], dst[256:] {
		b, x := src[:210], dst[:256]
		d := getF16(b[208:])
		for g := range 16 {
			scale := d * float32(int8(b[192+g]))
			h, part, at := g/8, g%8/2, g%2*16
			low, high := b[64*h+32*(part%2)+at:][:16], b[128+32*h+at:][:16]
			nibble, pair := part/2*4, part*2
			xg := x[16*g:][:16]
			for j, c := range low {
				xg[j] = scale * float32(int32(c>>nibble&15|high[j]>>pair&3<<4)-32)
			}
		}
	}
}

func checkQ6K(row []byte) error { return checkScales(row, 210, 256, 208) }
