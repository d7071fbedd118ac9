package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// coder makes the codes of whole blocks, some at a time: their number must be a multiple of that.
type coder struct {
	*asm
	size     int // bytes of a block
	elems    int // values of a block
	inverses int // inverse scales of a block
	per      int // blocks at a time
	dst, x   reg.GPVirtual
	inv      reg.GPVirtual
}

// function writes a function whose body makes the blocks of one turn.
func (c coder) function(name string, body func(c coder)) {
	c.fn(name, "func(dst *byte, x *float32, blocks int, inverse *float32)", "makes codes from inverse scales.")
	c.dst, c.x, c.inv = c.arg("dst"), c.arg("x"), c.arg("inverse")
	left, again := c.arg("blocks"), c.label("blocks")
	c.Label(again)
	body(c)
	c.ADDQ(U32(uint64(4*c.elems*c.per)), c.x)
	c.ADDQ(U32(uint64(c.size*c.per)), c.dst)
	if c.inverses > 0 {
		c.ADDQ(Imm(uint64(4*c.inverses*c.per)), c.inv)
	}
	c.SUBQ(Imm(uint64(c.per)), left)
	c.JNZ(LabelRef(again))
	c.ret()
}

// value is the address of value i, counted from the first block.
func (c coder) value(i int) Mem { return Mem{Base: c.x, Disp: 4 * i} }

// inverse fills a register with the inverse scale i, counted from the first block.
func (c coder) inverse(i int) reg.VecVirtual {
	return c.broadcast(Mem{Base: c.inv, Disp: rdInverse + 4*i})
}

// out is where byte i of block k goes.
func (c coder) out(k, i int) Mem { return Mem{Base: c.dst, Disp: c.size*k + i} }

// copyScale puts the two or four bytes of a block's scale (and offset) where the block begins.
func (c coder) copyScale(k, bytes int) {
	g := c.GP32()
	c.MOVL(Mem{Base: c.inv, Disp: rdScale + 4*k}, g)
	if bytes == 2 {
		c.MOVW(g.As16(), c.out(k, 0))
	} else {
		c.MOVL(g, c.out(k, 0))
	}
}

// rounder gives the codes of one register of values, as 32-bit integers.
type rounder func(x Mem) reg.VecVirtual

// biased gives trunc(x·inverse + bias).
func (c coder) biased(k int) rounder {
	inv, bias := c.inverse(k), c.broadcast(Mem{Base: c.inv, Disp: rdShift + 4*k})
	return func(x Mem) reg.VecVirtual { return c.truncInt(c.add(c.mul(inv, x), bias)) }
}

// above gives trunc((x-low)·inverse + ½). With a finite inverse, errors of rounding are too small to reach the code
// after the highest.
func (c coder) above(k int) rounder {
	inv, low := c.inverse(k), c.broadcast(Mem{Base: c.inv, Disp: rdShift + 4*k})
	return func(x Mem) reg.VecVirtual {
		return c.truncInt(c.add(c.mul(c.sub(c.load(x), low), inv), c.sharedFloat(0.5)))
	}
}

// awayFromZero gives x·inverse rounded, halves away from zero: what is added before cutting is the largest float32
// below a half, with the sign of the value.
func (c coder) awayFromZero(inv reg.VecVirtual) rounder {
	return func(x Mem) reg.VecVirtual {
		y := c.mul(inv, x)
		return c.truncInt(c.add(y, c.or(c.and(y, c.shared(1<<31)), c.shared(0x3effffff))))
	}
}

// halvesOf gives the codes of blocks of 32 as bytes: those of the first 16 values of every block, one block after the
// other, and those of the others.
func (c coder) halvesOf(code func(k int) rounder) (low, high reg.VecVirtual) {
	var l, h []reg.VecVirtual
	for k := range c.per {
		r := code(k)
		for i := 0; i < 16; i += c.lanes() {
			l = append(l, r(c.value(32*k+i)))
			h = append(h, r(c.value(32*k+16+i)))
		}
	}
	return c.packSigned([4]reg.VecVirtual(l)), c.packSigned([4]reg.VecVirtual(h))
}

// storeNibbles writes low | high<<4, 16 bytes a block.
func (c coder) storeNibbles(low, high reg.VecVirtual, at int) {
	v := c.or(low, c.shiftWords(4, high))
	for k := range c.per {
		c.storePart(v, k, c.out(k, at))
	}
}

// blocks32 is a coder of as many blocks of 32 as make two registers of bytes.
func (a *asm) blocks32(size int) coder {
	return coder{asm: a, size: size, elems: 32, inverses: 1, per: a.lanes() / 4}
}

func codesQ4_0(a *asm) {
	a.blocks32(18).function("codesQ4_0", func(c coder) {
		low, high := c.halvesOf(c.biased)
		most := c.shared(0x0f0f0f0f)
		for k := range c.per {
			c.copyScale(k, 2)
		}
		c.storeNibbles(c.minBytes(low, most), c.minBytes(high, most), 2)
	})
}

func codesQ4_1(a *asm) {
	a.blocks32(20).function("codesQ4_1", func(c coder) {
		low, high := c.halvesOf(c.above)
		for k := range c.per {
			c.copyScale(k, 4)
		}
		c.storeNibbles(low, high, 4)
	})
}

func codesQ5_0(a *asm) {
	a.blocks32(22).function("codesQ5_0", func(c coder) {
		low, high := c.halvesOf(c.biased)
		most := c.shared(0x1f1f1f1f)
		c.storeFive(c.minBytes(low, most), c.minBytes(high, most), 2)
	})
}

func codesQ5_1(a *asm) {
	a.blocks32(24).function("codesQ5_1", func(c coder) {
		low, high := c.halvesOf(c.above)
		c.storeFive(low, high, 4)
	})
}

// storeFive writes a scale, the highest bits of codes of five bits, and the nibbles.
func (c coder) storeFive(low, high reg.VecVirtual, at int) {
	fifthLow, fifthHigh := c.topBits(c.shiftWords(3, low)), c.topBits(c.shiftWords(3, high))
	for k := range c.per {
		c.copyScale(k, at)
		for i, g := range []reg.GPVirtual{fifthLow, fifthHigh} {
			c.MOVW(g.As16(), c.out(k, at+2*i))
			if k < c.per-1 {
				c.SHRQ(Imm(16), g)
			}
		}
	}
	nibble := c.shared(0x0f0f0f0f)
	c.storeNibbles(c.and(low, nibble), c.and(high, nibble), at+4)
}

// topBits gives the highest bit of every byte.
func (c coder) topBits(v reg.VecVirtual) reg.GPVirtual {
	g := c.GP64()
	if c.wide {
		k := c.K()
		c.VPMOVB2M(v, k)
		c.KMOVQ(k, g)
	} else {
		c.VPMOVMSKB(v, g.As32())
	}
	return g
}

func codesQ8_0(a *asm) {
	c := coder{asm: a, size: 34, elems: 32, inverses: 1, per: a.lanes() / 8}
	c.function("codesQ8_0", func(c coder) {
		var t []reg.VecVirtual
		for k := range c.per {
			r := c.awayFromZero(c.inverse(k))
			for i := 0; i < 32; i += c.lanes() {
				t = append(t, r(c.value(32*k+i)))
			}
			c.copyScale(k, 2)
		}
		v := c.packSigned([4]reg.VecVirtual(t))
		c.VMOVDQU(v.AsY(), c.out(0, 2))
		if c.wide {
			c.VEXTRACTI64X4(Imm(1), v, c.out(1, 2))
		}
	})
}
