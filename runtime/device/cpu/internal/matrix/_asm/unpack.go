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

func unpackQ4_0(a *asm) {
	a.unpacks("Q4_0", 32, 1, 18, false, func(u *unpacker) {
		u.VMOVSS(u.half(0), u.mem(u.scales, 0))
		v := u.nibbles(2)
		u.VPADDB(u.bytes(128-8), v, v)
		u.store(v, 0)
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
