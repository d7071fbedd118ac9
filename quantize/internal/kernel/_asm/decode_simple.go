package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func decodeQ4_0(a *asm) {
	decode(a, "Q4_0", 32, 18, func(d *decoder) {
		scale, q := d.half(0), d.bytes(2)
		for k, high := range []bool{false, true} {
			d.put(16*k, d.minus(d.nibble(q, high), 8), d.times(scale))
		}
	})
}

func decodeQ4_1(a *asm) {
	decode(a, "Q4_1", 32, 20, func(d *decoder) {
		scale, minimum, q := d.half(0), d.half(2), d.bytes(4)
		for k, high := range []bool{false, true} {
			d.put(16*k, d.nibble(q, high), d.timesPlus(scale, minimum))
		}
	})
}

// spreadBits gives 16 bytes, each with one of the bits of two bytes of x where it stands there, which are two bytes from
// at on.
func (d *decoder) spreadBits(x reg.VecVirtual, at int) reg.VecVirtual {
	first, v := uint64(at)*0x0101010101010101, d.XMM()
	d.VPSHUFB(d.table16(fmt.Sprintf("spread%d", at), first, first+0x0101010101010101), x, v)
	d.VPAND(d.eachBit(), v, v)
	return v
}

func (d *decoder) eachBit() Mem {
	const bits = 0x8040201008040201
	return d.table16("eachBit", bits, bits)
}

// table16 is 16 bytes in memory.
func (d *decoder) table16(name string, low, high uint64) Mem {
	return d.table(name, uint32(low), uint32(low>>32), uint32(high), uint32(high>>32))
}

// fifth gives 16 where a bit is set.
func (d *decoder) fifth(x reg.VecVirtual, at int) reg.VecVirtual {
	v := d.spreadBits(x, at)
	d.VPCMPEQB(d.eachBit(), v, v)
	return d.bitsOf(v, 16)
}

// decodeFive writes the types with five bits.
func decodeFive(a *asm, name string, at int, finish func(d *decoder) (bias uint8, f func(v reg.VecVirtual) reg.VecVirtual)) {
	decode(a, name, 32, at+20, func(d *decoder) {
		bias, f := finish(d)
		bits, q := d.XMM(), d.bytes(at+4)
		d.VMOVD(d.from(at), bits)
		for k, high := range []bool{false, true} {
			x := d.join(d.nibble(q, high), d.fifth(bits, 2*k))
			if bias > 0 {
				x = d.minus(x, bias)
			}
			d.put(16*k, x, f)
		}
	})
}

func decodeQ5_0(a *asm) {
	decodeFive(a, "Q5_0", 2, func(d *decoder) (uint8, func(v reg.VecVirtual) reg.VecVirtual) { return 16, d.times(d.half(0)) })
}

func decodeQ5_1(a *asm) {
	decodeFive(a, "Q5_1", 4, func(d *decoder) (uint8, func(v reg.VecVirtual) reg.VecVirtual) {
		return 0, d.timesPlus(d.half(0), d.half(2))
	})
}

func decodeQ8_0(a *asm) {
	decode(a, "Q8_0", 32, 34, func(d *decoder) {
		scale := d.half(0)
		for k := 0; k < 32; k += d.lanes() {
			v := d.vec()
			d.VPMOVSXBD(d.from(2+k), v)
			d.store(d.mul(d.toFloat(v), scale), d.into(k))
		}
	})
}

// decodeQ1_0 makes 1 of set bits and -1 of others.
func decodeQ1_0(a *asm) {
	decode(a, "Q1_0", 128, 18, func(d *decoder) {
		scale, bits, zero, one := d.half(0), d.bytes(2), d.XMM(), d.XMM()
		d.VPXOR(zero, zero, zero)
		d.VMOVDQU(d.every(1), one)
		for k := range 8 {
			x := d.spreadBits(bits, 2*k)
			d.VPCMPEQB(zero, x, x)
			d.VPOR(one, x, x)
			d.put(16*k, x, d.times(scale))
		}
	})
}

// decodeQ2_0 has four neighbours in a byte.
func decodeQ2_0(a *asm) {
	decode(a, "Q2_0", 64, 18, func(d *decoder) {
		scale, q := d.half(0), d.bytes(2)
		var c [4]reg.VecVirtual
		for k := range c {
			c[k] = d.field(q, 2*k, 2, 0)
		}
		for h, unpack := range []func(...Op){d.VPUNPCKLBW, d.VPUNPCKHBW} {
			x, y := d.XMM(), d.XMM()
			unpack(c[1], c[0], x)
			unpack(c[3], c[2], y)
			for k, unpack := range []func(...Op){d.VPUNPCKLWD, d.VPUNPCKHWD} {
				v := d.XMM()
				unpack(y, x, v)
				d.put(32*h+16*k, d.minus(v, 1), d.times(scale))
			}
		}
	})
}

func decodeTQ2_0(a *asm) {
	decode(a, "TQ2_0", 256, 66, func(d *decoder) {
		scale := d.half(64)
		for i := 0; i < 64; i += 16 {
			q := d.bytes(i)
			for k := range 4 {
				d.put(i/32*128+32*k+i%32, d.minus(d.field(q, 2*k, 2, 0), 1), d.times(scale))
			}
		}
	})
}

// decodeTQ1_0 reads digits of base 3 from the first one on: the first is 0 up to 85, 2 above 170, and three times the
// byte, cut to a byte, begins with the second.
func decodeTQ1_0(a *asm) {
	decode(a, "TQ1_0", 256, 54, func(d *decoder) {
		scale := d.half(52)
		next := func(q reg.VecVirtual) reg.VecVirtual {
			v := d.XMM()
			d.VPADDB(q, q, v)
			d.VPADDB(q, v, v)
			return v
		}
		put := func(value int, q reg.VecVirtual) {
			one, two := d.atLeast(q, 86), d.atLeast(q, 171)
			d.VPADDB(two, one, one)
			x := d.XMM()
			d.VPCMPEQB(x, x, x) // -1
			d.VPSUBB(one, x, x)
			d.put(value, x, d.times(scale))
		}
		for _, run := range []struct{ at, value, step int }{{0, 0, 32}, {16, 16, 32}, {32, 160, 16}} {
			q := d.bytes(run.at)
			for k := range 5 {
				put(run.value+k*run.step, q)
				if k < 4 {
					q = next(q)
				}
			}
		}
		q, all := d.XMM(), d.XMM()
		d.VMOVD(d.from(48), q)
		second := next(q)
		third := next(second)
		fourth := next(third)
		d.VPUNPCKLDQ(second, q, all)
		d.VPUNPCKLDQ(fourth, third, third)
		d.VPUNPCKLQDQ(third, all, all)
		put(240, all)
	})
}

// atLeast gives -1 for bytes from a limit on.
func (d *decoder) atLeast(x reg.VecVirtual, limit uint8) reg.VecVirtual {
	v := d.XMM()
	d.VPMAXUB(d.every(limit), x, v)
	d.VPCMPEQB(x, v, v)
	return v
}

// levels are the signed bytes that 16 codes stand for.
func (d *decoder) levels(name string, values ...int8) reg.VecVirtual {
	var b [2]uint64
	for i, v := range values {
		b[i/8] |= uint64(uint8(v)) << (i % 8 * 8)
	}
	x := d.XMM()
	d.VMOVDQU(d.table16(name, b[0], b[1]), x)
	return x
}

func (d *decoder) levels4() reg.VecVirtual {
	return d.levels("levels4", -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)
}

func (d *decoder) levelsFP4() reg.VecVirtual {
	return d.levels("levelsFP4", 0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12)
}

// pick gives the levels of codes.
func (d *decoder) pick(levels, codes reg.VecVirtual) reg.VecVirtual {
	v := d.XMM()
	d.VPSHUFB(codes, levels, v)
	return v
}

// putLevels stores 32 values whose nibbles are at an offset.
func (d *decoder) putLevels(value, at int, levels reg.VecVirtual, scale Op) {
	q := d.bytes(at)
	for k, high := range []bool{false, true} {
		d.put(value+16*k, d.pick(levels, d.nibble(q, high)), d.times(scale))
	}
}

func decodeIQ4_NL(a *asm) {
	decode(a, "IQ4_NL", 32, 18, func(d *decoder) { d.putLevels(0, 2, d.levels4(), d.half(0)) })
}

// scaleOf fills a register with what the table has for a byte of the block.
func (d *decoder) scaleOf(at int) reg.VecVirtual {
	code := d.GP32()
	d.MOVBLZX(d.from(at), code)
	return d.broadcast(Mem{Base: d.tab, Index: code.As64(), Scale: 4})
}

func decodeMXFP4(a *asm) {
	decodeWith(a, "MXFP4", "*float32", 32, 17, func(d *decoder) { d.putLevels(0, 1, d.levelsFP4(), d.scaleOf(0)) })
}

// decodeNVFP4 has groups of 16, two in 16 bytes.
func decodeNVFP4(a *asm) {
	decodeWith(a, "NVFP4", "*float32", 64, 36, func(d *decoder) {
		levels := d.levelsFP4()
		for k := range 2 {
			q := d.bytes(4 + 16*k)
			low, high := d.pick(levels, d.nibble(q, false)), d.pick(levels, d.nibble(q, true))
			for h, unpack := range []func(...Op){d.VPUNPCKLQDQ, d.VPUNPCKHQDQ} {
				x := d.XMM()
				unpack(high, low, x)
				d.put(32*k+16*h, x, d.times(d.scaleOf(2*k+h)))
			}
		}
	})
}
