package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pairs16 repeats two numbers of 16 bits.
func (a *grid) pairs16(low, high uint32) Mem { return a.shared(high<<16 | low) }

// pack makes codes of the levels of a register and stores them as dwords.
func (a *grid) pack(v reg.VecVirtual, m Mem) {
	w := uint32(a.levels())
	if a.wide {
		b := a.XMM()
		a.VPMOVDB(v, b)
		a.VPMADDUBSW(a.shared(0x0001_0001|w<<8|w<<24), b, b)
		a.VPMADDWD(a.pairs16(1, w*w), b, b)
		if a.levelBits == 3 {
			a.VMOVDQU(b, m)
			return
		}
		a.VPACKUSDW(b, b, b)
		a.VPMADDWD(a.pairs16(1, 256), b, b)
		a.VMOVQ(b, m)
		return
	}
	b, high := a.XMM(), a.XMM()
	a.VEXTRACTI128(Imm(1), v, high)
	a.VPACKUSDW(high, v.AsX(), b)
	a.VPMADDWD(a.pairs16(1, w), b, b)
	a.VPACKUSDW(b, b, b)
	a.VPMADDWD(a.pairs16(1, w*w), b, b)
	if a.levelBits == 3 {
		a.VMOVQ(b, m)
		return
	}
	a.VPACKUSDW(b, b, b)
	a.VPMADDWD(a.pairs16(1, 256), b, b)
	a.VMOVD(b, m)
}

// least puts the smallest unsigned dword into all lanes.
func (a *asm) least(v reg.VecVirtual) reg.VecVirtual {
	x, y := a.XMM(), a.XMM()
	if a.wide {
		h, r := a.YMM(), a.YMM()
		a.VEXTRACTI64X4(Imm(1), v, h)
		a.VPMINUD(h, v.AsY(), r)
		a.VEXTRACTI128(Imm(1), r, x)
		a.VPMINUD(x, r.AsX(), x)
	} else {
		a.VEXTRACTI128(Imm(1), v, x)
		a.VPMINUD(x, v.AsX(), x)
	}
	a.VPSHUFD(Imm(0x4e), x, y)
	a.VPMINUD(x, y, x)
	a.VPSHUFD(Imm(0xb1), x, y)
	a.VPMINUD(x, y, x)
	r := a.vec()
	a.VPBROADCASTD(x, r)
	return r
}

// gridFind is gridFit.find for all tries. Codes and the groups off the grid go to the state; the answer has the bits
// of the largest of the smallest errors, for the caller to see whether any point was the closest.
func gridFind(a *grid) {
	a.begin("gridFind", "func(state, x *float32, index *int32, lists *uint16, values, tries, wanted int) uint32",
		"is gridFit.find for groups of %d and all tries.")
	s, index, try := a.arg("state"), a.arg("index"), a.GP64()
	a.XORQ(try, try)
	worst := a.bits(0)
	nextTry := a.label("try")
	a.Label(nextTry)
	a.round(s, try)

	group, off, wanted := a.GP64(), a.GP32(), a.arg("wanted")
	a.XORL(group.As32(), group.As32())
	a.XORL(off, off)
	terms, codes := a.GP64(), a.GP64()
	a.MOVQ(s, terms)
	a.LEAQ(Mem{Base: s, Index: try, Scale: 2, Disp: gkCodes}, codes)
	again, next, done := a.label("group"), a.label("next"), a.label("done")
	a.Label(again)
	a.SHRL(Imm(1), wanted.As32())
	a.JCC(LabelRef(next))
	code, m := a.GP64(), a.GP64()
	a.MOVL(Mem{Base: s, Index: group, Scale: 4, Disp: gkRounded}, code.As32())
	a.MOVL(Mem{Base: index, Index: code, Scale: 4}, m.As32())
	a.TESTL(m.As32(), m.As32())
	a.JGE(LabelRef(done))
	a.BTSL(group.As32(), off)
	odd := a.load(Mem{Base: s, Disp: gkOdd})
	var errors []reg.VecVirtual
	for h := 0; h < gkGroup; h += a.width() {
		d := a.sub(odd, Mem{Base: terms, Disp: gkX + h})
		e := a.mul(a.mul(d, Mem{Base: terms, Disp: gkRoot + h}), d)
		errors = append(errors, a.tables(e)...)
	}
	a.closest(errors, Mem{Base: s, Disp: gkPlaces}, m, code, worst)
	a.Label(done)
	a.MOVW(code.As16(), Mem{Base: codes})
	a.Label(next)
	a.ADDQ(U32(gkGroup), terms)
	a.ADDQ(Imm(gkGroupCodes), codes)
	a.INCL(group.As32())
	a.TESTL(wanted.As32(), wanted.As32())
	a.JNE(LabelRef(again))

	a.MOVL(off, Mem{Base: s, Index: try, Scale: 4, Disp: gkOff})
	a.INCQ(try)
	a.CMPQ(try, a.argMem("tries"))
	a.JLT(LabelRef(nextTry))
	answer := a.GP32()
	a.VMOVD(worst.AsX(), answer)
	a.Store(answer, a.ReturnIndex(0))
	a.ret()
}

// round makes codes of the levels of all values under the inverse scale of a try, and its scaled odd numbers.
func (a *grid) round(s, try reg.GPVirtual) {
	top := uint32(2)
	if a.levelBits == 3 {
		top = 7
	}
	inv := a.broadcast(Mem{Base: s, Index: try, Scale: 4, Disp: gkInverse})
	zero := a.bits(0)
	x, end, out := a.arg("x"), a.arg("values"), a.GP64()
	a.SHLQ(Imm(2), end)
	a.LEAQ(Mem{Base: s, Disp: gkRounded}, out)
	a.loop(end, a.width(), func(i reg.GPVirtual) {
		v := a.mul(a.sub(a.mul(inv, at(x, i)), a.sharedFloat(1)), a.sharedFloat(0.5))
		v = a.add(v, a.sharedFloat(12582912)) // as kernel.Nearest does it
		v = a.isub(a.and(v, a.shared(0x7fffff)), a.shared(0x400000))
		a.pack(a.imin(a.imax(v, zero), a.shared(top)), Mem{Base: out})
		a.ADDQ(Imm(uint64(4*a.lanes()/a.values())), out)
	})
	a.store(a.mul(a.broadcast(Mem{Base: s, Index: try, Scale: 4, Disp: gkScale}), a.odd()), Mem{Base: s, Disp: gkOdd})
}

// closest puts the code of the closest point into code, m is what Grid.Map has for it. errors are tables for lookup, one
// for each coordinate. Lanes are neighbours: each adds the errors of its coordinates in their order. Of equal sums the
// first in the list wins. places is a row of scratch.
func (a *grid) closest(errors []reg.VecVirtual, places Mem, m, code reg.GPVirtual, worst reg.VecVirtual) {
	list := a.GP64()
	a.NOTL(m.As32())
	a.MOVL(m.As32(), list.As32())
	a.SHRL(Imm(gkCountBits), list.As32())
	a.SHLQ(Imm(5), list)
	a.ADDQ(a.argMem("lists"), list)
	a.ANDL(U32(1<<gkCountBits-1), m.As32())

	sums := func(p reg.GPVirtual) reg.VecVirtual {
		c := a.widen16(Mem{Base: p})
		e := a.lookup(errors[0], c)
		for i, table := range errors[1:] {
			a.addTo(e, a.lookup(table, a.shift(c, i+1)))
		}
		return e
	}
	// lowest finds the lanes of the smallest sum.
	lowest := func(v reg.VecVirtual) (mask, reg.GPVirtual) {
		low := a.least(v)
		a.VPMAXUD(low, worst, worst)
		is := a.icmpEq(v, low)
		return is, a.maskBits(is)
	}
	many, found := a.label("many"), a.label("found")
	best := sums(list)
	a.CMPL(m.As32(), U8(a.lanes()))
	a.JHI(LabelRef(many))
	_, lanes := lowest(best)
	a.BSFL(lanes.As32(), lanes.As32())
	a.MOVWLZX(Mem{Base: list, Index: lanes.As64(), Scale: 2}, code.As32())
	a.JMP(LabelRef(found))

	a.Label(many)
	var count []uint32
	for i := range uint32(16) {
		count = append(count, i)
	}
	place, current := a.load(a.table("count", count...)), a.load(a.table("count", count...))
	chunk, more, tie := a.GP64(), a.label("more"), a.label("tie")
	a.MOVQ(list, chunk)
	a.Label(more)
	a.ADDQ(Imm(uint64(2*a.lanes())), chunk)
	a.VPADDD(a.shared(uint32(a.lanes())), current, current)
	e := sums(chunk)
	a.VPMINUD(best, e, e)
	a.choose(place, a.icmpEq(e, best), place, current)
	a.VMOVUPS(e, best)
	a.SUBL(Imm(uint64(a.lanes())), m.As32())
	a.CMPL(m.As32(), U8(a.lanes()))
	a.JHI(LabelRef(more))
	is, spots := lowest(best)
	a.LEAL(Mem{Base: spots.As64(), Disp: -1}, code.As32())
	a.TESTL(code.As32(), spots.As32())
	a.JNE(LabelRef(tie))
	a.store(place, places)
	a.BSFL(spots.As32(), spots.As32())
	a.MOVL(places.Idx(spots.As64(), 4), spots.As32())
	a.MOVWLZX(Mem{Base: list, Index: spots.As64(), Scale: 2}, code.As32())
	a.JMP(LabelRef(found))

	a.Label(tie)
	a.choose(place, is, place, a.shared(0xffffffff))
	a.VMOVD(a.least(place).AsX(), spots.As32())
	a.MOVWLZX(Mem{Base: list, Index: spots.As64(), Scale: 2}, code.As32())
	a.Label(found)
}

// choose puts x into the lanes of dst that the mask names and y into the others.
func (a *asm) choose(dst reg.VecVirtual, m mask, x reg.VecVirtual, y Op) {
	if a.wide {
		v := y
		if _, ok := y.(Mem); ok {
			v = a.load(y)
		}
		a.VPBLENDMD(x, v, m.reg, dst)
		return
	}
	v := a.load(y)
	a.VBLENDVPS(m.reg, x, v, dst)
}
