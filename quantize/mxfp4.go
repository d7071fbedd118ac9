package quantize

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/internal/kernel"
)

// MXFP4: 32 values in 17 bytes.
//
//	0      1                       17
//	| e    | q[0]|q[16]<<4 …       |
//	| E8M0 | byte j: q[j], q[j+16] |
//
// value j = level[q[j]]·2^(e-128), with kernel.LevelsFP4, which are doubled. Weights are ignored.
//
// The reference's exponent is a byte that wraps below 0: when the largest magnitude of a block is less than 2^-125
// but not zero. Such a block decodes to zeros, or, from 2^-126 on, has the exponent 255, which Check refuses.
var mxfp4 = Codec{
	Type: gguf.TypeMXFP4, Check: checkMXFP4, Correct: &mxfp4Correct, Damages: damagesMXFP4,
	encode: func(dst []byte, src, _ []float32) { encodeMXFP4(dst, src, math.MinInt) }, decode: decodeMXFP4,
	encodeFast: func(dst []byte, src, _ []float32) bool { return encodeMXFP4Fast(dst, src, math.MinInt) },
	decodeFast: decodeMXFP4Fast,
}

// mxfp4Correct has exponent 0 in the blocks where the reference's wraps: the smallest scale is the nearest to the
// one they need.
var mxfp4Correct = Codec{
	Type: gguf.TypeMXFP4, Check: checkMXFP4,
	encode: func(dst []byte, src, _ []float32) { encodeMXFP4(dst, src, 0) }, decode: decodeMXFP4,
	encodeFast: func(dst []byte, src, _ []float32) bool { return encodeMXFP4Fast(dst, src, 0) },
	decodeFast: decodeMXFP4Fast,
}

func encodeMXFP4(dst []byte, src []float32, least int) {
	for ; len(src) >= 32; src, dst = src[32:], dst[17:] {
		x := src[:32]
		top := kernel.Largest(x)
		dst[0] = byteMXFP4(top, least)
		kernel.PackFP4(dst[1:17], x, scaleMXFP4(dst[0]), top)
	}
}

func encodeMXFP4Fast(dst []byte, src []float32, least int) bool {
	blocks := len(src) / 32
	if !kernel.Chunked(blocks) {
		return false
	}
	var top, inv [kernel.Chunk]float32
	for at, n := range kernel.Chunks(blocks, 1) {
		x, out := src[32*at:][:32*n], dst[17*at:][:17*n]
		kernel.LargestEach(top[:n], x, 32)
		var odd []int
		for i, t := range top[:n] {
			e := byteMXFP4(t, least)
			out[17*i] = e
			var ok bool
			if inv[i], ok = kernel.InverseFP4(scaleMXFP4(e), t); !ok {
				odd = append(odd, i)
			}
		}
		kernel.CodesMXFP4(out, x, inv[:n])
		for _, i := range odd {
			kernel.PackFP4(out[17*i+1:][:16], x[32*i:][:32], scaleMXFP4(out[17*i]), top[i])
		}
	}
	return true
}

// byteMXFP4 gives the byte of scale, at least least, for a largest magnitude.
func byteMXFP4(top float32, least int) byte {
	if top > 0 {
		return byte(max(least, exponentMXFP4(top)))
	}
	return 0
}

// exponentMXFP4 gives the exponent for a largest magnitude, before it is cut to a byte: the largest level, 6
// before it is doubled, has the exponent 2.
func exponentMXFP4(top float32) int { return floorLog2(top) - 2 + 127 }

// floorLog2 is floor(log2(x)) with the logarithm rounded to float32, as the reference's is: for x positive and
// finite. Slightly below 2^k the logarithm rounds to k. Between k-1 and k float32 are 2^(b-23) apart, where b is the
// exponent of the numbers there, and with each step of x below 2^k the logarithm falls by 2^-24/ln 2: it rounds to
// k for the first 2^b·ln 2 steps.
func floorLog2(x float32) int {
	u, subnormal := math.Float32bits(x), 0
	if u < 1<<23 {
		u, subnormal = math.Float32bits(x*(1<<24)), 24
	}
	k := int(u>>23) - 127 - subnormal + 1
	b := bits.Len(uint(max(k-1, -k))) - 1
	if below := 1<<23 - int(u&(1<<23-1)); b >= 0 && below <= stepsLog2[b] {
		return k
	}
	return k - 1
}

// stepsLog2 has floor(2^b·ln 2).
var stepsLog2 = [8]int{0, 1, 2, 5, 11, 22, 44, 88}

// scaleMXFP4 gives 2^(e-128).
func scaleMXFP4(e byte) float32 {
	if e < 2 {
		return math.Float32frombits(0x200000 << e)
	}
	return math.Float32frombits(uint32(e-1) << 23)
}

func damagesMXFP4(src []float32) bool {
	for ; len(src) >= 32; src = src[32:] {
		if top := kernel.Largest(src[:32]); top > 0 && exponentMXFP4(top) < 0 {
			return true
		}
	}
	return false
}

func decodeMXFP4(dst []float32, src []byte) {
	for ; len(src) >= 17; src, dst = src[17:], dst[32:] {
		kernel.UnpackFP4(dst[:32], src[1:17], scaleMXFP4(src[0]))
	}
}

// scalesMXFP4 and scalesNVFP4 have what every byte stands for.
var (
	scalesMXFP4 = everyByte(scaleMXFP4)
	scalesNVFP4 = everyByte(halfUE4M3)
)

func everyByte(scale func(byte) float32) (values [256]float32) {
	for i := range values {
		values[i] = scale(byte(i))
	}
	return values
}

func decodeMXFP4Fast(dst []float32, src []byte) bool {
	return kernel.DecodeMXFP4(dst, src, &scalesMXFP4)
}

// checkMXFP4 refuses the exponent 255, which stands for NaN, and blocks with a value beyond float32, which only
// exponents from 253 on can have.
func checkMXFP4(row []byte) error {
	if len(row)%17 != 0 {
		return fmt.Errorf("%d bytes are no whole blocks of 17", len(row))
	}
	var x [32]float32
	for b := 0; b < len(row); b += 17 {
		e, col := row[b], b/17*32
		if e < 253 {
			continue
		}
		if e == 255 {
			return fmt.Errorf("the exponent of columns %d to %d is 255", col, col+31)
		}
		decodeMXFP4(x[:], row[b:b+17])
		if i := FirstNonFinite(x[:]); i >= 0 {
			return fmt.Errorf("column %d is %v", col+i, x[i])
		}
	}
	return nil
}
