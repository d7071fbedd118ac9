package main

import (
	"github.com/mmcloughlin/avo/reg"

	. "github.com/mmcloughlin/avo/operand"
)

// band and borTo are bitwise and with either tier's instruction.
func (a *asm) band(x, y Op) reg.VecVirtual {
	v := a.vec()
	if a.wide {
		a.VPANDD(y, x, v)
	} else {
		a.VPAND(y, x, v)
	}
	return v
}

func (a *asm) borTo(v reg.VecVirtual, x Op) {
	if a.wide {
		a.VPORD(x, v, v)
	} else {
		a.VPOR(x, v, v)
	}
}

// shifted moves every byte, of which only the bits of mask matter, from bit position `from` to position `to`.
func (a *asm) shifted(x, mask reg.VecVirtual, from, to int) reg.VecVirtual {
	v := x
	if from > 0 {
		v = a.vec()
		a.VPSRLW(Imm(uint64(from)), x, v)
	}
	v = a.band(v, mask)
	if to > 0 {
		a.VPSLLW(Imm(uint64(to)), v, v)
	}
	return v
}

// packNibbles, packPairs and packBits are PackNibbles, PackPairs and PackBits for n bytes, a multiple of 64.
func packNibbles(a *asm) {
	a.fn("packNibbles", "func(dst, low, high *byte, n int)", "is PackNibbles.")
	dst, low, high, n := a.arg("dst"), a.arg("low"), a.arg("high"), a.arg("n")
	mask := a.bits(0x0f0f0f0f)
	a.loop(n, a.width(), func(i reg.GPVirtual) {
		v := a.band(mask, at(low, i))
		a.borTo(v, a.shifted(a.load(at(high, i)), mask, 0, 4))
		a.store(v, at(dst, i))
	})
	a.ret()
}

func packPairs(a *asm) {
	a.fn("packPairs", "func(dst, a, b, c, d *byte, n, shift int)", "is PackPairs.")
	dst, n := a.arg("dst"), a.arg("n")
	parts := []reg.GPVirtual{a.arg("a"), a.arg("b"), a.arg("c"), a.arg("d")}
	shift := a.XMM()
	a.VMOVQ(a.arg("shift"), shift)
	mask := a.bits(0x03030303)
	a.loop(n, a.width(), func(i reg.GPVirtual) {
		v := a.bits(0)
		for k, p := range parts {
			c := a.vec()
			a.VPSRLW(shift, a.load(at(p, i)), c)
			a.borTo(v, a.shifted(c, mask, 0, 2*k))
		}
		a.store(v, at(dst, i))
	})
	a.ret()
}

func packBits(a *asm) {
	a.fn("packBits", "func(dst, codes *byte, stride, n, bit int)", "is PackBits.")
	dst, codes, stride, n := a.arg("dst"), a.arg("codes"), a.arg("stride"), a.arg("n")
	shift := a.XMM()
	a.VMOVQ(a.arg("bit"), shift)
	mask := a.bits(0x01010101)
	a.loop(n, a.width(), func(i reg.GPVirtual) {
		v, p := a.bits(0), a.GP64()
		a.LEAQ(at(codes, i), p)
		for g := range 8 {
			c := a.vec()
			a.VPSRLW(shift, a.load(Mem{Base: p}), c)
			a.borTo(v, a.shifted(c, mask, 0, g))
			a.ADDQ(stride, p)
		}
		a.store(v, at(dst, i))
	})
	a.ret()
}
