package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Rows of the state, as in kernel.offsetState.
const (
	stScale, stLow, stInverse, stAt, stBad, stBest, stMin, stMax, stSumW, stSumX = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
)

// limit is where rounding by adding 1.5·2^23 stops being rounding.
const limit = 4e6

// searchOffset is SearchOffset on the 16 lanes of a tile. Lanes whose quotients leave the range in which rounding
// is rounding are marked bad and left to the plain version.
func searchOffset(a *asm, absolute bool) {
	name := "searchOffset"
	if absolute {
		name = "searchOffsetAbs"
	}
	a.fn(name, "func(x, w, try *float32, n int, factors *float32, steps int, top float32, state *float32)", "is SearchOffset on 16 lanes.")
	x, w, try := a.arg("x"), a.arg("w"), a.arg("try")
	n, st := a.arg("n"), a.arg("state")
	a.SHLQ(Imm(6), n) // bytes of all rows
	zero, top := a.bits(0), a.argFloat("top")

	a.eachHalf([]reg.GPVirtual{x, w, try, st}, func() {
		// Extremes and the sums that do not depend on codes.
		min, max := a.load(row(x, 0)), a.load(row(x, 0))
		sumW := a.load(row(w, 0))
		sumX := a.mul(sumW, min)
		i := a.GP64()
		first := a.label("first")
		a.MOVQ(U32(64), i)
		a.Label(first)
		v, wv := a.load(at(x, i)), a.load(at(w, i))
		a.VMINPS(min, v, min)
		a.VMAXPS(max, v, max)
		a.addTo(sumW, wv)
		a.addTo(sumX, a.mul(wv, v))
		a.ADDQ(Imm(64), i)
		a.CMPQ(i, n)
		a.JLT(LabelRef(first))
		a.store(min, row(st, stMin))
		a.store(max, row(st, stMax))
		a.store(sumW, row(st, stSumW))
		a.store(sumX, row(st, stSumX))
		low := a.less(zero, min) // 0 when the smallest is positive
		inv := a.div(top, a.sub(max, low))
		scale := a.div(a.konst(1), inv)
		code := func(v reg.VecVirtual, low, inv reg.VecVirtual) reg.VecVirtual {
			// Bounds by integer comparison, which orders floats as long as one of them is not negative and leaves the
			// pipes of float addition free.
			l := a.round(a.mul(a.sub(v, low), inv))
			a.VPMAXSD(zero, l, l)
			a.VPMINSD(top, l, l)
			return l
		}
		// miss adds the weighted error of one row to e.
		miss := func(e reg.VecVirtual, l Op, i reg.GPVirtual, scale, low, absMask reg.VecVirtual) {
			d := a.sub(a.add(a.mul(scale, l), low), at(x, i))
			if absolute {
				d = a.and(d, absMask)
			} else {
				d = a.mul(d, d)
			}
			a.addTo(e, a.mul(d, at(w, i)))
		}
		var absMask reg.VecVirtual
		if absolute {
			absMask = a.bits(0x7fffffff)
		}
		best := a.bits(0)
		a.loop(n, 64, func(i reg.GPVirtual) {
			miss(best, code(a.load(at(x, i)), low, inv), i, scale, low, absMask)
		})
		kept := a.keep(st, map[int]reg.VecVirtual{
			stScale: scale, stInverse: a.move(inv), stAt: a.move(low), stBest: best, stBad: a.bits(0),
		})

		factor := a.arg("factors")
		steps := a.arg("steps")
		next := a.label("step")
		a.Label(next)
		{
			max := a.load(row(st, stMax))
			a.VDIVPS(a.sub(max, low), a.broadcast(Mem{Base: factor}), inv)
			small, magnitude := a.sharedFloat(limit), a.shared(magnitudeBits)
			reach := a.and(a.mul(a.sub(a.load(row(st, stMin)), low), inv), magnitude)
			reach2 := a.and(a.mul(a.sub(max, low), inv), magnitude)
			ok := a.both(a.cmp(reach, lessThan, small), a.cmp(reach2, lessThan, small))
			kept.set(stBad, a.not(ok), a.load(a.shared(0xffffffff)))

			l1, l2, lx := a.bits(0), a.bits(0), a.bits(0)
			a.loop(n, 64, func(i reg.GPVirtual) {
				v := a.load(at(x, i))
				l := code(v, low, inv)
				a.store(l, at(try, i))
				wl := a.mul(l, at(w, i))
				a.addTo(l1, wl)
				a.addTo(l2, a.mul(wl, l))
				a.addTo(lx, a.mul(wl, v))
			})
			sumW, sumX := a.load(row(st, stSumW)), a.load(row(st, stSumX))
			d := a.sub(a.mul(sumW, l2), a.mul(l1, l1))
			valid := a.cmp(d, greater, zero)
			fit := a.div(a.sub(a.mul(sumW, lx), a.mul(sumX, l1)), d)
			bottom := a.div(a.sub(a.mul(l2, sumX), a.mul(l1, lx)), d)
			above := a.cmp(bottom, greater, zero)
			a.set(bottom, above, zero)
			a.set(fit, above, a.div(lx, l2))

			e := a.bits(0)
			a.loop(n, 64, func(i reg.GPVirtual) { miss(e, at(try, i), i, fit, bottom, absMask) })
			better := a.both(valid, a.cmp(e, lessThan, kept.get(stBest)))
			kept.set(stBest, better, e)
			kept.set(stScale, better, fit)
			kept.set(stInverse, better, inv)
			kept.set(stAt, better, low)
			a.set(low, better, bottom)
		}
		a.ADDQ(Imm(4), factor)
		a.DECQ(steps)
		a.JNZ(LabelRef(next))

		kept.flush()
		// Lanes without a range: scale 0, every code 0, the offset of the start.
		min2, max2 := a.load(row(st, stMin)), a.load(row(st, stMax))
		a.VMINPS(min2, zero, min2)
		flat := a.cmp(max2, atMost, min2)
		a.set(low, flat, min2)
		a.store(low, row(st, stLow))
		for _, r := range []int{stScale, stInverse, stAt, stBad} {
			a.setMem(row(st, r), flat, zero)
		}
	})
	a.ret()
}
