package main

import (
	"math"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// spread turns 16 runs of n values, n a multiple of 16, into the lanes of a tile. offsets are bytes from src to each
// run.
func spread(a *asm) {
	a.fn("spread", "func(dst, src *float32, offsets *int, n int)", "puts 16 runs of n values side by side.")
	dst, src, offsets, n := a.arg("dst"), a.arg("src"), a.arg("offsets"), a.arg("n")
	side := a.width() / 4
	again := a.label("block")
	done, end := a.GP64(), a.GP64()
	a.MOVQ(n, end)
	a.SHLQ(Imm(2), end) // bytes of a run
	a.XORQ(done, done)
	a.Label(again)
	for half := range a.halves() {
		rows := make([]reg.VecVirtual, side)
		for i := range rows {
			p := a.GP64()
			a.MOVQ(Mem{Base: offsets, Disp: 8 * (half*side + i)}, p)
			a.ADDQ(done, p)
			rows[i] = a.load(Mem{Base: src, Index: p, Scale: 1})
		}
		for i, r := range a.transpose(rows) {
			a.store(r, Mem{Base: dst, Disp: 64*i + half*a.width()})
		}
	}
	a.ADDQ(Imm(uint64(a.width())), done)
	a.ADDQ(U32(64*side), dst)
	a.CMPQ(done, end)
	a.JLT(LabelRef(again))
	a.ret()
}

// transpose swaps rows and columns of a square of 32-bit values as wide as a register.
func (a *asm) transpose(rows []reg.VecVirtual) []reg.VecVirtual {
	two := func(op func(...Op), x, y reg.VecVirtual) reg.VecVirtual { v := a.vec(); op(y, x, v); return v }
	pick := func(op func(...Op), imm uint64, x, y reg.VecVirtual) reg.VecVirtual {
		v := a.vec()
		op(Imm(imm), y, x, v)
		return v
	}
	n := len(rows)
	// Pairs, then quads, within 128-bit parts.
	pairs := make([]reg.VecVirtual, n)
	for i := 0; i < n; i += 2 {
		pairs[i], pairs[i+1] = two(a.VUNPCKLPS, rows[i], rows[i+1]), two(a.VUNPCKHPS, rows[i], rows[i+1])
	}
	quads := make([]reg.VecVirtual, n) // quads[4k+j]: column j of each part, rows 4k … 4k+3
	for i := 0; i < n; i += 4 {
		quads[i], quads[i+1] = two(a.VUNPCKLPD, pairs[i], pairs[i+2]), two(a.VUNPCKHPD, pairs[i], pairs[i+2])
		quads[i+2], quads[i+3] = two(a.VUNPCKLPD, pairs[i+1], pairs[i+3]), two(a.VUNPCKHPD, pairs[i+1], pairs[i+3])
	}
	out := make([]reg.VecVirtual, n)
	for j := range 4 {
		if !a.wide {
			perm := func(imm uint64) reg.VecVirtual {
				v := a.vec()
				a.VPERM2F128(Imm(imm), quads[4+j], quads[j], v)
				return v
			}
			out[j], out[4+j] = perm(0x20), perm(0x31)
			continue
		}
		even01, odd01 := pick(a.VSHUFF32X4, 0x88, quads[j], quads[4+j]), pick(a.VSHUFF32X4, 0xdd, quads[j], quads[4+j])
		even23, odd23 := pick(a.VSHUFF32X4, 0x88, quads[8+j], quads[12+j]), pick(a.VSHUFF32X4, 0xdd, quads[8+j], quads[12+j])
		out[j], out[8+j] = pick(a.VSHUFF32X4, 0x88, even01, even23), pick(a.VSHUFF32X4, 0xdd, even01, even23)
		out[4+j], out[12+j] = pick(a.VSHUFF32X4, 0x88, odd01, odd23), pick(a.VSHUFF32X4, 0xdd, odd01, odd23)
	}
	return out
}

// collect turns the lanes of n rows of bytes, n at least 16, into 16 runs, stride bytes apart.
func collect(a *asm) {
	a.fn("collect", "func(dst *byte, stride int, src *byte, n int)", "writes the lanes of n rows of bytes as 16 runs.")
	dst, stride, src, n := a.arg("dst"), a.arg("stride"), a.arg("src"), a.arg("n")
	at, last, again, done := a.GP64(), a.GP64(), a.label("rows"), a.label("done")
	a.XORQ(at, at)
	a.LEAQ(Mem{Base: n, Disp: -16}, last)
	a.Label(again)
	p, q := a.GP64(), a.GP64()
	a.MOVQ(at, p)
	a.SHLQ(Imm(4), p)
	a.ADDQ(src, p)
	a.LEAQ(Mem{Base: dst, Index: at, Scale: 1}, q)
	two := func(op func(...Op), x, y reg.VecVirtual) reg.VecVirtual { v := a.XMM(); op(y, x, v); return v }
	for half := range 2 {
		// Eight lanes of 16 rows. Interleaving the first half of these bytes with the second rotates the bits of a
		// byte's place; four times, and rows are columns.
		var bytes [8]reg.VecVirtual
		for i := range bytes {
			bytes[i] = a.XMM()
			a.VMOVQ(Mem{Base: p, Disp: 32*i + 8*half}, bytes[i])
			a.VPINSRQ(Imm(1), Mem{Base: p, Disp: 32*i + 16 + 8*half}, bytes[i], bytes[i])
		}
		for range 4 {
			var next [8]reg.VecVirtual
			for i := range 4 {
				next[2*i], next[2*i+1] = two(a.VPUNPCKLBW, bytes[i], bytes[i+4]), two(a.VPUNPCKHBW, bytes[i], bytes[i+4])
			}
			bytes = next
		}
		for _, b := range bytes {
			a.VMOVDQU(b, Mem{Base: q})
			a.ADDQ(stride, q)
		}
	}
	// The last 16 rows overlap the ones before when n is no multiple of 16.
	a.CMPQ(at, last)
	a.JGE(LabelRef(done))
	a.ADDQ(Imm(16), at)
	a.CMPQ(at, last)
	a.CMOVQGT(last, at)
	a.JMP(LabelRef(again))
	a.Label(done)
	a.ret()
}

// addSquares adds the squares of n rows to sums.
func addSquares(a *asm) {
	a.fn("addSquares", "func(sum, x *float32, n int)", "goes on with SumSquares on 16 lanes.")
	sum, x, n := a.arg("sum"), a.arg("x"), a.arg("n")
	a.SHLQ(Imm(6), n)
	a.eachHalf([]reg.GPVirtual{sum, x}, func() {
		s := a.load(row(sum, 0))
		a.loop(n, 64, func(i reg.GPVirtual) {
			v := a.load(at(x, i))
			a.addTo(s, a.mul(v, v))
		})
		a.store(s, row(sum, 0))
	})
	a.ret()
}

// weighMagnitude is mean + |x|, one mean a lane.
func weighMagnitude(a *asm) {
	a.fn("weighMagnitude", "func(w, x, mean *float32, n int)", "is mean + |x| on 16 lanes.")
	w, x, mean, n := a.arg("w"), a.arg("x"), a.arg("mean"), a.arg("n")
	a.SHLQ(Imm(6), n)
	a.eachHalf([]reg.GPVirtual{w, x, mean}, func() {
		m, magnitude := a.load(row(mean, 0)), a.bits(magnitudeBits)
		a.loop(n, 64, func(i reg.GPVirtual) {
			a.store(a.add(m, a.and(magnitude, at(x, i))), at(w, i))
		})
	})
	a.ret()
}

// squares is x².
func squares(a *asm) {
	a.fn("squares", "func(w, x *float32, n int)", "is x² on 16 lanes.")
	w, x, n := a.arg("w"), a.arg("x"), a.arg("n")
	a.SHLQ(Imm(6), n)
	a.eachHalf([]reg.GPVirtual{w, x}, func() {
		a.loop(n, 64, func(i reg.GPVirtual) {
			v := a.load(at(x, i))
			a.store(a.mul(v, v), at(w, i))
		})
	})
	a.ret()
}

// weighImportance turns importance into weights and sums them.
func weighImportance(a *asm) {
	a.fn("weighImportance", "func(w, x, importance, sigma2, sum *float32, n int)", "is WeighImportance and the sum of the weights, on 16 lanes.")
	w, x, importance, sigma2, sum, n := a.arg("w"), a.arg("x"), a.arg("importance"), a.arg("sigma2"), a.arg("sum"), a.arg("n")
	a.SHLQ(Imm(6), n)
	a.eachHalf([]reg.GPVirtual{w, x, importance, sigma2, sum}, func() {
		s2, s := a.load(row(sigma2, 0)), a.bits(0)
		a.loop(n, 64, func(i reg.GPVirtual) {
			v := a.load(at(x, i))
			r := a.mul(a.sqrt(a.add(s2, a.mul(v, v))), at(importance, i))
			a.store(r, at(w, i))
			a.addTo(s, r)
		})
		a.store(s, row(sum, 0))
	})
	a.ret()
}

// requantize chooses codes again: nearest((x + offset)/scale) between low and high, plus bias. A lane with scale 0
// keeps its codes.
//
// Dividing is most of the work, so the quotients are at first products with 1/scale. Those differ from them by less
// than 2^-22 of their size, so they round to the same code unless one is nearer than that to the middle between two
// codes. Whether one of them was, whether a quotient is too large to round, and whether a lane has no ordinary scale
// decides between these codes and those made by division.
func requantize(a *asm) {
	a.fn("requantize", "func(codes *byte, x, scale, offset *float32, n, low, high, bias int)", "chooses codes for scales and offsets, on 16 lanes.")
	codes, x, scale, offset, n := a.arg("codes"), a.arg("x"), a.arg("scale"), a.arg("offset"), a.arg("n")
	a.SHLQ(Imm(6), n)
	low, high, bias := a.argInt("low"), a.argInt("high"), a.argInt("bias")
	// Added to a number within 2^15, magic leaves the code in the lowest byte, and the upper half is always the same.
	magic := a.add(a.toFloat(bias), a.konst(12582912+1<<15))
	lowest, highest := a.iadd(low, magic), a.iadd(high, magic)
	half := a.GP64()
	a.XORQ(half, half)
	a.eachHalf([]reg.GPVirtual{x, scale, offset}, func() {
		fast, divide, done := a.label("multiply"), a.label("divide"), a.label("chosen")
		s, o := a.load(row(scale, 0)), a.load(row(offset, 0))
		inv := a.div(a.konst(1), s)
		size := a.and(inv, a.bits(magnitudeBits))
		ordinary := a.both(a.both(a.cmp(size, lessThan, a.sharedFloat(1e30)), a.cmp(size, greater, a.sharedFloat(1e-30))),
			a.cmp(a.and(o, a.bits(magnitudeBits)), lessThan, a.sharedFloat(1e37)))
		a.skipUnless(a.not(ordinary), fast)

		a.Label(divide)
		used := a.cmp(s, notEqual, a.bits(0))
		to := a.GP64()
		from := func() { a.LEAQ(Mem{Base: codes, Index: half, Scale: 1}, to) }
		from()
		a.loop(n, 64, func(i reg.GPVirtual) {
			y := a.div(a.add(o, at(x, i)), s)
			c := a.iadd(a.imax(a.imin(a.nearest(y), high), low), bias)
			old := a.vec()
			a.VPMOVZXBD(Mem{Base: to}, old)
			a.set(old, used, c)
			a.storeBytes(old, Mem{Base: to})
			a.ADDQ(Imm(16), to)
		})
		a.JMP(LabelRef(done))

		a.Label(fast)
		upper, farthest := a.bits(0), a.bits(0)
		from()
		a.loop(n, 64, func(i reg.GPVirtual) {
			y := a.mul(a.add(o, at(x, i)), inv)
			z := a.add(y, magic)
			a.differing(upper, z, a.shared(math.Float32bits(12582912)))
			away := a.and(a.sub(y, a.sub(z, magic)), a.shared(magnitudeBits))
			a.VPMAXUD(away, farthest, farthest)
			z = a.imax(a.imin(z, highest), lowest)
			if !a.wide {
				z = a.and(z, a.shared(0xff)) // wide stores cut the rest off
			}
			a.storeBytes(z, Mem{Base: to})
			a.ADDQ(Imm(16), to)
		})
		strange := a.either(a.cmp(farthest, notAtMost, a.sharedFloat(0.5-0x1p-16)), a.not(a.icmpEq(a.and(upper, a.shared(0xffff0000)), a.bits(0))))
		a.skipUnless(strange, done)
		a.JMP(LabelRef(divide))
		a.Label(done)
		a.ADDQ(Imm(8), half)
	})
	a.ret()
}

// laneCodes gives nearest(inverse·(x - from)) between low and high, plus bias; 0 in lanes whose inverse is 0.
func laneCodes(a *asm) {
	a.fn("laneCodes", "func(codes *byte, x, inverse, from *float32, n, low, high, bias int)", "gives the codes of a search, on 16 lanes.")
	codes, x, inverse, from, n := a.arg("codes"), a.arg("x"), a.arg("inverse"), a.arg("from"), a.arg("n")
	a.SHLQ(Imm(6), n)
	low, high, bias := a.argInt("low"), a.argInt("high"), a.argInt("bias")
	magic, mantissa, middle := a.konst(12582912), a.bits(0x7fffff), a.bits(0x400000)
	a.eachHalf([]reg.GPVirtual{x, inverse, from}, func() {
		f, o := a.load(row(inverse, 0)), a.load(row(from, 0))
		used := a.cmp(f, notEqual, a.bits(0))
		to := a.GP64()
		a.MOVQ(codes, to)
		a.loop(n, 64, func(i reg.GPVirtual) {
			y := a.mul(a.sub(a.load(at(x, i)), o), f)
			c := a.isub(a.and(a.add(y, magic), mantissa), middle)
			a.storeBytes(a.only(used, a.iadd(a.imax(a.imin(c, high), low), bias)), Mem{Base: to})
			a.ADDQ(Imm(16), to)
		})
		a.ADDQ(Imm(8), codes)
	})
	a.ret()
}
