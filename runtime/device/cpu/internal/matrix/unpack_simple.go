package matrix

import "math"

// The types with blocks of 32, 64 or 128 values. Package quantize draws the blocks.

// unpackNibbles gives 32 codes of 16 bytes, plus a constant: byte j holds code j and, above it, code j+16.
func unpackNibbles(codes []uint8, q []byte, add uint64) {
	codes, q = codes[:32], q[:16]
	low, high := get8(q), get8(q[8:])
	put8(codes, low&nibbles+add)
	put8(codes[8:], high&nibbles+add)
	put8(codes[16:], low>>4&nibbles+add)
	put8(codes[24:], high>>4&nibbles+add)
}

// addFifth adds 16 to the 32 codes whose bit is set.
func addFifth(codes []uint8, h []byte) {
	for i, b := range h[:4] {
		c := codes[8*i:]
		put8(c, get8(c)+bits(b)<<4)
	}
}

func unpackQ4_0(codes []uint8, scales, _ []float32, b []byte) {
	for i := range scales {
		scales[i] = getHalf(b[18*i:])
		unpackNibbles(codes[32*i:], b[18*i+2:], zero-8*ones)
	}
}

func unpackQ4_1(codes []uint8, scales, minima []float32, b []byte) {
	for i := range scales {
		scales[i], minima[i] = getHalf(b[20*i:]), -getHalf(b[20*i+2:])
		unpackNibbles(codes[32*i:], b[20*i+4:], 0)
	}
}

func unpackQ5_0(codes []uint8, scales, _ []float32, b []byte) {
	for i := range scales {
		scales[i] = getHalf(b[22*i:])
		unpackNibbles(codes[32*i:], b[22*i+6:], zero-16*ones)
		addFifth(codes[32*i:], b[22*i+2:])
	}
}

func unpackQ5_1(codes []uint8, scales, minima []float32, b []byte) {
	for i := range scales {
		scales[i], minima[i] = getHalf(b[24*i:]), -getHalf(b[24*i+2:])
		unpackNibbles(codes[32*i:], b[24*i+8:], 0)
		addFifth(codes[32*i:], b[24*i+4:])
	}
}

func unpackQ8_0(codes []uint8, scales, _ []float32, b []byte) {
	for i := range scales {
		scales[i] = getHalf(b[34*i:])
		for j := 0; j < 32; j += 8 {
			put8(codes[32*i+j:], get8(b[34*i+2+j:])^zero)
		}
	}
}

// levelsIQ4 and levelsFP4 are what codes of four bits stand for, plus 128. Those of the 4-bit float are doubled.
var (
	levelsIQ4 = [16]uint8{1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241}
	levelsFP4 = [16]uint8{128, 129, 130, 131, 132, 134, 136, 140, 128, 127, 126, 125, 124, 122, 120, 116}
)

// unpackLevels gives what the nibbles of q stand for, those in the low halves first.
func unpackLevels(codes []uint8, q []byte, levels *[16]uint8) {
	codes = codes[:2*len(q)]
	for j, c := range q {
		codes[j], codes[j+len(q)] = levels[c&15], levels[c>>4]
	}
}

func unpackIQ4_NL(codes []uint8, scales, _ []float32, b []byte) {
	for i := range scales {
		scales[i] = getHalf(b[18*i:])
		unpackLevels(codes[32*i:], b[18*i+2:][:16], &levelsIQ4)
	}
}

func unpackMXFP4(codes []uint8, scales, _ []float32, b []byte) {
	for i := range scales {
		scales[i] = powerMXFP4(b[17*i])
		unpackLevels(codes[32*i:], b[17*i+1:][:16], &levelsFP4)
	}
}

// powerMXFP4 gives 2^(e-128).
func powerMXFP4(e uint8) float32 {
	if e < 2 { // subnormal
		return math.Float32frombits(1 << (21 + e))
	}
	return math.Float32frombits(uint32(e-1) << 23)
}

func unpackNVFP4(codes []uint8, scales, _ []float32, b []byte) {
	for i := range scales {
		block := b[i/4*36:]
		scales[i] = halfUE4M3(block[i%4])
		unpackLevels(codes[16*i:], block[4+i%4*8:][:8], &levelsFP4)
	}
}

// halfUE4M3 gives half of a scale with four bits of exponent and three of mantissa. The reference reads the NaN 127 as 0
// and does not look at the highest bit.
func halfUE4M3(s uint8) float32 {
	e, m := int(s>>3&15), int(s&7)
	switch {
	case s == 0x7f:
		return 0
	case e == 0:
		return float32(m) * 0x1p-10
	}
	return math.Float32frombits(uint32(e+119)<<23 | uint32(m)<<20)
}

func unpackQ1_0(codes []uint8, scales, _ []float32, b []byte) {
	for i := 0; i < len(scales); i, b = i+4, b[18:] {
		fill(scales[i:][:4], getHalf(b))
		for j, q := range b[2:18] {
			put8(codes[32*i+8*j:], zero-ones+bits(q)<<1)
		}
	}
}

func unpackQ2_0(codes []uint8, scales, _ []float32, b []byte) {
	for i := 0; i < len(scales); i, b = i+2, b[18:] {
		fill(scales[i:][:2], getHalf(b))
		for j := 0; j < 16; j += 2 {
			put8(codes[32*i+4*j:], fourPairs(b[2+j])+fourPairs(b[3+j])<<32+zero-ones)
		}
	}
}

// fourPairs makes four bytes of a byte's four pairs of bits.
func fourPairs(q uint8) uint64 {
	v := uint64(q)
	return (v | v<<6 | v<<12 | v<<18) & 0x03030303
}
