package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Unpacking is done with registers of 32 bytes on both tiers: it is a small part of a product.

// unpacker is the state of a function that unpacks blocks.
type unpacker struct {
	*asm
	codes, scales, minima, block reg.GPVirtual
}

// unpacks writes a function whose body unpacks one block of so many values, scales and bytes.
func (a *asm) unpacks(name string, values, scales, size int, minima bool, body func(u *unpacker)) {
	a.fn("unpack"+name, "func(codes *uint8, scales, minima *float32, blocks *byte, n int)", "unpacks n blocks.")
	u := &unpacker{asm: a, codes: a.arg("codes"), scales: a.arg("scales"), block: a.arg("blocks")}
	if minima {
		u.minima = a.arg("minima")
	}
	a.loop(a.arg("n"), func() {
		body(u)
		a.ADDQ(U32(uint32(values)), u.codes)
		a.ADDQ(U32(uint32(4*scales)), u.scales)
		if minima {
			a.ADDQ(U32(uint32(4*scales)), u.minima)
		}
		a.ADDQ(U32(uint32(size)), u.block)
	})
	a.ret()
}

// half loads an IEEE half.
func (u *unpacker) half(at int) reg.VecVirtual {
	g, x := u.GP32(), u.XMM()
	u.MOVWLZX(u.mem(u.block, at), g)
	u.VMOVD(g, x)
	u.VCVTPH2PS(x, x)
	return x
}

func (u *unpacker) bytes(b uint8) Mem { return u.shared(0x01010101 * uint32(b)) }

func (u *unpacker) store(v reg.VecVirtual, at int) { u.VMOVDQU(v, u.mem(u.codes, at)) }

func (u *unpacker) loadBytes(at int) reg.VecVirtual {
	v := u.YMM()
	u.VMOVDQU(u.mem(u.block, at), v)
	return v
}

// bits gives the bits of a mask, after a shift to the right; a negative shift goes to the left.
func (u *unpacker) bits(v reg.VecVirtual, right int, mask uint8) reg.VecVirtual {
	b := u.YMM()
	switch {
	case right > 0:
		u.VPSRLW(Imm(uint64(right)), v, b)
		u.VPAND(u.bytes(mask), b, b)
	case right < 0:
		u.VPSLLW(Imm(uint64(-right)), v, b)
		u.VPAND(u.bytes(mask), b, b)
	default:
		u.VPAND(u.bytes(mask), v, b)
	}
	return b
}

func unpackQ8_0(a *asm) {
	a.unpacks("Q8_0", 32, 1, 34, false, func(u *unpacker) {
		u.VMOVSS(u.half(0), u.mem(u.scales, 0))
		v := u.loadBytes(2)
		u.VPXOR(u.bytes(0x80), v, v)
		u.store(v, 0)
	})
}

// nibbles gives the low nibbles of 16 bytes, then the high ones.
func (u *unpacker) nibbles(at int) reg.VecVirtual {
	low, high, v := u.XMM(), u.XMM(), u.YMM()
	u.VMOVDQU(u.mem(u.block, at), low)
	u.VPSRLW(Imm(4), low, high)
	u.VINSERTI128(Imm(1), high, low.AsY(), v)
	u.VPAND(u.bytes(15), v, v)
	return v
}

// addFifth adds 16 where the bit of a code is set.
func (u *unpacker) addFifth(v reg.VecVirtual, at int) {
	h := u.YMM()
	u.VPBROADCASTD(u.mem(u.block, at), h)
	u.VPSHUFB(u.table("byteOfBit", 0, 0, 0x01010101, 0x01010101, 0x02020202, 0x02020202, 0x03030303, 0x03030303), h, h)
	bit := u.table("bitOfByte", 0x08040201, 0x80402010, 0x08040201, 0x80402010, 0x08040201, 0x80402010, 0x08040201, 0x80402010)
	u.VPAND(bit, h, h)
	u.VPCMPEQB(bit, h, h)
	u.VPAND(u.bytes(16), h, h)
	u.VPADDB(h, v, v)
}

func (u *unpacker) add(v reg.VecVirtual, b uint8) { u.VPADDB(u.bytes(b), v, v) }

// scaleAndMinimum stores those of types that add a half to all values.
func (u *unpacker) scaleAndMinimum() {
	x, g := u.XMM(), u.GP32()
	u.MOVL(u.mem(u.block, 0), g)
	u.VMOVD(g, x)
	u.VCVTPH2PS(x, x)
	u.VMOVSS(x, u.mem(u.scales, 0))
	u.VPXOR(u.shared(1<<31), x, x)
	u.VPEXTRD(Imm(1), x, u.mem(u.minima, 0))
}

func unpackQ4_0(a *asm) {
	a.unpacks("Q4_0", 32, 1, 18, false, func(u *unpacker) {
		u.VMOVSS(u.half(0), u.mem(u.scales, 0))
		v := u.nibbles(2)
		u.add(v, 128-8)
		u.store(v, 0)
	})
}

func unpackQ4_1(a *asm) {
	a.unpacks("Q4_1", 32, 1, 20, true, func(u *unpacker) {
		u.scaleAndMinimum()
		u.store(u.nibbles(4), 0)
	})
}

func unpackQ5_0(a *asm) {
	a.unpacks("Q5_0", 32, 1, 22, false, func(u *unpacker) {
		u.VMOVSS(u.half(0), u.mem(u.scales, 0))
		v := u.nibbles(6)
		u.addFifth(v, 2)
		u.add(v, 128-16)
		u.store(v, 0)
	})
}

func unpackQ5_1(a *asm) {
	a.unpacks("Q5_1", 32, 1, 24, true, func(u *unpacker) {
		u.scaleAndMinimum()
		v := u.nibbles(8)
		u.addFifth(v, 4)
		u.store(v, 0)
	})
}

// levels gives what nibbles stand for, plus 128: a table of sixteen bytes, twice.
func (u *unpacker) levels(name string, v reg.VecVirtual, table ...uint32) reg.VecVirtual {
	l := u.load(u.table(name, append(table, table...)...))
	u.VPSHUFB(v, l, l)
	return l
}

func (u *unpacker) levelsIQ4(v reg.VecVirtual) reg.VecVirtual {
	return u.levels("levelsIQ4", v, 0x3f2d1801, 0x766a5d4f, 0xa6998d81, 0xf1d9c5b5)
}

func unpackIQ4_NL(a *asm) {
	a.unpacks("IQ4_NL", 32, 1, 18, false, func(u *unpacker) {
		u.VMOVSS(u.half(0), u.mem(u.scales, 0))
		u.store(u.levelsIQ4(u.nibbles(2)), 0)
	})
}

func unpackMXFP4(a *asm) {
	a.unpacks("MXFP4", 32, 1, 17, false, func(u *unpacker) {
		// 2^(e-128): the exponent e-1, or what is left of a bit of 2^-127 for e below 2.
		e, small, c := u.GP32(), u.GP32(), u.GP32()
		u.MOVBLZX(u.mem(u.block, 0), e)
		u.MOVL(e, c)
		u.ADDL(Imm(1), c)
		u.SHLL(Imm(21), c) // 2^-128 for 0, twice that for 1
		u.MOVL(e, small)
		u.SUBL(Imm(1), e)
		u.SHLL(Imm(23), e)
		u.CMPL(small, Imm(2))
		u.CMOVLLT(c, e)
		u.MOVL(e, u.mem(u.scales, 0))
		u.store(u.levels("levelsFP4", u.nibbles(1), 0x83828180, 0x8c888684, 0x7d7e7f80, 0x74787a7c), 0)
	})
}

// groupsK gives scales and minima of a block of Q4_K or Q5_K.
func (u *unpacker) groupsK() {
	// Six bits each in twelve bytes: those of groups 0 … 3 whole, those of groups 4 … 7 in nibbles and pairs.
	s, m, both := u.GP32(), u.GP32(), u.GP32()
	u.MOVL(u.mem(u.block, 4), s)
	u.MOVL(u.mem(u.block, 8), m)
	u.MOVL(u.mem(u.block, 12), both)
	pack := u.XMM()
	u.VMOVD(u.masked(s, 0, 0x3f3f3f3f), pack)
	u.VPINSRD(Imm(1), u.joined(u.masked(both, 0, 0x0f0f0f0f), s), pack, pack)
	u.VPINSRD(Imm(2), u.masked(m, 0, 0x3f3f3f3f), pack, pack)
	u.VPINSRD(Imm(3), u.joined(u.masked(both, 4, 0x0f0f0f0f), m), pack, pack)
	for i, dst := range []reg.GPVirtual{u.scales, u.minima} {
		v, unit, by := u.YMM(), u.half(2*i), u.YMM()
		if i > 0 {
			u.VPSRLDQ(Imm(8), pack, pack)
		}
		u.VPMOVZXBD(pack, v)
		u.VCVTDQ2PS(v, v)
		u.VBROADCASTSS(unit, by)
		u.VMULPS(by, v, v)
		u.VMOVUPS(v, u.mem(dst, 0))
	}
}

// masked gives bits of a general register.
func (u *unpacker) masked(g reg.GPVirtual, right int, mask uint32) reg.GPVirtual {
	r := u.GP32()
	u.MOVL(g, r)
	if right > 0 {
		u.SHRL(Imm(uint64(right)), r)
	}
	u.ANDL(U32(mask), r)
	return r
}

// joined adds the highest pairs of bits of four bytes above nibbles.
func (u *unpacker) joined(nibbles, g reg.GPVirtual) reg.GPVirtual {
	h := u.masked(g, 2, 0x30303030)
	u.ORL(h, nibbles)
	return nibbles
}

func unpackQ4_K(a *asm) {
	a.unpacks("Q4_K", 256, 8, 144, true, func(u *unpacker) {
		u.groupsK()
		for i := range 4 {
			v := u.loadBytes(16 + 32*i)
			u.store(u.bits(v, 0, 15), 64*i)
			u.store(u.bits(v, 4, 15), 64*i+32)
		}
	})
}

func unpackQ5_K(a *asm) {
	a.unpacks("Q5_K", 256, 8, 176, true, func(u *unpacker) {
		u.groupsK()
		fifth := u.loadBytes(16)
		for i := range 4 {
			v := u.loadBytes(48 + 32*i)
			for odd := range 2 {
				c := u.bits(v, 4*odd, 15)
				u.VPOR(u.bits(fifth, 2*i+odd-4, 16), c, c)
				u.store(c, 64*i+32*odd)
			}
		}
	})
}

func unpackQ6_K(a *asm) {
	a.unpacks("Q6_K", 256, 16, 210, false, func(u *unpacker) {
		unit := u.YMM()
		u.VBROADCASTSS(u.half(208), unit)
		for i := range 2 {
			v := u.YMM()
			u.VPMOVSXBD(u.mem(u.block, 192+8*i), v)
			u.VCVTDQ2PS(v, v)
			u.VMULPS(unit, v, v)
			u.VMOVUPS(v, u.mem(u.scales, 32*i))
		}
		for h := range 2 {
			low := []reg.VecVirtual{u.loadBytes(64 * h), u.loadBytes(64*h + 32)}
			high := u.loadBytes(128 + 32*h)
			for part := range 4 {
				c := u.bits(low[part%2], part/2*4, 15)
				u.VPOR(u.bits(high, 2*part-4, 0x30), c, c)
				u.VPADDB(u.bytes(128-32), c, c)
				u.store(c, 128*h+32*part)
			}
		}
	})
}

// sixteen stores sixteen scales of whole bytes, times a unit.
func (u *unpacker) sixteen(dst reg.GPVirtual, scales reg.VecVirtual, unit reg.VecVirtual, signed bool) {
	by := u.YMM()
	u.VBROADCASTSS(unit, by)
	for i := range 2 {
		v := u.YMM()
		if i > 0 {
			u.VPSRLDQ(Imm(8), scales, scales)
		}
		if signed {
			u.VPMOVSXBD(scales, v)
		} else {
			u.VPMOVZXBD(scales, v)
		}
		u.VCVTDQ2PS(v, v)
		u.VMULPS(by, v, v)
		u.VMOVUPS(v, u.mem(dst, 32*i))
	}
}

func unpackQ2_K(a *asm) {
	a.unpacks("Q2_K", 256, 16, 84, true, func(u *unpacker) {
		low, high := u.XMM(), u.XMM()
		u.VMOVDQU(u.mem(u.block, 0), low)
		u.VPSRLW(Imm(4), low, high)
		u.VPAND(u.bytes(15), low, low)
		u.VPAND(u.bytes(15), high, high)
		u.sixteen(u.scales, low, u.half(80), false)
		u.sixteen(u.minima, high, u.half(82), false)
		u.pairs(16, 0)
	})
}

// pairs stores 256 codes of 64 bytes, plus a constant: two bits each, those of a byte 32 apart.
func (u *unpacker) pairs(at int, add uint8) {
	for h := range 2 {
		v := u.loadBytes(at + 32*h)
		for part := range 4 {
			c := u.bits(v, 2*part, 3)
			if add > 0 {
				u.add(c, add)
			}
			u.store(c, 128*h+32*part)
		}
	}
}

func unpackTQ2_0(a *asm) {
	a.unpacks("TQ2_0", 256, 8, 66, false, func(u *unpacker) {
		by := u.YMM()
		u.VBROADCASTSS(u.half(64), by)
		u.VMOVUPS(by, u.mem(u.scales, 0))
		u.pairs(0, 127)
	})
}

func unpackQ3_K(a *asm) {
	a.unpacks("Q3_K", 256, 16, 110, false, func(u *unpacker) {
		// Scales: low nibbles of the first and the last eight in bytes 0 … 7, pairs above them in bytes 8 … 11.
		s, high, x := u.XMM(), u.XMM(), u.XMM()
		u.VMOVQ(u.mem(u.block, 96), s)
		u.VPSRLW(Imm(4), s, x)
		u.VPUNPCKLQDQ(x, s, s)
		u.VPAND(u.bytes(15), s, s)
		u.VPBROADCASTD(u.mem(u.block, 104), high)
		u.VPSLLVD(u.table("leftSix", 4, 2, 0, 0), high, high)
		u.VPSRLVD(u.table("rightSix", 0, 0, 0, 2), high, high)
		u.VPAND(u.bytes(0x30), high, high)
		u.VPOR(high, s, s)
		u.VPSUBB(u.bytes(32), s, s)
		u.sixteen(u.scales, s, u.half(108), true)
		top := u.loadBytes(0)
		for h := range 2 {
			v := u.loadBytes(32 + 32*h)
			for part := range 4 {
				c := u.bits(v, 2*part, 3)
				u.VPOR(u.bits(top, 4*h+part-2, 4), c, c)
				u.add(c, 128-4)
				u.store(c, 128*h+32*part)
			}
		}
	})
}

func unpackIQ4_XS(a *asm) {
	a.unpacks("IQ4_XS", 256, 8, 136, false, func(u *unpacker) {
		// Scales: pairs of bits in two bytes, nibbles in four.
		n, h, v, p := u.YMM(), u.YMM(), u.YMM(), u.YMM()
		u.VPBROADCASTD(u.mem(u.block, 4), n)
		u.VPSRLVD(u.table("nibbleOf", 0, 4, 8, 12, 16, 20, 24, 28), n, v)
		u.VPAND(u.shared(15), v, v)
		u.VPBROADCASTW(u.mem(u.block, 2), h)
		u.VPSRLVD(u.table("pairOf", 0, 2, 4, 6, 8, 10, 12, 14), h, p)
		u.VPAND(u.shared(3), p, p)
		u.VPSLLD(Imm(4), p, p)
		u.VPOR(p, v, v)
		u.VPSUBD(u.shared(32), v, v)
		u.VCVTDQ2PS(v, v)
		by := u.YMM()
		u.VBROADCASTSS(u.half(0), by)
		u.VMULPS(by, v, v)
		u.VMOVUPS(v, u.mem(u.scales, 0))
		for g := range 8 {
			u.store(u.levelsIQ4(u.nibbles(8+16*g)), 32*g)
		}
	})
}
