package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// cutFP4 gives x·inverse cut to an integer: how many halves of a scale |x| is above, with its sign.
func (c coder) cutFP4(inv reg.VecVirtual) rounder {
	return func(x Mem) reg.VecVirtual { return c.truncInt(c.mul(inv, x)) }
}

// codeFP4 is the code for |x| above n halves of a scale: of the borders 1, 3, 5, 7, 10, 14 and 20 halves, which are
// the numbers of halves below which a level is nearest.
func codeFP4(n int) (code uint8) {
	for _, border := range []int{1, 3, 5, 7, 10, 14, 20} {
		if n >= border {
			code++
		}
	}
	return code
}

// lookUpFP4 turns bytes of cutFP4 into codes. Magnitudes are below 64.
func (c coder) lookUpFP4(v reg.VecVirtual) reg.VecVirtual {
	if c.wide { // a table for each sign
		var table [128]uint8
		for n := range 64 {
			table[n] = codeFP4(n)
			if n > 0 {
				table[128-n] = codeFP4(n) + 8
			}
		}
		c.VPERMI2B(c.byteTable("negativeFP4", table[64:]), c.load(c.byteTable("positiveFP4", table[:64])), v)
		return v
	}
	var table [32]uint8
	for i := range table {
		table[i] = codeFP4(i % 16)
	}
	n, code, last := c.vec(), c.vec(), c.vec()
	c.VPABSB(v, n)
	c.VPSHUFB(c.minBytes(n, c.shared(0x0f0f0f0f)), c.load(c.byteTable("codesFP4", table[:])), code)
	c.VPCMPGTB(c.shared(0x13131313), n, last) // -1 from 20 on
	c.VPSUBB(last, code, code)
	sign := c.and(v, c.shared(0x80808080))
	c.VPSRLW(Imm(4), sign, sign)
	return c.or(code, sign)
}

func codesMXFP4(a *asm) {
	a.blocks32(17).function("codesMXFP4", func(c coder) {
		low, high := c.halvesOf(func(k int) rounder { return c.cutFP4(c.inverse(k)) })
		c.storeNibbles(c.lookUpFP4(low), c.lookUpFP4(high), 1)
	})
}

// codesNVFP4 has four groups of 16 in a block, with 8 bytes of codes each.
func codesNVFP4(a *asm) {
	coder{asm: a, size: 36, elems: 64, inverses: 4, per: 1}.function("codesNVFP4", func(c coder) {
		for g := 0; g < 4; g += c.lanes() / 4 {
			var t []reg.VecVirtual
			for i := 0; i < 16*(c.lanes()/4); i += c.lanes() {
				t = append(t, c.cutFP4(c.inverse(g+i/16))(c.value(16*g+i)))
			}
			v := c.lookUpFP4(c.packSigned([4]reg.VecVirtual(t)))
			upper := c.vec()
			c.VPSRLDQ(Imm(8), v, upper)
			v = c.or(v, c.shiftWords(4, upper)) // the lower half of each 128 bits counts
			if c.wide {
				c.VPERMQ(v, c.load(c.table("evenQuads", 0, 0, 2, 0, 4, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0)), v)
				c.VMOVDQU(v.AsY(), c.out(0, 4))
			} else {
				c.VPERMQ(Imm(0x08), v, v)
				c.VMOVDQU(v.AsX(), c.out(0, 4+8*g))
			}
		}
	})
}
