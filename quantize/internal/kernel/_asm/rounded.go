package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets in kernel.rounding.
const (
	rdInverse = 0
	rdShift   = 256
	rdScale   = 512
	rdOdd     = 768
)

// scales writes a function that makes what kernel.rounding holds for groups of as many blocks of 32 as there are
// lanes. body gets the smallest and the largest value of each block.
func scales(a *asm, name, params, doc string, body func(g group, low, high reg.VecVirtual)) {
	a.fn(name, "func(x *float32, groups int, "+params+", state *float32)", doc)
	x, left, st := a.arg("x"), a.arg("groups"), a.arg("state")
	odd, again := a.GP64(), a.label("group")
	a.LEAQ(Mem{Base: st, Disp: rdOdd}, odd)
	a.Label(again)
	v := a.fold(func(i int) []reg.VecVirtual {
		low := a.load(Mem{Base: x, Disp: 128 * i})
		high := low
		for d := a.width(); d < 128; d += a.width() {
			m := a.load(Mem{Base: x, Disp: 128*i + d})
			low, high = a.less(low, m), a.more(high, m)
		}
		return []reg.VecVirtual{low, high}
	}, a.less, a.more)
	body(group{a, st, odd}, v[0], v[1])
	a.ADDQ(U32(128*a.lanes()), x)
	a.ADDQ(Imm(uint64(a.width())), st)
	a.ADDQ(Imm(uint64(a.lanes()/8)), odd)
	a.DECQ(left)
	a.JNZ(LabelRef(again))
	a.ret()
}

// group is a register full of blocks in kernel.rounding.
type group struct {
	*asm
	st, odd reg.GPVirtual
}

// inverse stores 1/d, and shift: 0 for 0, and both 0 where the inverse, or d, is infinite.
func (g group) inverse(d, shift reg.VecVirtual) {
	inf, magnitude := g.shared(0x7f800000), g.shared(magnitudeBits)
	inv := g.only(g.cmp(d, notEqual, g.bits(0)), g.div(g.konst(1), d))
	finite := g.both(g.cmp(g.and(inv, magnitude), lessThan, inf), g.cmp(g.and(d, magnitude), lessThan, inf))
	g.store(g.only(finite, inv), Mem{Base: g.st, Disp: rdInverse})
	g.store(g.only(finite, shift), Mem{Base: g.st, Disp: rdShift})
}

// halves rounds to half precision: 16 bits in 32.
func (g group) halves(d reg.VecVirtual) reg.VecVirtual {
	v := g.vec()
	if g.wide {
		y := g.YMM()
		g.VCVTPS2PH(Imm(0), d, y)
		g.VPMOVZXWD(y, v)
		return v
	}
	x := g.XMM()
	g.VCVTPS2PH(Imm(0), d, x)
	g.VPMOVZXWD(x, v)
	return v
}

func (g group) storeScale(d reg.VecVirtual) { g.store(d, Mem{Base: g.st, Disp: rdScale}) }

// storeOdd marks blocks whose bytes depend on the order of their values.
func (g group) storeOdd(m mask) {
	if g.wide {
		g.MOVW(g.maskBits(m).As16(), Mem{Base: g.odd})
	} else {
		g.MOVB(g.maskBits(m).As8(), Mem{Base: g.odd})
	}
}

// scaleSigned makes scales from the value of largest magnitude: odd when both signs have it, where it takes the
// positive.
func scaleSigned(a *asm) {
	scales(a, "scaleSigned", "divisor, bias float32", "makes signed scales of blocks of 32.", func(g group, low, high reg.VecVirtual) {
		zero := g.bits(0)
		opposite := g.sub(zero, low)
		g.storeOdd(g.both(g.cmp(high, equal, opposite), g.cmp(high, greater, zero)))
		g.set(high, g.cmp(high, lessThan, opposite), low)
		peak := g.add(high, zero) // +0 for -0
		d := g.div(peak, g.argFloat("divisor"))
		g.storeScale(g.halves(d))
		g.inverse(d, g.argFloat("bias"))
	})
}

// scaleOffset makes scales and offsets from the range: odd when the smallest value is a zero, whose sign is not sure.
func scaleOffset(a *asm) {
	scales(a, "scaleOffset", "divisor float32", "makes scales and offsets of blocks of 32.", func(g group, low, high reg.VecVirtual) {
		g.storeOdd(g.cmp(low, equal, g.bits(0)))
		d := g.div(g.and(g.sub(high, low), g.shared(magnitudeBits)), g.argFloat("divisor"))
		m := g.halves(low)
		g.VPSLLD(Imm(16), m, m)
		g.storeScale(g.or(m, g.halves(d)))
		g.inverse(d, low)
	})
}

// scaleMagnitude makes scales from the largest magnitude.
func scaleMagnitude(a *asm) {
	scales(a, "scaleMagnitude", "divisor float32", "makes positive scales of blocks of 32.", func(g group, low, high reg.VecVirtual) {
		zero := g.bits(0)
		d := g.div(g.more(high, g.sub(zero, low)), g.argFloat("divisor"))
		d = g.and(d, g.shared(magnitudeBits)) // all zeros may have given -0
		g.storeScale(g.halves(d))
		g.inverse(d, zero)
	})
}

// codes writes a function that makes whole blocks of 32 codes from x and kernel.rounding: per at a time, and their
// number is a multiple of that.
func codes(a *asm, name, doc string, size, per int, body func(x, dst, st reg.GPVirtual)) {
	a.fn(name, "func(dst *byte, x *float32, blocks int, state *float32)", doc)
	dst, x, left, st := a.arg("dst"), a.arg("x"), a.arg("blocks"), a.arg("state")
	again := a.label("blocks")
	a.Label(again)
	body(x, dst, st)
	a.ADDQ(U32(uint64(128*per)), x)
	a.ADDQ(U32(uint64(size*per)), dst)
	a.ADDQ(Imm(uint64(4*per)), st)
	a.SUBQ(Imm(uint64(per)), left)
	a.JNZ(LabelRef(again))
	a.ret()
}

// copyScale puts the two or four bytes of a block's scale (and offset) where the block begins.
func (a *asm) copyScale(st, dst reg.GPVirtual, k, size, bytes int) {
	g := a.GP32()
	a.MOVL(Mem{Base: st, Disp: rdScale + 4*k}, g)
	if bytes == 2 {
		a.MOVW(g.As16(), Mem{Base: dst, Disp: size * k})
	} else {
		a.MOVL(g, Mem{Base: dst, Disp: size * k})
	}
}

// rounder gives the codes of one register of values, as 32-bit integers.
type rounder func(x Mem) reg.VecVirtual

// biasedCodes gives trunc(x·inverse + bias), at most most.
func (a *asm) biasedCodes(st reg.GPVirtual, k int, most uint32) rounder {
	inv, bias := a.broadcast(Mem{Base: st, Disp: rdInverse + 4*k}), a.broadcast(Mem{Base: st, Disp: rdShift + 4*k})
	return func(x Mem) reg.VecVirtual {
		return a.imin(a.truncInt(a.add(a.mul(inv, x), bias)), a.shared(most))
	}
}

// offsetCodes gives trunc((x-low)·inverse + ½). With a finite inverse, errors of rounding are too small to reach the
// code after the highest.
func (a *asm) offsetCodes(st reg.GPVirtual, k int) rounder {
	inv, low := a.broadcast(Mem{Base: st, Disp: rdInverse + 4*k}), a.broadcast(Mem{Base: st, Disp: rdShift + 4*k})
	return func(x Mem) reg.VecVirtual {
		return a.truncInt(a.add(a.mul(a.sub(a.load(x), low), inv), a.sharedFloat(0.5)))
	}
}

// codesQ4 writes the nibbles of Q4_0 and Q4_1.
func codesQ4(a *asm, name string, scaleBytes int, codesOf func(st reg.GPVirtual, k int) rounder) {
	size, per := scaleBytes+16, 2
	if a.wide {
		per = 4
	}
	codes(a, name, "makes blocks from scales.", size, per, func(x, dst, st reg.GPVirtual) {
		var t []reg.VecVirtual
		for k := range per {
			a.copyScale(st, dst, k, size, scaleBytes)
			code := codesOf(st, k)
			t = append(t, a.nibbles(code, x, 128*k))
		}
		var v reg.VecVirtual
		if a.wide {
			v = a.packDwords(t)
		} else {
			v = a.vec()
			a.VPACKUSWB(t[1], t[0], v)
			a.permute(a.unpacked(), v)
		}
		for k := range per {
			a.storePart(v, k, Mem{Base: dst, Disp: size*k + scaleBytes})
		}
	})
}

// nibbles gives code j | code j+16 << 4 of one block: 16 dwords, or as many words in the order that VPACKUSWB of two
// blocks and permuting with unpacked set right.
func (a *asm) nibbles(code rounder, x reg.GPVirtual, at int) reg.VecVirtual {
	v := func(i int) reg.VecVirtual { return code(Mem{Base: x, Disp: at + i*a.width()}) }
	if a.wide {
		low, high := v(0), v(1)
		a.VPSLLD(Imm(4), high, high)
		return a.or(low, high)
	}
	low, high := v(0), v(2)
	a.VPACKSSDW(v(1), low, low)
	a.VPACKSSDW(v(3), high, high)
	a.VPSLLW(Imm(4), high, high)
	return a.or(low, high)
}

func codesQ4_0(a *asm) {
	codesQ4(a, "codesQ4_0", 2, func(st reg.GPVirtual, k int) rounder { return a.biasedCodes(st, k, 15) })
}

func codesQ4_1(a *asm) { codesQ4(a, "codesQ4_1", 4, a.offsetCodes) }

// codesQ5 writes the highest bits and the nibbles of Q5_0 and Q5_1.
func codesQ5(a *asm, name string, scaleBytes int, codesOf func(st reg.GPVirtual, k int) rounder) {
	size, per := scaleBytes+20, 1
	if a.wide {
		per = 4
	}
	codes(a, name, "makes blocks from scales.", size, per, func(x, dst, st reg.GPVirtual) {
		if !a.wide {
			a.copyScale(st, dst, 0, size, scaleBytes)
			v := a.bytes(codesOf(st, 0), x, 0)
			a.permute(a.unpacked(), v)
			high := a.vec()
			a.VPSLLW(Imm(3), v, high)
			g := a.GP32()
			a.VPMOVMSKB(high, g)
			a.MOVL(g, Mem{Base: dst, Disp: scaleBytes})
			low := a.and(v, a.shared(0x0f0f0f0f))
			second := a.XMM()
			a.VEXTRACTI128(Imm(1), low, second)
			a.VPSLLW(Imm(4), second, second)
			a.VPOR(low.AsX(), second, second)
			a.VMOVDQU(second, Mem{Base: dst, Disp: scaleBytes + 4})
			return
		}
		var t []reg.VecVirtual
		fifth, kept := a.load(a.shared(16)), a.load(a.shared(^uint32(0xf0)))
		for k := range per {
			a.copyScale(st, dst, k, size, scaleBytes)
			code := codesOf(st, k)
			low, high := code(Mem{Base: x, Disp: 128 * k}), code(Mem{Base: x, Disp: 128*k + 64})
			first, second, both := a.K(), a.K(), a.K()
			a.VPTESTMD(fifth, low, first)
			a.VPTESTMD(fifth, high, second)
			a.KUNPCKWD(first, second, both)
			g := a.GP32()
			a.KMOVD(both, g)
			a.MOVL(g, Mem{Base: dst, Disp: size*k + scaleBytes})
			a.VPSLLD(Imm(4), high, high)
			a.VPTERNLOGD(Imm(0xd8), kept, low, high) // the bits of low where kept is set
			t = append(t, high)
		}
		v := a.packDwords(t)
		for k := range per {
			a.storePart(v, k, Mem{Base: dst, Disp: size*k + scaleBytes + 4})
		}
	})
}

// bytes gives the codes of 32 values as bytes of a YMM register, in the order that permuting with unpacked sets
// right.
func (a *asm) bytes(code rounder, x reg.GPVirtual, at int) reg.VecVirtual {
	v := func(i int) reg.VecVirtual { return code(Mem{Base: x, Disp: at + i*a.width()}) }
	low := v(0)
	a.VPACKSSDW(v(1), low, low)
	high := v(2)
	a.VPACKSSDW(v(3), high, high)
	a.VPACKSSWB(high, low, low)
	return low
}

// packDwords gives the lowest bytes of four registers of dwords below 256, one after the other.
func (a *asm) packDwords(t []reg.VecVirtual) reg.VecVirtual {
	v := a.vec()
	a.VPACKUSDW(t[1], t[0], t[0])
	a.VPACKUSDW(t[3], t[2], t[2])
	a.VPACKUSWB(t[2], t[0], v)
	a.permute(a.unpacked(), v)
	return v
}

func codesQ5_0(a *asm) {
	codesQ5(a, "codesQ5_0", 2, func(st reg.GPVirtual, k int) rounder { return a.biasedCodes(st, k, 31) })
}

func codesQ5_1(a *asm) { codesQ5(a, "codesQ5_1", 4, a.offsetCodes) }

// codesQ8_0 rounds halves away from zero: what is added before cutting is the largest float32 below a half, with the
// sign of the value.
func codesQ8_0(a *asm) {
	const size = 34
	per := 1
	if a.wide {
		per = 2
	}
	codes(a, "codesQ8_0", "makes blocks from scales.", size, per, func(x, dst, st reg.GPVirtual) {
		code := func(k int) rounder {
			inv := a.broadcast(Mem{Base: st, Disp: rdInverse + 4*k})
			return func(x Mem) reg.VecVirtual {
				y := a.mul(inv, x)
				return a.truncInt(a.add(y, a.or(a.and(y, a.shared(1<<31)), a.shared(0x3effffff))))
			}
		}
		for k := range per {
			a.copyScale(st, dst, k, size, 2)
		}
		if !a.wide {
			v := a.bytes(code(0), x, 0)
			a.permute(a.unpacked(), v)
			a.store(v, Mem{Base: dst, Disp: 2})
			return
		}
		var t []reg.VecVirtual
		for k := range per {
			c := code(k)
			low, high := c(Mem{Base: x, Disp: 128 * k}), c(Mem{Base: x, Disp: 128*k + 64})
			a.VPACKSSDW(high, low, low)
			t = append(t, low)
		}
		a.VPACKSSWB(t[1], t[0], t[0])
		a.permute(a.unpacked(), t[0])
		a.VMOVDQU(t[0].AsY(), Mem{Base: dst, Disp: 2})
		a.VEXTRACTI64X4(Imm(1), t[0], Mem{Base: dst, Disp: size + 2})
	})
}
