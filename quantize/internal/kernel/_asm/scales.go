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

// extremes gives op over n values for each lane, which begin side by side at x. A register of values goes through
// prepare first.
func (a *asm) extremes(x reg.GPVirtual, n int, prepare func(v reg.VecVirtual) []reg.VecVirtual, ops ...func(x, y Op) reg.VecVirtual) []reg.VecVirtual {
	return a.fold(func(lane int) []reg.VecVirtual {
		all := prepare(a.load(Mem{Base: x, Disp: 4 * n * lane}))
		for d := a.width(); d < 4*n; d += a.width() {
			v := prepare(a.load(Mem{Base: x, Disp: 4*n*lane + d}))
			for k, op := range ops {
				all[k] = op(all[k], v[k])
			}
		}
		return all
	}, ops...)
}

// largest writes the largest magnitude of every n values, for as many groups of n as count says: a multiple of the
// lanes. Magnitudes order as their bits do.
func largest(a *asm, n int) {
	a.fn(map[int]string{16: "largest16", 32: "largest32"}[n], "func(top, x *float32, count int)", "finds largest magnitudes.")
	top, x, left := a.arg("top"), a.arg("x"), a.arg("count")
	again := a.label("group")
	a.Label(again)
	v := a.extremes(x, n, func(v reg.VecVirtual) []reg.VecVirtual {
		return []reg.VecVirtual{a.and(v, a.shared(magnitudeBits))}
	}, func(x, y Op) reg.VecVirtual { v := a.vec(); a.VPMAXUD(y, x, v); return v })
	a.store(v[0], Mem{Base: top})
	a.ADDQ(U32(uint64(4*n*a.lanes())), x)
	a.ADDQ(Imm(uint64(a.width())), top)
	a.SUBQ(Imm(uint64(a.lanes())), left)
	a.JNZ(LabelRef(again))
	a.ret()
}

// scales writes a function that makes what kernel.rounding holds, for a number of blocks of 32 that is a multiple of
// the lanes. body gets the smallest and the largest value of each block.
func scales(a *asm, name, params, doc string, body func(g group, low, high reg.VecVirtual)) {
	a.fn(name, "func(x *float32, blocks int, "+params+", state *float32)", doc)
	x, left, st := a.arg("x"), a.arg("blocks"), a.arg("state")
	odd, again := a.GP64(), a.label("group")
	a.LEAQ(Mem{Base: st, Disp: rdOdd}, odd)
	a.Label(again)
	v := a.extremes(x, 32, func(v reg.VecVirtual) []reg.VecVirtual { return []reg.VecVirtual{v, v} }, a.less, a.more)
	body(group{a, st, odd}, v[0], v[1])
	a.ADDQ(U32(uint64(128*a.lanes())), x)
	a.ADDQ(Imm(uint64(a.width())), st)
	a.ADDQ(Imm(uint64(a.lanes()/8)), odd)
	a.SUBQ(Imm(uint64(a.lanes())), left)
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
		d := g.div(g.and(g.sub(high, low), g.shared(magnitudeBits)), g.argFloat("divisor")) // +0 when zeros differ in sign
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
