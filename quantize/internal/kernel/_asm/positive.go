package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The row of the state of searchPositive, as in kernel.PositiveSearch.
const poScale = 0

// searchPositive is SearchPositive on 16 lanes. factors are the numerators of the nine inverse scales, the start's
// first. Codes come out as float32 from 0 to 255.
func searchPositive(a *asm) {
	a.fn("searchPositive", "func(x, w, codes *float32, n int, factors *float32, nmax float32, state *float32)", "is SearchPositive on 16 lanes.")
	x, w, codes, n, st := a.arg("x"), a.arg("w"), a.arg("codes"), a.arg("n"), a.arg("state")
	factors := a.arg("factors")
	a.SHLQ(Imm(6), n)
	high := a.toInt(a.argFloat("nmax"))
	low8 := a.shared(0xff)

	a.eachHalf([]reg.GPVirtual{x, w, codes, st}, func() {
		top := a.bits(0)
		a.loop(n, 64, func(i reg.GPVirtual) { a.VMAXPS(at(x, i), top, top) })
		one := a.konst(1)
		// miss is Σ w·d² for the codes under an inverse scale.
		miss := func(inv reg.VecVirtual, code func(reg.VecVirtual) reg.VecVirtual) reg.VecVirtual {
			scale, e := a.div(one, inv), a.bits(0)
			a.loop(n, 64, func(i reg.GPVirtual) {
				v := a.load(at(x, i))
				d := a.sub(v, a.mul(scale, a.toFloat(code(a.nearest(a.mul(inv, v))))))
				a.addTo(e, a.mul(a.mul(d, at(w, i)), d))
			})
			return e
		}
		bounded := func(c reg.VecVirtual) reg.VecVirtual { return a.imin(high, c) }
		inv := a.div(a.broadcast(Mem{Base: factors}), top)
		best := miss(inv, func(c reg.VecVirtual) reg.VecVirtual { return a.and(c, low8) })
		f, end, again := a.GP64(), a.GP64(), a.label("try")
		a.LEAQ(Mem{Base: factors, Disp: 4}, f)
		a.LEAQ(Mem{Base: factors, Disp: 36}, end)
		a.Label(again)
		try := a.div(a.broadcast(Mem{Base: f}), top)
		e := miss(try, bounded)
		better := a.cmp(e, lessThan, best)
		a.set(best, better, e)
		a.set(inv, better, try)
		a.ADDQ(Imm(4), f)
		a.CMPQ(f, end)
		a.JLT(LabelRef(again))

		xl, ll := a.bits(0), a.bits(0)
		a.loop(n, 64, func(i reg.GPVirtual) {
			v, wv := a.load(at(x, i)), a.load(at(w, i))
			c := bounded(a.nearest(a.mul(inv, v)))
			a.store(a.toFloat(a.and(c, low8)), at(codes, i))
			l := a.toFloat(c)
			a.addTo(xl, a.mul(a.mul(wv, v), l))
			a.addTo(ll, a.mul(a.mul(wv, l), l))
		})
		zero := a.bits(0)
		sweeps, sweep, done := a.GP64(), a.label("sweep"), a.label("settled")
		a.MOVQ(U32(5), sweeps)
		a.Label(sweep)
		changed := a.bits(0)
		a.loop(n, 64, func(i reg.GPVirtual) {
			same := a.label("same")
			v, wv, l := a.load(at(x, i)), a.load(at(w, i)), a.load(at(codes, i))
			p := a.mul(wv, v)
			sx := a.sub(xl, a.mul(p, l))
			sl := a.sub(ll, a.mul(a.mul(wv, l), l))
			c := a.toFloat(bounded(a.nearest(a.div(a.mul(v, sl), sx))))
			moved := a.both(a.both(a.cmp(sx, greater, zero), a.cmp(sl, greater, zero)), a.cmp(c, notEqual, l))
			a.skipUnless(moved, same)
			a.addTo(sx, a.mul(p, c))
			a.addTo(sl, a.mul(a.mul(wv, c), c))
			better := a.both(moved, a.cmp(a.mul(a.mul(sx, sx), ll), greater, a.mul(a.mul(xl, xl), sl)))
			a.set(l, better, a.toFloat(a.and(a.toInt(c), low8)))
			a.store(l, at(codes, i))
			a.set(xl, better, sx)
			a.set(ll, better, sl)
			a.set(changed, better, one)
			a.Label(same)
		})
		a.skipUnless(a.cmp(changed, notEqual, zero), done)
		a.DECQ(sweeps)
		a.JNZ(LabelRef(sweep))
		a.Label(done)
		// Top is NaN only where x is, and then nothing is tiny.
		tiny := a.cmp(top, lessThan, a.konst(1e-15))
		scale := a.only(a.cmp(ll, greater, zero), a.div(xl, ll))
		a.set(scale, tiny, zero)
		a.store(scale, row(st, poScale))
		a.set(one, tiny, zero)
		a.loop(n, 64, func(i reg.GPVirtual) { a.store(a.only(a.cmp(one, notEqual, zero), a.load(at(codes, i))), at(codes, i)) })
	})
	a.ret()
}
