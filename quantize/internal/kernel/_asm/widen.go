package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// streamValues is how many values the kernels of this file take at a time; n is a multiple of it.
const streamValues = 32

// kind is how values lie in memory.
type kind struct {
	pointed string // the Go type that pointers have
	size    int
}

var floats = kind{"float32", 4}

// raw are values in bytes, at any address.
func raw(size int) kind { return kind{"byte", size} }

// stream writes a function that turns n values of one kind into another. body turns as many as a register holds
// float32.
func stream(a *asm, name, params, doc string, to, from kind, body func(dst, src Mem)) {
	a.fn(name, fmt.Sprintf("func(dst *%s, src *%s, n int%s)", to.pointed, from.pointed, params), doc)
	dst, src, n := a.arg("dst"), a.arg("src"), a.arg("n")
	again := a.label("values")
	a.Label(again)
	for k := 0; k < streamValues; k += a.lanes() {
		body(Mem{Base: dst, Disp: to.size * k}, Mem{Base: src, Disp: from.size * k})
	}
	a.addImm(to.size*streamValues, dst)
	a.addImm(from.size*streamValues, src)
	a.SUBQ(Imm(streamValues), n)
	a.JNZ(LabelRef(again))
	a.ret()
}

// addImm moves a pointer on.
func (a *asm) addImm(n int, p reg.GPVirtual) {
	if n < 128 {
		a.ADDQ(Imm(uint64(n)), p)
	} else {
		a.ADDQ(U32(uint64(n)), p)
	}
}

// half is a register of half the tier's width: as many 16-bit values as a register has float32.
func (a *asm) half() reg.VecVirtual {
	if a.wide {
		return a.YMM()
	}
	return a.XMM()
}

// words is a 16-bit pattern in memory, 32 times.
func (a *asm) words(w uint16) Mem { return a.shared(uint32(w)<<16 | uint32(w)) }

// copyF32 is there because the copy of Go's library is slow on some processors for what the second-level cache holds.
func copyF32(a *asm) {
	stream(a, "copyF32", "", "copies values.", raw(4), raw(4), func(dst, src Mem) { a.store(a.load(src), dst) })
}

func widenBF16(a *asm) {
	stream(a, "widenBF16", "", "gives the values of bfloat16.", floats, raw(2), func(dst, src Mem) {
		v := a.vec()
		a.VPMOVZXWD(src, v)
		a.VPSLLD(Imm(16), v, v)
		a.store(v, dst)
	})
}

func widenF16(a *asm) {
	stream(a, "widenF16", "", "gives the values of halves.", floats, raw(2), func(dst, src Mem) {
		v := a.vec()
		a.VCVTPH2PS(src, v)
		a.store(v, dst)
	})
}

func narrowF64(a *asm) {
	stream(a, "narrowF64", "", "rounds float64.", floats, raw(8), func(dst, src Mem) {
		for k := range 2 {
			x, v := a.vec(), a.half()
			a.VMOVUPD(Mem{Base: src.Base, Disp: src.Disp + k*a.width()}, x)
			if a.wide {
				a.VCVTPD2PS(x, v)
			} else {
				a.VCVTPD2PSY(x, v)
			}
			a.VMOVUPS(v, Mem{Base: dst.Base, Disp: dst.Disp + k*a.width()/2})
		}
	})
}

// roundF16 makes every NaN the quiet one of its sign.
func roundF16(a *asm) {
	stream(a, "roundF16", "", "rounds to halves.", raw(2), floats, func(dst, src Mem) {
		h := a.half()
		a.VCVTPS2PH(Imm(0), a.load(src), h)
		nan := a.half()
		a.VPAND(a.words(0x7fff), h, nan)
		a.wordsAbove(nan, 0x7c00)
		a.VPAND(a.words(0x01ff), nan, nan)
		a.VPANDN(h, nan, h)
		a.VMOVDQU(h, dst)
	})
}

// wordsAbove sets the words of v that are above a limit, as signed numbers, to ones and the others to 0.
func (a *asm) wordsAbove(v reg.VecVirtual, limit uint16) { a.VPCMPGTW(a.words(limit), v, v) }

// roundBF16 rounds to even by adding just less than half a unit, and the unit's own bit. NaN keeps its upper half and
// becomes quiet.
func roundBF16(a *asm) {
	stream(a, "roundBF16", "", "rounds to bfloat16.", raw(2), floats, func(dst, src Mem) {
		x, v := a.load(src), a.vec()
		a.VPSRLD(Imm(16), x, v)
		quiet := a.vec()
		if a.wide {
			a.VPORD(a.shared(0x40), v, quiet)
		} else {
			a.VPOR(a.shared(0x40), v, quiet)
		}
		v = a.iadd(a.iadd(a.band(v, a.shared(1)), a.shared(0x7fff)), x)
		a.VPSRLD(Imm(16), v, v)
		a.set(v, a.cmp(x, unordered, x), quiet)
		if a.wide {
			a.VPMOVDW(v, dst)
			return
		}
		high := a.XMM()
		a.VEXTRACTI128(Imm(1), v, high)
		a.VPACKUSDW(high, v.AsX(), high)
		a.VMOVDQU(high, dst)
	})
}

// fp8 writes the two functions of an 8-bit float: the plain values, and with a scale. halves turns codes, which fill
// half a register as words, into halves; factor is what these are too small by.
func fp8(a *asm, name string, factor float32, halves func(c reg.VecVirtual) reg.VecVirtual) {
	for _, scaled := range []bool{false, true} {
		full, params := "widen"+name, ""
		if scaled {
			full, params = "scale"+name, ", scale float32"
		}
		var scale reg.VecVirtual
		stream(a, full, params, "gives the values of 8-bit floats.", floats, raw(1), func(dst, src Mem) {
			if scaled && scale == nil {
				scale = a.argFloat("scale")
			}
			c, v := a.half(), a.vec()
			a.VPMOVZXBW(src, c)
			a.VCVTPH2PS(halves(c), v)
			if factor != 1 {
				v = a.mul(v, a.sharedFloat(factor))
			}
			if scaled {
				v = a.mul(v, scale)
			}
			a.store(v, dst)
		})
	}
}

// E5M2 is the upper byte of a half. Its three NaN are one in Go's table: that of 0x7e.
func fp8E5M2(a *asm) {
	fp8(a, "E5M2", 1, func(c reg.VecVirtual) reg.VecVirtual {
		a.VPSLLW(Imm(8), c, c)
		nan := a.half()
		a.VPAND(a.words(0x7fff), c, nan)
		a.wordsAbove(nan, 0x7c00)
		other := a.half()
		a.VPAND(a.words(0x0100), nan, other)
		a.VPANDN(c, other, c)
		a.VPAND(a.words(0x0200), nan, nan)
		a.VPOR(nan, c, c)
		return c
	})
}

// E4M3 has a bit of exponent less than a half, three bits of mantissa, and a bias that makes it 2^8 times as large.
// What would be 480 is NaN.
func fp8E4M3(a *asm) {
	fp8(a, "E4M3", 256, func(c reg.VecVirtual) reg.VecVirtual {
		sign, nan := a.half(), a.half()
		a.VPSLLW(Imm(8), c, sign)
		a.VPSLLW(Imm(7), c, c)
		a.VPAND(a.words(0x3f80), c, c)
		a.VPAND(a.words(0x8000), sign, sign)
		copied := a.half()
		a.VMOVDQA(c, copied)
		a.wordsAbove(copied, 0x3f7f)
		a.VPAND(a.words(0x4180), copied, nan)
		a.VPXOR(nan, c, c)
		a.VPOR(sign, c, c)
		return c
	})
}

// scanBytes is how much the scanning kernels look at between two branches; n is a multiple of it.
const scanBytes = 128

// scan writes a function that gives how many bytes come before the first scanBytes which have a value whose magnitude has
// bits above most. Magnitudes order as integers do, so one comparison of the largest of each lane is enough.
func scan(a *asm, name string, magnitude Mem, fill, larger, above func(...Op)) {
	a.fn(name, "func(src *byte, n, most int) int", "looks for magnitudes above most.")
	src, n, done, most := a.arg("src"), a.arg("n"), a.GP64(), a.vec()
	bits := a.XMM()
	a.VMOVD(a.arg("most").As32(), bits)
	fill(bits, most)
	again, end := a.label("chunk"), a.label("end")
	a.XORQ(done, done)
	a.Label(again)
	var top reg.VecVirtual
	for d := 0; d < scanBytes; d += a.width() {
		v := a.band(a.load(Mem{Base: src, Index: done, Scale: 1, Disp: d}), magnitude)
		if top != nil {
			larger(top, v, v)
		}
		top = v
	}
	if a.wide {
		k := a.K()
		above(most, top, k)
		a.KORTESTD(k, k)
	} else {
		above(most, top, top)
		a.VPTEST(top, top)
	}
	a.JNE(LabelRef(end))
	a.ADDQ(U32(scanBytes), done)
	a.CMPQ(done, n)
	a.JLT(LabelRef(again))
	a.Label(end)
	a.Store(done, a.ReturnIndex(0))
	a.ret()
}

// scanF32 looks at float32.
func scanF32(a *asm) {
	scan(a, "scanF32", a.shared(magnitudeBits), a.VPBROADCASTD, a.VPMAXSD, a.VPCMPGTD)
}

// scan16 looks at 16-bit floats.
func scan16(a *asm) { scan(a, "scan16", a.words(0x7fff), a.VPBROADCASTW, a.VPMAXSW, a.VPCMPGTW) }
