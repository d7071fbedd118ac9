package quantize

import (
	"math"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/internal/kernel"
)

// IQ3_S: 256 values in 110 bytes, as 8 sub-blocks of 32.
//
//	0     2               66                   74              106                   110
//	| d   | p[0] … p[63]  | high bits of p,    | signs         | scales, two a byte  |
//	| f16 | low bytes     | eight a byte       | eight a byte  | even sub-blocks low |
//
// value j of point k = ±(d·(2·scale[k/8]+1))·(2l+1), l is level j of the point of codesIQ3S. Every code is legal: nine
// bits number 512 points.
//
// The reference has a defect: after a sub-block of zeros it stores the low bytes and signs of all later ones of the
// super-block one place too early, but their high bits and scales where they belong.
var iq3S = Codec{
	Type: gguf.TypeIQ3_S, Check: checkIQ3S, encode: encodeIQ3SAsReference, decode: decodeIQ3S, decodeFast: decodeIQ3SFast,
	Correct: &iq3SCorrect, Damages: damagesIQ3S,
}

var iq3SCorrect = Codec{Type: gguf.TypeIQ3_S, Check: checkIQ3S, encode: encodeIQ3SCorrectly, decode: decodeIQ3S, decodeFast: decodeIQ3SFast}

// damagesIQ3S tells whether a sub-block of zeros comes before another one in a super-block.
func damagesIQ3S(src []float32) bool {
	for ; len(src) >= 256; src = src[256:] {
		zero := false
		for i := 0; i < 256; i += 32 {
			if kernel.Peak(src[i:][:32]) == 0 {
				zero = true
			} else if zero {
				return true
			}
		}
	}
	return false
}

var searchIQ3S = gridSearch{
	grid: gridIQ3S, zero: math.SmallestNonzeroFloat32,
	sweep: kernel.GridSweep{Step: 0.2, Last: 9, Refit: kernel.RefitOnce},
}

func encodeIQ3SAsReference(dst []byte, src, weight []float32) { encodeIQ3S(dst, src, weight, false) }
func encodeIQ3SCorrectly(dst []byte, src, weight []float32)   { encodeIQ3S(dst, src, weight, true) }

func encodeIQ3S(dst []byte, src, weight []float32, correct bool) {
	g := gridIQ3S()
	var s subBlock
	var w [32]float32
	for ; len(src) >= 256; src, dst = src[256:], dst[110:] {
		x, b := src[:256], dst[:110]
		clear(b)
		var scales [8]float32
		sigma2 := 2 * kernel.SumSquares(x) / 256
		place := 0
		for i := range scales {
			xi := x[32*i:][:32]
			if weight == nil {
				kernel.Squares(w[:], xi)
			} else {
				kernel.WeighImportance(w[:], xi, weight[32*i:], sigma2)
			}
			if correct {
				place = i
			}
			if !searchIQ3S.find(&s, xi, w[:]) {
				continue
			}
			scales[i] = s.scale
			for k := range 8 {
				p := g.Map[s.codes[k]]
				b[2+8*place+k] = uint8(p)
				b[66+i] |= uint8(p>>8) << k
			}
			copy(b[74+4*place:], s.signs[:])
			place++
		}
		if weight != nil {
			weight = weight[256:]
		}
		top := largest(scales[:])
		if top == 0 {
			continue // points and signs stay, under a scale of zero
		}
		d := top / 31
		putF16(b, d*1.033)
		putScales(b[106:], scales[:], d)
	}
}

func decodeIQ3S(dst []float32, src []byte) {
	for ; len(src) >= 110; src, dst = src[110:], dst[256:] {
		b, x := src[:110], dst[:256]
		d := getF16(b)
		for i := range 8 {
			xi, p, signs := x[32*i:][:32], b[2+8*i:][:8], b[74+4*i:][:4]
			scale := d * float32(1+2*(b[106+i/2]>>(i%2*4)&15))
			var v [8]uint32
			for l := range v {
				v[l] = math.Float32bits(scale * float32(2*l+1))
			}
			for k := range 8 {
				n := uint(p[k]) | uint(b[66+i]>>k&1)<<8
				putFour(xi[4*k:], codesIQ3S[n], signs[k/2]>>(k%2*4), &v)
			}
		}
	}
}

func checkIQ3S(row []byte) error { return checkScales(row, 110, 256, 0) }
