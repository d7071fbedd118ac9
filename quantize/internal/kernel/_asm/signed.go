package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Rows of the state of searchSigned, as in kernel.SignedSearch.
const sgScale, sgInverse, sgBest, sgTop = 0, 1, 2, 3

// magnitudeBits clears a sign.
const magnitudeBits = 0x7fffffff

// findPeak gives the first value of largest magnitude in each lane.
func (a *asm) findPeak(x reg.GPVirtual, n Op) (top reg.VecVirtual) {
	magnitude, most := a.bits(magnitudeBits), a.bits(0)
	top = a.bits(0)
	a.loop(n, 64, func(i reg.GPVirtual) {
		v := a.load(at(x, i))
		m := a.and(v, magnitude)
		above := a.cmp(m, greater, most)
		a.set(most, above, m)
		a.set(top, above, v)
	})
	return top
}

// searchSigned is SearchSigned on the 16 lanes of a tile: 19 inverse scales factor/top, the first of which is the
// start and the others are tried three at a time. A factor below nmax+½ needs no lower bound; those that do are the
// last six.
func searchSigned(a *asm) {
	a.fn("searchSigned", "func(x, w, wx *float32, n int, factors *float32, nmax float32, state *float32)", "is SearchSigned on 16 lanes.")
	x, w, wx, n, st := a.arg("x"), a.arg("w"), a.arg("wx"), a.arg("n"), a.arg("state")
	factors := a.arg("factors")
	a.SHLQ(Imm(6), n)
	high := a.argFloat("nmax")
	low := a.sub(a.bits(0), high)
	a.VSUBPS(a.konst(1), high, high)

	a.eachHalf([]reg.GPVirtual{x, w, wx, st}, func() {
		top := a.findPeak(x, n)
		a.store(top, row(st, sgTop))

		// sums gives Σ w·x·l and Σ w·l² for the codes under each inverse scale.
		sums := func(inv []reg.VecVirtual, bounded bool) (xl, ll []reg.VecVirtual) {
			for range inv {
				xl, ll = append(xl, a.bits(0)), append(ll, a.bits(0))
			}
			a.loop(n, 64, func(i reg.GPVirtual) {
				v, wv, p := a.load(at(x, i)), a.load(at(w, i)), a.load(at(wx, i))
				for k := range inv {
					l := a.round(a.mul(v, inv[k]))
					if bounded {
						a.VMAXPS(low, l, l)
					}
					a.VMINPS(high, l, l)
					t := a.mul(l, p)
					a.addTo(xl[k], t)
					a.VMULPS(wv, l, t)
					a.VMULPS(l, t, t)
					a.addTo(ll[k], t)
				}
			})
			return xl, ll
		}

		inv := a.div(a.broadcast(Mem{Base: factors}), top)
		xl, ll := a.bits(0), a.bits(0)
		a.loop(n, 64, func(i reg.GPVirtual) {
			v, wv := a.load(at(x, i)), a.load(at(w, i))
			p := a.mul(wv, v)
			a.store(p, at(wx, i))
			l := a.round(a.mul(v, inv))
			a.VMINPS(high, l, l)
			a.addTo(xl, a.mul(p, l))
			a.addTo(ll, a.mul(a.mul(wv, l), l))
		})
		scale := a.only(a.cmp(ll, notEqual, a.bits(0)), a.div(xl, ll))
		best := a.mul(scale, xl)
		kept := a.keep(st, map[int]reg.VecVirtual{sgInverse: inv, sgScale: scale, sgBest: best})

		try := func(f reg.GPVirtual, bounded bool) {
			top := a.load(row(st, sgTop))
			var inv []reg.VecVirtual
			for k := range 3 {
				inv = append(inv, a.div(a.broadcast(Mem{Base: f, Disp: 4 * k}), top))
			}
			xl, ll := sums(inv, bounded)
			for k := range inv {
				better := a.both(a.cmp(ll[k], greater, a.bits(0)),
					a.cmp(a.mul(xl[k], xl[k]), greater, a.mul(ll[k], kept.get(sgBest))))
				s := a.div(xl[k], ll[k])
				kept.set(sgInverse, better, inv[k])
				kept.set(sgScale, better, s)
				kept.set(sgBest, better, a.mul(s, xl[k]))
			}
		}
		f := a.GP64()
		a.LEAQ(Mem{Base: factors, Disp: 4}, f)
		for _, bounded := range []bool{false, true} {
			end, again := a.GP64(), a.label("tries")
			a.LEAQ(Mem{Base: factors, Disp: map[bool]int{false: 4 * 13, true: 4 * 19}[bounded]}, end)
			a.Label(again)
			try(f, bounded)
			a.ADDQ(Imm(12), f)
			a.CMPQ(f, end)
			a.JLT(LabelRef(again))
		}

		kept.flush()
		// Lanes that count as zero have scale 0; inverse 0 marks them.
		tiny := a.cmp(a.and(a.load(row(st, sgTop)), a.bits(magnitudeBits)), lessThan, a.konst(1e-15))
		zero := a.bits(0)
		a.setMem(row(st, sgScale), tiny, zero)
		a.setMem(row(st, sgInverse), tiny, zero)
	})
	a.ret()
}

// nearest is kernel.Nearest: integers, also where adding 1.5·2^23 does not round.
func (a *asm) nearest(y reg.VecVirtual) reg.VecVirtual {
	v := a.add(y, a.sharedFloat(12582912))
	return a.isub(a.and(v, a.shared(0x7fffff)), a.shared(0x400000))
}

// refineSigned is RefineSigned on 16 lanes. Codes come out as -nmax … nmax-1; wv and wl hold w·x and
// w = x².
func refineSigned(a *asm) {
	a.fn("refineSigned", "func(x, w, wx *float32, codes *float32, n int, nmax float32, state *float32)", "is RefineSigned on 16 lanes.")
	x, w, wx, codes, n, st := a.arg("x"), a.arg("w"), a.arg("wx"), a.arg("codes"), a.arg("n"), a.arg("state")
	a.SHLQ(Imm(6), n)
	high := a.argFloat("nmax")
	low := a.sub(a.bits(0), high)
	a.VSUBPS(a.konst(1), high, high)
	lowInt, highInt := a.toInt(low), a.toInt(high)

	a.eachHalf([]reg.GPVirtual{x, w, wx, codes, st}, func() {
		top := a.findPeak(x, n)
		tiny := a.cmp(a.and(top, a.bits(magnitudeBits)), lessThan, a.konst(1e-15))
		one := a.konst(1)
		a.set(one, tiny, a.bits(0))
		a.store(one, row(st, sgInverse))
		inv := a.div(low, top)
		xl, ll, zero := a.bits(0), a.bits(0), a.bits(0)
		a.loop(n, 64, func(i reg.GPVirtual) {
			v := a.load(at(x, i))
			wv := a.mul(v, v)
			p := a.mul(wv, v)
			a.store(wv, at(w, i))
			a.store(p, at(wx, i))
			l := a.round(a.mul(v, inv))
			a.VMINPS(high, l, l)
			a.store(l, at(codes, i))
			a.addTo(xl, a.mul(p, l))
			a.addTo(ll, a.mul(a.mul(wv, l), l))
		})
		sweeps, again, done := a.GP64(), a.label("sweep"), a.label("settled")
		a.MOVQ(U32(5), sweeps)
		a.Label(again)
		changed := a.bits(0)
		a.loop(n, 64, func(i reg.GPVirtual) {
			same := a.label("same")
			v, p, l := a.load(at(x, i)), a.load(at(wx, i)), a.load(at(codes, i))
			wv := a.load(at(w, i))
			sx := a.sub(xl, a.mul(p, l))
			sl := a.sub(ll, a.mul(a.mul(wv, l), l))
			c := a.nearest(a.div(a.mul(v, sl), sx))
			c = a.toFloat(a.imax(a.imin(c, highInt), lowInt))
			moved := a.both(a.cmp(sx, greater, zero), a.cmp(c, notEqual, l))
			a.skipUnless(moved, same)
			a.addTo(sx, a.mul(p, c))
			a.addTo(sl, a.mul(a.mul(wv, c), c))
			better := a.both(a.cmp(sl, greater, zero),
				a.cmp(a.mul(a.mul(sx, sx), ll), greater, a.mul(a.mul(xl, xl), sl)))
			better = a.both(better, moved)
			a.set(l, better, c)
			a.store(l, at(codes, i))
			a.set(xl, better, sx)
			a.set(ll, better, sl)
			a.set(changed, better, a.load(a.shared(0xffffffff)))
			a.Label(same)
		})
		any := a.cmp(changed, notEqual, a.bits(0)) // all ones is NaN, which equals nothing
		a.skipUnless(any, done)
		a.DECQ(sweeps)
		a.JNZ(LabelRef(again))
		a.Label(done)
		scale := a.only(a.cmp(ll, greater, a.bits(0)), a.div(xl, ll))
		a.store(a.only(a.cmp(zero, lessThan, row(st, sgInverse)), scale), row(st, sgScale))
	})
	a.ret()
}
