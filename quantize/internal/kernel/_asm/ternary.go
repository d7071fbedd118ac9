package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Ternary codes are -1, 0 and 1 here: x·inverse rounded, which is between -1 and 1.

// codesTQ2_0 puts values 32 apart into a byte.
func codesTQ2_0(a *asm) {
	coder{asm: a, size: 66, elems: 256, inverses: 1, per: 1}.function("codesTQ2_0", func(c coder) {
		trit := c.awayFromZero(c.inverse(0))
		var t []reg.VecVirtual
		for i := 0; i < 64; i += c.lanes() {
			first := i/32*128 + i%32
			v := trit(c.value(first + 96))
			for n := 64; n >= 0; n -= 32 {
				c.VPSLLD(Imm(2), v, v)
				c.VPADDD(trit(c.value(first+n)), v, v)
			}
			if t = append(t, v); len(t) == 4 {
				v := c.addBytes(c.packSigned([4]reg.VecVirtual(t)), c.shared(0x55555555))
				c.store(v, c.out(0, i+c.lanes()-4*c.lanes()))
				t = nil
			}
		}
	})
}

// codesQ2_0 puts neighbours into a byte.
func codesQ2_0(a *asm) {
	coder{asm: a, size: 18, elems: 64, inverses: 1, per: a.lanes() / 4}.function("codesQ2_0", func(c coder) {
		var t [4]reg.VecVirtual
		for i := range t {
			trit := c.awayFromZero(c.inverse(4 * c.lanes() * i / 64))
			var four [4]reg.VecVirtual
			for j := range four {
				four[j] = trit(c.value(c.lanes() * (4*i + j)))
			}
			v := c.packSigned(four)
			c.VPMADDUBSW(v, c.load(c.shared(0x04010401)), v) // t[0] + 4·t[1]
			t[i] = c.pairs(v, c.shared(0x00100001))
		}
		v := c.addBytes(c.packSigned(t), c.shared(0x55555555))
		for k := range c.per {
			c.storePart(v, k, c.out(k, 2))
		}
	})
}

// codesTQ1_0 puts five digits of base 3 into a byte, as a fraction of 243 rounded up to a fraction of 256.
func codesTQ1_0(a *asm) {
	coder{asm: a, size: 54, elems: 256, inverses: 1, per: 1}.function("codesTQ1_0", func(c coder) {
		trit := c.awayFromZero(c.inverse(0))
		// fraction turns the value of digits -1, 0 and 1 into the byte: (256·(v+bias) + 242) / 243.
		fraction := func(v reg.VecVirtual, bias int) reg.VecVirtual {
			v = c.iadd(c.pairs(v, c.shared(tq1Factor)), c.shared(uint32(tq1Factor*bias+tq1Summand)))
			c.VPSRLD(Imm(tq1Shift), v, v)
			return v
		}
		var t []reg.VecVirtual
		for _, part := range []struct{ first, stride int }{{0, 32}, {160, 16}} {
			for i := 0; i < part.stride; i += c.lanes() {
				v := trit(c.value(part.first + i))
				for n := 1; n < 5; n++ {
					v = c.iadd(c.pairs(v, c.shared(3)), trit(c.value(part.first+part.stride*n+i)))
				}
				t = append(t, fraction(v, 121))
			}
		}
		// The last 16 values are four digits of four bytes.
		weights := [4]uint32{81, 27, 9, 3}
		var table []uint32
		for _, w := range weights {
			table = append(table, w, w, w, w)
		}
		last := c.vec()
		for i := 0; i < 16; i += c.lanes() {
			v := c.pairs(trit(c.value(240+i)), c.table("weightsTQ1", table...).Offset(4*i))
			if i == 0 {
				last = v
			} else {
				c.VPADDD(v, last, last)
			}
		}
		if c.wide {
			y := c.YMM()
			c.VEXTRACTI64X4(Imm(1), last, y)
			c.VPADDD(last.AsY(), y, last.AsY())
		}
		x := c.XMM()
		c.VEXTRACTI128(Imm(1), last.AsY(), x)
		c.VPADDD(last.AsX(), x, last.AsX())
		last = fraction(last, 120) // a fifth digit is -1

		if c.wide {
			v := c.packUnsigned([4]reg.VecVirtual{t[0], t[1], t[2], last})
			c.VMOVDQU(v.AsY(), c.out(0, 0))
			c.storePart(v, 2, c.out(0, 32))
			c.VEXTRACTI32X4(Imm(3), v, x)
		} else {
			c.store(c.packUnsigned([4]reg.VecVirtual(t[:4])), c.out(0, 0))
			v := c.packUnsigned([4]reg.VecVirtual{t[4], t[5], last, last})
			c.storePart(v, 0, c.out(0, 32))
			c.VEXTRACTI128(Imm(1), v, x)
		}
		c.VMOVD(x, c.out(0, 48))
	})
}

// Factor, summand and shift of fraction: (factor·v + summand) >> shift is right for v = 0 … 242.
const (
	tq1Factor  = 8631
	tq1Summand = 1052400 - 121*tq1Factor
	tq1Shift   = 13
)

// signsQ1_0 writes one bit a value: 1 unless the value is below zero.
func signsQ1_0(a *asm) {
	coder{asm: a, size: 18, elems: 128, per: 1}.function("signsQ1_0", func(c coder) {
		zero := c.bits(0)
		for i := 0; i < 128; i += c.lanes() {
			g := c.maskBits(c.cmp(c.load(c.value(i)), atLeast, zero))
			if c.wide {
				c.MOVW(g.As16(), c.out(0, 2+i/8))
			} else {
				c.MOVB(g.As8(), c.out(0, 2+i/8))
			}
		}
	})
}

// sumMagnitudes adds |x| of every lane of a tile in the order of rows.
func sumMagnitudes(a *asm) {
	a.fn("sumMagnitudes", "func(sum, x *float32, rows int)", "adds magnitudes of every lane.")
	sum, x, n := a.arg("sum"), a.arg("x"), a.arg("rows")
	a.SHLQ(Imm(6), n)
	magnitude := a.bits(magnitudeBits)
	var s []reg.VecVirtual
	for range a.halves() {
		s = append(s, a.bits(0))
	}
	a.loop(n, 64, func(i reg.GPVirtual) {
		for h := range s {
			a.addTo(s[h], a.and(magnitude, at(x, i).Offset(h*a.width())))
		}
	})
	for h := range s {
		a.store(s[h], Mem{Base: sum, Disp: h * a.width()})
	}
	a.ret()
}
