package main

import (
	"math"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// round is roundPlain.
func round(a *asm) {
	a.fn("round", "func(values, low *int8, scale, sum *float32, offset *int32, halfSum *float32, halfOffset *int32, x *float32, spans, span int, steps, divisor float32, shift int)",
		"rounds groups of 32 values, as many as a span has to multiples of the same scale.")
	r := rounding{asm: a, values: a.arg("values"), x: a.arg("x"), scale: a.arg("scale"), sum: a.arg("sum"), offset: a.arg("offset"),
		halfSum: a.arg("halfSum"), halfOffset: a.arg("halfOffset"), shift: a.XMM()}
	if a.wide {
		r.low = a.arg("low")
	}
	a.VMOVQ(a.argMem("shift"), r.shift)
	a.loop(a.arg("spans"), func() {
		unit, by, keep := r.units()
		a.loop(a.arg("span"), func() { r.group(unit, by, keep) })
	})
	a.ret()
}

// rounding is where round is.
type rounding struct {
	*asm
	values, low, scale, sum, offset, halfSum, halfOffset, x reg.GPVirtual
	shift                                                   reg.VecVirtual
}

// units gives the scale of a span, in all lanes its inverse, and what to keep of values: nothing when one is not finite.
func (a *rounding) units() (unit, by, keep reg.VecVirtual) {
	// The largest magnitude, found among integers: NaN is larger than infinity.
	top, x := a.vec(), a.GP64()
	a.zero(top)
	a.MOVQ(a.x, x)
	a.loop(a.arg("span"), func() {
		for at := 0; at < 128; at += a.width() {
			m := a.vec()
			a.magnitude(a.load(a.mem(x, at)), m)
			a.VPMAXUD(m, top, top)
		}
		a.ADDQ(U32(128), x)
	})
	if a.wide {
		half := a.YMM()
		a.VEXTRACTI64X4(Imm(1), top, half)
		a.VPMAXUD(half, top.AsY(), top.AsY())
	}
	t, m := a.XMM(), a.XMM()
	a.VEXTRACTI128(Imm(1), top.AsY(), t)
	a.VPMAXUD(t, top.AsX(), t)
	a.VPSHUFD(Imm(0x4e), t, m)
	a.VPMAXUD(m, t, t)
	a.VPSHUFD(Imm(0xb1), t, m)
	a.VPMAXUD(m, t, m)

	inverse, bits, mask := a.XMM(), a.GP32(), a.GP32()
	unit = a.XMM()
	a.VMOVSS(a.argMem("steps"), inverse)
	a.VDIVSS(a.argMem("divisor"), m, unit)
	a.VDIVSS(m, inverse, inverse)
	a.MOVL(U32(0xffffffff), mask)
	a.VMOVD(m, bits)
	small, odd, done := a.name("small"), a.name("odd"), a.name("done")
	a.CMPL(bits, U32(0x7f800000))
	a.JAE(LabelRef(odd))
	a.CMPL(bits, U32(math.Float32bits(0x1p-110)))
	a.JAE(LabelRef(done))
	a.JMP(LabelRef(small))
	a.Label(odd)
	a.MOVL(U32(0x7fc00000), bits)
	a.VMOVD(bits, unit)
	a.MOVL(U32(0), mask)
	a.VXORPS(inverse, inverse, inverse)
	a.JMP(LabelRef(done))
	a.Label(small)
	a.VXORPS(unit, unit, unit)
	a.VXORPS(inverse, inverse, inverse)
	a.Label(done)
	by, keep = a.vec(), a.vec()
	a.VBROADCASTSS(inverse, by)
	lanes := a.XMM()
	a.VMOVD(mask, lanes)
	a.VPBROADCASTD(lanes, keep)
	return unit, by, keep
}

// group rounds the next 32 values.
func (a *rounding) group(unit, by, keep reg.VecVirtual) {
	v := make([]reg.VecVirtual, 128/a.width())
	for i := range v {
		y := a.load(a.mem(a.x, i*a.width()))
		a.VANDPS(keep, y, y)
		a.VMULPS(by, y, y)
		a.VCVTPS2DQ(y, y)
		a.VPSLLD(a.shift, y, y)
		v[i] = y
	}
	first, second := a.YMM(), a.YMM() // to be added up for 16 values each
	if a.wide {
		for i, y := range v {
			a.VPMOVDB(y, a.mem(a.low, 16*i))
			h := a.vec()
			a.VPADDD(a.shared(128), y, h)
			a.VPSRAD(Imm(8), h, h)
			a.VPMOVDB(h, a.mem(a.values, 16*i))
		}
		a.VEXTRACTI64X4(Imm(1), v[0], first)
		a.VPADDD(v[0].AsY(), first, first)
		a.VEXTRACTI64X4(Imm(1), v[1], second)
		a.VPADDD(v[1].AsY(), second, second)
		a.ADDQ(Imm(32), a.low)
		a.ADDQ(Imm(32), a.values)
	} else {
		for odd, order := range []uint64{0x88, 0xdd} {
			e, f := a.YMM(), a.YMM()
			a.VSHUFPS(Imm(order), v[1], v[0], e)
			a.VSHUFPS(Imm(order), v[3], v[2], f)
			a.VPERMQ(Imm(0xd8), e, e)
			a.VPERMQ(Imm(0xd8), f, f)
			a.VPACKSSDW(f, e, e)
			a.VPERMQ(Imm(0xd8), e, e)
			a.VMOVDQU(e, a.mem(a.values, 32*odd))
		}
		a.VPADDD(v[0], v[1], first)
		a.VPADDD(v[2], v[3], second)
		a.ADDQ(Imm(64), a.values)
	}
	h, s := a.XMM(), a.XMM()
	a.VPHADDD(second, first, first)
	a.VEXTRACTI128(Imm(1), first, h)
	a.VPADDD(h, first.AsX(), h)
	a.VPHADDD(h, h, h) // first, second, first, second
	a.VPHADDD(h, h, s) // both
	units := a.XMM()
	a.VBROADCASTSS(unit, units)
	a.scaled(h, units, a.halfSum, a.halfOffset, a.VMOVQ)
	a.scaled(s, units, a.sum, a.offset, a.VMOVD)
	a.VMOVSS(unit, a.mem(a.scale, 0))
	for _, p := range []reg.GPVirtual{a.scale, a.sum, a.offset} {
		a.ADDQ(Imm(4), p)
	}
	a.ADDQ(Imm(8), a.halfSum)
	a.ADDQ(Imm(8), a.halfOffset)
	a.ADDQ(U32(128), a.x)
}

// magnitude clears the signs.
func (a *asm) magnitude(x, y reg.VecVirtual) { a.VANDPS(a.shared(0x7fffffff), x, y) }

// scaled stores unit·n and -128·n.
func (a *asm) scaled(n, unit reg.VecVirtual, sum, offset reg.GPVirtual, store func(x, m Op)) {
	f, o := a.XMM(), a.XMM()
	a.VCVTDQ2PS(n, f)
	a.VMULPS(unit, f, f)
	store(f, a.mem(sum, 0))
	a.VPSLLD(Imm(7), n, o)
	a.VPXOR(f, f, f)
	a.VPSUBD(o, f, o)
	store(o, a.mem(offset, 0))
}

// name gives a fresh label.
func (a *asm) name(s string) string {
	a.labels++
	return s + string(rune('A'+a.labels%26)) + string(rune('a'+a.labels/26))
}
