package main

import (
	"math"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Rows of the state of searchSigned, as in kernel.SignedSearch.
const sgScale, sgInverse, sgBest, sgTop = 0, 1, 2, 3

// magnitudeBits clears a sign.
const magnitudeBits = 0x7fffffff

// findPeak gives the first value of largest magnitude in each lane: the largest or the smallest. Only where these are of
// the same magnitude the rows are looked through for the first.
func (a *asm) findPeak(x reg.GPVirtual, n Op) (top reg.VecVirtual) {
	top = a.bits(0)
	low, unique := a.bits(0), a.label("unique")
	a.loop(n, 64, func(i reg.GPVirtual) {
		v := a.load(at(x, i))
		a.VMAXPS(top, v, top) // NaN is passed over
		a.VMINPS(low, v, low)
	})
	size := a.xor(low, a.shared(1<<31))
	tied := a.cmp(size, equal, top)
	a.set(top, a.cmp(size, greater, top), low)
	a.skipUnless(tied, unique)
	magnitude, most := a.shared(magnitudeBits), a.bits(0)
	a.loop(n, 64, func(i reg.GPVirtual) {
		v := a.load(at(x, i))
		m := a.and(v, magnitude)
		above := a.cmp(m, greater, most)
		a.set(most, above, m)
		a.set(top, above, v)
	})
	a.Label(unique)
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
					a.VPMINSD(high, l, l) // high is positive, so integers compare as floats do
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

// Rows of the state of refineSigned, as in kernel.SignedSearch: scale and inverse are those of searchSigned.
const sgBad = 4

// Columns of the table of refineSigned: for every row of the tile, 64 bytes each.
const (
	tbCode  = iota // -nmax … nmax-1
	tbWXL          // w·x·code for w = x²
	tbWLL          // w·code²
	tbWidth        // columns
)

// refineSigned is RefineSigned on 16 lanes.
//
// A code moves when x·sl/sx rounds to another integer. That takes a division only where |x·sl - code·sx| comes near
// half of sx, which is seldom; codes at a bound move to one side only. The shortcut needs sums of ordinary size:
// lanes whose smallest positive sx is not are marked bad and left to the plain version.
//
// It is written for AVX2 only: the fewer lanes go together, the more often none of them has a code to move.
func refineSigned(a *asm) {
	if a.wide {
		return
	}
	a.fn("refineSigned", "func(x, table *float32, n int, nmax float32, state *float32)", "is RefineSigned on 16 lanes.")
	x, table, n, st := a.arg("x"), a.arg("table"), a.arg("n"), a.arg("state")
	a.SHLQ(Imm(6), n)
	high := a.argFloat("nmax")
	low := a.sub(a.bits(0), high)
	a.VSUBPS(a.konst(1), high, high)

	a.eachHalf([]reg.GPVirtual{x, table, st}, func() {
		top := a.findPeak(x, n)
		tiny := a.cmp(a.and(top, a.bits(magnitudeBits)), lessThan, a.konst(1e-15))
		one := a.konst(1)
		a.set(one, tiny, a.bits(0))
		a.store(one, row(st, sgInverse))
		a.store(a.and(top, a.bits(magnitudeBits)), row(st, sgTop))
		inv := a.div(low, top)
		xl, ll := a.bits(0), a.bits(0)
		column := func(t reg.GPVirtual, c int) Mem { return Mem{Base: t, Disp: 64 * c} }
		t := a.GP64()
		a.MOVQ(table, t)
		a.loop(n, 64, func(i reg.GPVirtual) {
			v := a.load(at(x, i))
			wv := a.mul(v, v)
			p := a.mul(wv, v)
			l := a.round(a.mul(v, inv))
			a.VMINPS(high, l, l)
			a.store(l, column(t, tbCode))
			pl := a.mul(p, l)
			a.store(pl, column(t, tbWXL))
			a.addTo(xl, pl)
			wll := a.mul(a.mul(wv, l), l)
			a.store(wll, column(t, tbWLL))
			a.addTo(ll, wll)
			a.ADDQ(U32(64*tbWidth), t)
		})
		most := a.move(ll)
		a.store(most, row(st, sgBest))
		least := a.konst(math.MaxFloat32)
		// A sweep goes on to the value behind which the last one moved nothing: those would see the same sums again.
		sweeps, again, done := a.GP64(), a.label("sweep"), a.label("settled")
		end, moved, here := a.GP64(), a.GP64(), a.GP64()
		a.MOVQ(n, end)
		a.MOVQ(U32(5), sweeps)
		a.Label(again)
		a.XORQ(moved, moved)
		a.MOVQ(table, t)
		a.loop(end, 64, func(i reg.GPVirtual) {
			same := a.label("same")
			v, l := a.load(at(x, i)), a.load(column(t, tbCode))
			sx := a.sub(xl, column(t, tbWXL))
			sl := a.sub(ll, column(t, tbWLL))
			a.VPMINUD(sx, least, least) // as integers negative floats are the largest: where sx is negative no code moves
			vsl := a.mul(v, sl)
			z := a.sub(vsl, a.mul(l, sx))
			away := a.oneSided(z, a.icmpEq(l, high), a.icmpEq(l, low))
			// Integers compare with zero as floats do, but for NaN: that is true, as the comparison beside it is, so that nothing
			// strange takes the short way.
			positive := a.vec()
			a.VPCMPGTD(a.shared(0), sx, positive)
			move := a.both(mask{positive}, a.cmp(away, notAtMost, a.mul(sx, a.sharedFloat(0.499))))
			a.skipUnless(move, same)

			// Most moves are clearly by one.
			known := a.label("known")
			zero := a.bits(0)
			one := a.both(a.cmp(away, greater, a.mul(sx, a.sharedFloat(0.501))), a.cmp(away, lessThan, a.mul(sx, a.sharedFloat(1.499))))
			c := a.add(l, a.or(a.and(z, a.shared(1<<31)), a.sharedFloat(1)))
			a.skipUnless(a.both(move, a.not(one)), known)
			y := a.nearest(a.div(vsl, sx))
			a.VCVTDQ2PS(a.imax(a.imin(y, a.toInt(high)), a.toInt(low)), c)
			a.Label(known)
			move = a.both(move, a.cmp(c, notEqual, l))
			wv := a.mul(v, v)
			pc, wcc := a.mul(a.mul(wv, v), c), a.mul(a.mul(wv, c), c)
			a.addTo(sx, pc)
			a.addTo(sl, wcc)
			better := a.both(a.cmp(sl, greater, zero),
				a.cmp(a.mul(a.mul(sx, sx), ll), greater, a.mul(a.mul(xl, xl), sl)))
			better = a.both(better, move)
			a.set(l, better, c)
			a.store(l, column(t, tbCode))
			a.setMem(column(t, tbWXL), better, pc)
			a.setMem(column(t, tbWLL), better, wcc)
			a.set(xl, better, sx)
			a.set(ll, better, sl)
			a.store(a.more(ll, row(st, sgBest)), row(st, sgBest))
			changed := a.GP32()
			a.VMOVMSKPS(better.reg, changed)
			a.LEAQ(Mem{Base: i, Disp: 64}, here)
			a.TESTL(changed, changed)
			a.CMOVQNE(here, moved)
			a.CMOVQNE(n, end)
			a.Label(same)
			a.ADDQ(U32(64*tbWidth), t)
		})
		a.MOVQ(moved, end)
		a.TESTQ(moved, moved)
		a.JEQ(LabelRef(done))
		a.DECQ(sweeps)
		a.JNZ(LabelRef(again))
		a.Label(done)
		zero := a.bits(0)
		scale := a.only(a.cmp(ll, greater, zero), a.div(xl, ll))
		counts := a.cmp(zero, lessThan, row(st, sgInverse))
		a.store(a.only(counts, scale), row(st, sgScale))
		ordinary := a.both(a.cmp(least, greater, a.konst(1e-30)),
			a.cmp(a.mul(least, a.konst(1e6)), greater, a.mul(a.load(row(st, sgTop)), row(st, sgBest))))
		bad := a.load(a.shared(0xffffffff))
		a.set(bad, ordinary, zero)
		a.store(a.only(counts, bad), row(st, sgBad))
	})
	a.ret()
}

// peaks is Peak on 16 lanes.
func peaks(a *asm) {
	a.fn("peaks", "func(top, x *float32, n int)", "is Peak on 16 lanes.")
	top, x, n := a.arg("top"), a.arg("x"), a.arg("n")
	a.SHLQ(Imm(6), n)
	a.eachHalf([]reg.GPVirtual{top, x}, func() { a.store(a.findPeak(x, n), row(top, 0)) })
	a.ret()
}

// oneSided is |z|, but -z in the lanes of highest and z in those of lowest.
func (a *asm) oneSided(z reg.VecVirtual, highest, lowest mask) reg.VecVirtual {
	z = a.xor(z, a.and(highest.reg, a.shared(1<<31)))
	return a.and(z, a.or(a.or(highest.reg, lowest.reg), a.shared(magnitudeBits)))
}
