package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Types with 256 values a block. Their groups' scales are made first, as floats in a local array.

func decodeQ2_K(a *asm) {
	decode(a, "Q2_K", 256, 84, func(d *decoder) {
		scales, minima := d.local(64), d.local(64)
		small := d.bytes(0)
		d.products16(d.nibble(small, false), d.half(80), scales)
		d.products16(d.nibble(small, true), d.half(82), minima)
		for i := 0; i < 64; i += 16 {
			q := d.bytes(16 + i)
			for k := range 4 {
				g := i/32*8 + 2*k + i%32/16
				d.put(16*g, d.field(q, 2*k, 2, 0), d.timesMinus(d.broadcast(scales.Offset(4*g)), d.broadcast(minima.Offset(4*g))))
			}
		}
	})
}

func decodeQ3_K(a *asm) {
	decode(a, "Q3_K", 256, 110, func(d *decoder) {
		// Six-bit scales: 16 nibbles, then pairs of bits of scales 4k … 4k+3.
		low, all, pairs := d.XMM(), d.XMM(), d.XMM()
		d.VMOVQ(d.from(96), low)
		d.VPUNPCKLQDQ(d.nibble(low, true), d.nibble(low, false), all)
		d.VPBROADCASTD(d.from(104), pairs)
		d.VPSRLVD(d.table16("pairShifts", 2<<32, 6<<32|4), pairs, pairs)
		all = d.minus(d.join(all, d.field(pairs, 0, 2, 4)), 32)
		scales := d.local(64)
		d.products16(all, d.half(108), scales)
		for at := 0; at < 32; at += 16 {
			top := d.bytes(at)
			for h := range 2 {
				q := d.bytes(32 + 32*h + at)
				for k := range 4 {
					g := 8*h + 2*k + at/16
					x := d.join(d.field(q, 2*k, 2, 0), d.field(top, g/2, 1, 2))
					d.put(16*g, d.minus(x, 4), d.times(d.broadcast(scales.Offset(4*g))))
				}
			}
		}
	})
}

// sixBits makes the scales and minima of Q4_K and Q5_K: eight of each in twelve bytes, the first four as they are, and
// of the others low nibbles and, in the highest bits of the first, high pairs.
func (d *decoder) sixBits(scales, minima Mem) {
	packed, x, y := d.XMM(), d.XMM(), d.XMM()
	d.VMOVDQU(d.from(0), packed) // d and dmin, then the twelve bytes: dwords a, b and c
	first := d.bitsOf(packed, 63)
	pairs := d.field(packed, 6, 2, 4)
	low, high := d.nibble(packed, false), d.nibble(packed, true)
	d.VPSHUFD(Imm(0x03), low, low)   // c's low nibbles first
	d.VPSHUFD(Imm(0x03), high, high) // c's high nibbles
	d.VPSRLDQ(Imm(4), pairs, x)      // a's pairs first
	d.VPSRLDQ(Imm(8), pairs, y)      // b's pairs
	d.VPOR(low, x, x)
	d.VPOR(high, y, y)
	d.VPSRLDQ(Imm(4), first, low)
	d.VPUNPCKLDQ(x, low, x)
	d.VPSRLDQ(Imm(8), first, high)
	d.VPUNPCKLDQ(y, high, y)
	d.products(x, d.half(0), scales)
	d.products(y, d.half(2), minima)
}

func decodeQ4_K(a *asm) {
	decode(a, "Q4_K", 256, 144, func(d *decoder) {
		scales, minima := d.local(32), d.local(32)
		d.sixBits(scales, minima)
		for g := range 8 {
			f := d.timesMinus(d.broadcast(scales.Offset(4*g)), d.broadcast(minima.Offset(4*g)))
			for at := 0; at < 32; at += 16 {
				d.put(32*g+at, d.nibble(d.bytes(16+g/2*32+at), g%2 == 1), f)
			}
		}
	})
}

func decodeQ5_K(a *asm) {
	decode(a, "Q5_K", 256, 176, func(d *decoder) {
		scales, minima := d.local(32), d.local(32)
		d.sixBits(scales, minima)
		fifth := [2]reg.VecVirtual{d.bytes(16), d.bytes(32)}
		for g := range 8 {
			f := d.timesMinus(d.broadcast(scales.Offset(4*g)), d.broadcast(minima.Offset(4*g)))
			for at := 0; at < 32; at += 16 {
				q := d.nibble(d.bytes(48+g/2*32+at), g%2 == 1)
				d.put(32*g+at, d.join(q, d.field(fifth[at/16], g, 1, 4)), f)
			}
		}
	})
}

func decodeQ6_K(a *asm) {
	decode(a, "Q6_K", 256, 210, func(d *decoder) {
		scales := d.local(64)
		d.products16(d.bytes(192), d.half(208), scales)
		for i := 0; i < 64; i += 16 { // a quarter of the pairs of bits, which belong to four groups
			h, at := i/32, i%32
			pairs := d.bytes(128 + i)
			for k := range 4 {
				g := 8*h + 2*k + at/16
				q := d.nibble(d.bytes(64*h+k%2*32+at), k > 1)
				x := d.minus(d.join(q, d.field(pairs, 2*k, 2, 4)), 32)
				d.put(16*g, x, d.times(d.broadcast(scales.Offset(4*g))))
			}
		}
	})
}

func decodeIQ4_XS(a *asm) {
	decode(a, "IQ4_XS", 256, 136, func(d *decoder) {
		// Eight scales: two nibbles a byte, and pairs of bits, from the lowest on.
		low, high, x := d.XMM(), d.XMM(), d.XMM()
		d.VMOVD(d.from(4), low)
		d.VPUNPCKLBW(d.nibble(low, true), d.nibble(low, false), x)
		d.VPBROADCASTW(d.from(2), high)
		pairs := d.XMM()
		// Words 0 … 7 times 2^(14-2g) have the pair of g in their highest bits.
		d.VPMULLW(d.words8("pairFactors", 1<<14, 1<<12, 1<<10, 1<<8, 1<<6, 1<<4, 1<<2, 1), high, pairs)
		d.VPSRLW(Imm(14), pairs, pairs)
		d.VPSLLW(Imm(4), pairs, pairs)
		d.VPACKUSWB(pairs, pairs, pairs)
		scales := d.local(32)
		d.products(d.minus(d.join(x, pairs), 32), d.half(0), scales)
		levels := d.levels4()
		for g := range 8 {
			d.putLevels(32*g, 8+16*g, levels, d.broadcast(scales.Offset(4*g)))
		}
	})
}

// words8 is eight 16-bit numbers in memory.
func (d *decoder) words8(name string, w ...uint64) Mem {
	return d.table16(name, w[0]|w[1]<<16|w[2]<<32|w[3]<<48, w[4]|w[5]<<16|w[6]<<32|w[7]<<48)
}

// local is an array of the function's own.
func (d *decoder) local(size int) Mem { return d.AllocLocal(size) }
