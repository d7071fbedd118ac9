package matrix

import (
	mathbits "math/bits"
	"sync"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize"
)

// The IQ types whose blocks store numbers of points. A point is a uint64 of eight codes, or a uint32 of four.

var (
	pointsIQ1    = points(gguf.TypeIQ1_S, 2, 120, 128, 136) // eight times the levels, so that an eighth can be added
	pointsIQ2XXS = points(gguf.TypeIQ2_XXS, 2, 136, 153, 171)
	pointsIQ2XS  = points(gguf.TypeIQ2_XS, 2, 136, 153, 171)
	pointsIQ2S   = points(gguf.TypeIQ2_S, 2, 136, 153, 171)
	pointsIQ3XXS = points(gguf.TypeIQ3_XXS, 3, 132, 140, 148, 156, 164, 172, 180, 190)
	pointsIQ3S   = points(gguf.TypeIQ3_S, 3, 129, 131, 133, 135, 137, 139, 141, 143)
)

// points makes the table of a type when it is first asked for, from the codes of its levels of some bits.
func points(t gguf.Type, width uint, levels ...uint8) func() []uint64 {
	return sync.OnceValue(func() []uint64 {
		packed := quantize.Points(t)
		table := make([]uint64, len(packed))
		for i, p := range packed {
			for j := range 8 / (width - 1) {
				table[i] |= uint64(levels[p>>(width*j)&(1<<width-1)]) << (8 * j)
			}
		}
		return table
	})
}

// negative has the bytes of eight signs, all ones where the bit is set.
var negative = sync.OnceValue(func() *[256]uint64 {
	var t [256]uint64
	for s := range t {
		t[s] = bits(uint8(s)) * 0xff
	}
	return &t
})

// seven adds the eighth sign, which makes their number even.
func seven(s uint32) uint8 {
	s &= 127
	return uint8(s | uint32(mathbits.OnesCount32(s))<<7)
}

// signed turns the codes 128+v of a point into 128-v where the mask says. No byte borrows: v is below 64.
func signed(point, mask uint64) uint64 { return point - (point-zero)<<1&mask }

func unpackIQ2_XXS(codes []uint8, scales, _ []float32, b []byte) {
	table, neg := pointsIQ2XXS(), negative()
	for ; len(b) > 0; codes, scales, b = codes[256:], scales[8:], b[66:] {
		d := getHalf(b)
		for g := range scales[:8] {
			q := b[2+8*g:][:8]
			s := get32(q[4:])
			scales[g] = d * (0.5 + float32(s>>28)) * 0.25
			for k, p := range q[:4] {
				put8(codes[32*g+8*k:], signed(table[p], neg[seven(s>>(7*k))]))
			}
		}
	}
}

// halfNibble gives (s+½)/4 of nibble i, the lower of a byte first.
func halfNibble(p []byte, i int) float32 { return (0.5 + float32(p[i/2]>>(i%2*4)&15)) * 0.25 }

func unpackIQ2_XS(codes []uint8, scales, _ []float32, b []byte) {
	table, neg := pointsIQ2XS(), negative()
	for ; len(b) > 0; codes, scales, b = codes[256:], scales[16:], b[74:] {
		d := getHalf(b)
		for g := range scales[:16] {
			scales[g] = d * halfNibble(b[66:], g)
		}
		for k := range 32 {
			p := uint32(get16(b[2+2*k:]))
			put8(codes[8*k:], signed(table[p&511], neg[seven(p>>9)]))
		}
	}
}

func unpackIQ2_S(codes []uint8, scales, _ []float32, b []byte) {
	table, neg := pointsIQ2S(), negative()
	for ; len(b) > 0; codes, scales, b = codes[256:], scales[16:], b[82:] {
		d := getHalf(b)
		for g := range scales[:16] {
			scales[g] = d * halfNibble(b[74:], g)
		}
		for k := range 32 {
			p := uint(b[2+k]) | uint(b[66+k/4]>>(k%4*2)&3)<<8
			put8(codes[8*k:], signed(table[p], neg[b[34+k]]))
		}
	}
}

func unpackIQ3_XXS(codes []uint8, scales, _ []float32, b []byte) {
	table, neg := pointsIQ3XXS(), negative()
	for ; len(b) > 0; codes, scales, b = codes[256:], scales[8:], b[98:] {
		d := getHalf(b)
		for g := range scales[:8] {
			p, s := b[2+8*g:][:8], get32(b[66+4*g:])
			scales[g] = d * (0.5 + float32(s>>28)) * 0.5
			for k := range 4 {
				put8(codes[32*g+8*k:], signed(table[p[2*k]]|table[p[2*k+1]]<<32, neg[seven(s>>(7*k))]))
			}
		}
	}
}

func unpackIQ3_S(codes []uint8, scales, _ []float32, b []byte) {
	table, neg := pointsIQ3S(), negative()
	for ; len(b) > 0; codes, scales, b = codes[256:], scales[8:], b[110:] {
		d := getHalf(b)
		for g := range scales[:8] {
			scales[g] = d * float32(1+2*(b[106+g/2]>>(g%2*4)&15))
			high := uint(b[66+g])
			for k := range 4 {
				p, next := uint(b[2+8*g+2*k])|high<<8&256, uint(b[3+8*g+2*k])|high<<7&256
				high >>= 2
				put8(codes[32*g+8*k:], signed(table[p]|table[next]<<32, neg[b[74+4*g+k]]))
			}
		}
	}
}

// shifted moves eight levels of IQ1 by an eighth: up, or down if the lowest bit of s is set.
func shifted(point uint64, s uint16) uint64 { return point + ones - uint64(s&1)*2*ones }

func unpackIQ1_S(codes []uint8, scales, _ []float32, b []byte) {
	table := pointsIQ1()
	for ; len(b) > 0; codes, scales, b = codes[256:], scales[8:], b[50:] {
		d := getHalf(b)
		for g := range scales[:8] {
			h := get16(b[34+2*g:])
			scales[g] = d * float32(h>>12&7<<1+1) * 0.125
			for k := range 4 {
				p := uint16(b[2+4*g+k]) | h>>(3*k)&7<<8
				put8(codes[32*g+8*k:], shifted(table[p], h>>15))
			}
		}
	}
}

func unpackIQ1_M(codes []uint8, scales, _ []float32, b []byte) {
	table := pointsIQ1()
	for ; len(b) > 0; codes, scales, b = codes[256:], scales[16:], b[56:] {
		d := half(get16(b[48:])>>12 | get16(b[50:])>>12<<4 | get16(b[52:])>>12<<8 | get16(b[54:])>>12<<12)
		for g := range scales[:16] {
			scales[g] = d * float32(get16(b[48+g/4*2:])>>(g%4*3)&7<<1+1) * 0.125
			h := uint16(b[32+g])
			for k := range 2 {
				p := uint16(b[2*g+k]) | h>>(4*k)&7<<8
				put8(codes[16*g+8*k:], shifted(table[p], h>>(4*k+3)))
			}
		}
	}
}
