package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// each does body for every register of n values, a multiple of 16.
func (a *asm) each(body func(place func(p reg.GPVirtual) Mem)) {
	n := a.arg("n")
	a.SHLQ(Imm(2), n)
	a.loop(n, a.width(), func(i reg.GPVirtual) {
		body(func(p reg.GPVirtual) Mem { return at(p, i) })
	})
	a.ret()
}

func gate(a *asm) {
	a.fn("gate", "func(dst, gate, up *float32, n int)", "is Gate.")
	dst, g, u := a.arg("dst"), a.arg("gate"), a.arg("up")
	a.each(func(place func(reg.GPVirtual) Mem) {
		v := a.load(place(g))
		x := a.vec()
		a.VORPS(a.bits(0x80000000), v, x)
		s := a.exp(x)
		below := a.add(s, a.float(1))
		// The numerator is s where v is negative, else 1.
		if a.wide {
			positive := a.K()
			a.VPMOVD2M(v, positive)
			a.KNOTW(positive, positive)
			a.VBLENDMPS(a.float(1), s, positive, s)
		} else {
			one := a.load(a.float(1))
			a.VBLENDVPS(v, s, one, s)
		}
		a.store(a.mul(a.mul(v, a.div(s, below)), place(u)), place(dst))
	})
}

func scaled(a *asm) {
	a.fn("scaled", "func(dst, x, w *float32, n int, f float32)", "is Scaled.")
	dst, x, w, f := a.arg("dst"), a.arg("x"), a.arg("w"), a.argFloat("f")
	a.each(func(place func(reg.GPVirtual) Mem) {
		a.store(a.mul(a.mul(f, place(x)), place(w)), place(dst))
	})
}

func addScaled(a *asm) {
	a.fn("addScaled", "func(dst, x *float32, n int, f float32)", "is AddScaled.")
	dst, x, f := a.arg("dst"), a.arg("x"), a.argFloat("f")
	a.each(func(place func(reg.GPVirtual) Mem) {
		a.store(a.add(a.mul(f, place(x)), place(dst)), place(dst))
	})
}

func times(a *asm) {
	a.fn("times", "func(dst, x *float32, n int, f float32)", "is Times.")
	dst, x, f := a.arg("dst"), a.arg("x"), a.argFloat("f")
	a.each(func(place func(reg.GPVirtual) Mem) { a.store(a.mul(f, place(x)), place(dst)) })
}

func blend(a *asm) {
	a.fn("blend", "func(dst, x *float32, n int, keep, f float32)", "is Blend.")
	dst, x, keep, f := a.arg("dst"), a.arg("x"), a.argFloat("keep"), a.argFloat("f")
	a.each(func(place func(reg.GPVirtual) Mem) {
		a.store(a.add(a.mul(keep, place(dst)), a.mul(f, place(x))), place(dst))
	})
}

func rotateHalves(a *asm) {
	a.fn("rotateHalves", "func(x, y, cos, sin *float32, n int)", "is RotateHalves.")
	x, y, cos, sin := a.arg("x"), a.arg("y"), a.arg("cos"), a.arg("sin")
	a.each(func(place func(reg.GPVirtual) Mem) {
		v, w, c, s := a.load(place(x)), a.load(place(y)), a.load(place(cos)), a.load(place(sin))
		a.store(a.sub(a.mul(v, c), a.mul(w, s)), place(x))
		a.store(a.add(a.mul(v, s), a.mul(w, c)), place(y))
	})
}

func rotateNeighbours(a *asm) {
	a.fn("rotateNeighbours", "func(x, cos, sin *float32, n int)", "is RotateNeighbours.")
	x, cos, sin := a.arg("x"), a.arg("cos"), a.arg("sin")
	a.each(func(place func(reg.GPVirtual) Mem) {
		v, swapped := a.load(place(x)), a.vec()
		a.VPERMILPS(U8(0xb1), v, swapped)
		a.store(a.add(a.mul(v, place(cos)), a.mul(swapped, place(sin))), place(x))
	})
}
