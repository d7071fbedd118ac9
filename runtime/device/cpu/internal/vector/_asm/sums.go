package main

import (
	"math"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Constants of exponentials, as in package vector.
const (
	log2E    = 1 / math.Ln2
	magic    = 0x1.8p23
	ln2High  = 0x1.62e4p-1
	ln2Low   = math.Ln2 - ln2High
	least    = -87.3
	magic64  = 0x1.8p52
	least64  = -700
	lastTerm = 10
)

// coefficients are of e^r by falling powers.
var coefficients = []float32{0x1.6a23cep-10, 0x1.123a2p-7, 0x1.5558f2p-5, 0x1.555492p-3, 0x1.fffffcp-2, 1, 1}

// exp gives e^x for x ≤ 0 as vector.exp does.
func (a *asm) exp(x reg.VecVirtual) reg.VecVirtual {
	// Where x is too small the result is cleared at the end; NaN stays.
	low := a.vec()
	a.VMOVUPS(a.float(least), low)
	c := a.more(low, x)
	t := a.vec()
	a.VMOVUPS(a.float(magic), t)
	a.VFMADD231PS(a.float(log2E), c, t)
	n := a.sub(t, a.float(magic))
	a.VFMADD231PS(a.float(-ln2High), n, c)
	a.VFMADD231PS(a.float(-ln2Low), n, c)
	p := a.load(a.float(coefficients[0]))
	for _, k := range coefficients[1:] {
		a.VFMADD213PS(a.float(k), c, p)
	}
	a.VPSLLD(Imm(23), t, t)
	a.VPADDD(a.float(1), t, t)
	v := a.mul(p, t)
	if a.wide {
		small := a.K()
		a.VCMPPS(U8(notLess), low, x, small)
		a.VMOVAPS_Z(v, small, v)
		return v
	}
	keep := a.vec()
	a.VCMPPS(U8(notLess), low, x, keep)
	a.VANDPS(keep, v, v)
	return v
}

// notLess is the predicate x ≥ y or either is NaN.
const notLess = 0x15

// touch reads one value of each cache line.
func touch(a *asm) {
	a.fn("touch", "func(x *float32, n int)", "reads n values.")
	x, n, v := a.arg("x"), a.arg("n"), a.GP32()
	a.SHLQ(Imm(2), n)
	a.loop(n, 64, func(i reg.GPVirtual) { a.MOVL(at(x, i), v) })
	a.RET()
}

// largest gives the largest numbers of each lane.
func largest(a *asm) {
	a.fn("largest", "func(x *float32, n int, lanes *float32)", "raises 16 lanes to the largest of n values, a multiple of 16; NaN is no value.")
	x, n, lanes := a.arg("x"), a.arg("n"), a.arg("lanes")
	var most []reg.VecVirtual
	for i := range a.parts() {
		most = append(most, a.load(a.part(Mem{Base: lanes}, i)))
	}
	a.SHLQ(Imm(2), n)
	a.loop(n, 64, func(i reg.GPVirtual) {
		for j := range most {
			v := a.load(a.part(at(x, i), j))
			a.VMAXPS(most[j], v, most[j])
		}
	})
	for i := range most {
		a.store(most[i], a.part(Mem{Base: lanes}, i))
	}
	a.ret()
}

// doubles is how many registers 16 float64 take.
func (a *asm) doubles() int { return 128 / a.width() }

// lanes64 loads 16 sums, which storeLanes64 puts back.
func (a *asm) lanes64(p reg.GPVirtual) (sums []reg.VecVirtual) {
	for i := range a.doubles() {
		sums = append(sums, a.load(a.part(Mem{Base: p}, i)))
	}
	return sums
}

func (a *asm) storeLanes64(sums []reg.VecVirtual, p reg.GPVirtual) {
	for i := range sums {
		a.store(sums[i], a.part(Mem{Base: p}, i))
	}
}

// widen makes float64 of half a register of float32 in memory.
func (a *asm) widen(m Mem, i int) reg.VecVirtual {
	m.Disp += i * a.width() / 2
	v := a.vec()
	a.VCVTPS2PD(m, v)
	return v
}

func squares(a *asm) {
	a.fn("squares", "func(x *float32, n int, lanes *float64)", "adds the squares of n values, a multiple of 16, to 16 lanes.")
	x, n, lanes := a.arg("x"), a.arg("n"), a.arg("lanes")
	sums := a.lanes64(lanes)
	a.SHLQ(Imm(2), n)
	a.loop(n, 64, func(i reg.GPVirtual) {
		for j := range sums {
			v := a.widen(at(x, i), j)
			a.VFMADD231PD(v, v, sums[j])
		}
	})
	a.storeLanes64(sums, lanes)
	a.ret()
}

func expSum(a *asm) {
	a.fn("expSum", "func(x *float32, n int, most float32, lanes *float64)", "makes x = exp(x-most) of n values, a multiple of 16, and adds them to 16 lanes.")
	x, n, lanes := a.arg("x"), a.arg("n"), a.arg("lanes")
	most := a.argFloat("most")
	sums := a.lanes64(lanes)
	a.SHLQ(Imm(2), n)
	a.loop(n, 64, func(i reg.GPVirtual) {
		for j := range a.parts() {
			m := a.part(at(x, i), j)
			e := a.exp(a.sub(a.load(m), most))
			a.store(e, m)
			low, high := a.vec(), a.vec()
			if a.wide {
				other := a.YMM()
				a.VEXTRACTF32X8(Imm(1), e, other)
				a.VCVTPS2PD(e.AsY(), low)
				a.VCVTPS2PD(other, high)
			} else {
				other := a.XMM()
				a.VEXTRACTF128(Imm(1), e, other)
				a.VCVTPS2PD(e.AsX(), low)
				a.VCVTPS2PD(other, high)
			}
			a.VADDPD(low, sums[2*j], sums[2*j])
			a.VADDPD(high, sums[2*j+1], sums[2*j+1])
		}
	})
	a.storeLanes64(sums, lanes)
	a.ret()
}

// sumExp is in float64 throughout.
func sumExp(a *asm) {
	a.fn("sumExp", "func(x *float32, n int, most float64, lanes *float64)", "adds exp(x-most) of n values, a multiple of 16, to 16 lanes.")
	x, n, lanes := a.arg("x"), a.arg("n"), a.arg("lanes")
	c, err := a.Param("most").Resolve()
	if err != nil {
		panic(err)
	}
	most := a.vec()
	a.VBROADCASTSD(c.Addr, most)
	sums := a.lanes64(lanes)
	a.SHLQ(Imm(2), n)
	a.loop(n, 64, func(i reg.GPVirtual) {
		for j := range sums {
			v, t, p, k := a.widen(at(x, i), j), a.vec(), a.vec(), a.vec()
			a.VSUBPD(most, v, v)
			low := a.load(a.double(least64))
			a.VMAXPD(v, low, v) // the second where one is NaN
			a.VMOVUPD(a.double(magic64), t)
			a.VFMADD231PD(a.double(log2E), v, t)
			a.VSUBPD(a.double(magic64), t, k)
			a.VFMADD231PD(a.double(-math.Ln2), k, v)
			f := 1.0
			for i := 2; i <= lastTerm; i++ {
				f *= float64(i)
			}
			a.VMOVUPD(a.double(1/f), p)
			for i := lastTerm; i > 0; i-- {
				f /= float64(i)
				a.VFMADD213PD(a.double(1/f), v, p)
			}
			a.VPSLLQ(Imm(52), t, t)
			a.VPADDQ(a.double(1), t, t)
			a.VFMADD231PD(p, t, sums[j]) // the product is exact
		}
	})
	a.storeLanes64(sums, lanes)
	a.ret()
}
