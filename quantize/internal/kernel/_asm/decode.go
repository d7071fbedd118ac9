package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// decoder writes a function that turns blocks into values. Both tiers make signed bytes of 16 values in an XMM
// register in the same way; only what becomes of these differs.
type decoder struct {
	*asm
	dst, src, tab reg.GPVirtual
}

// decode writes the function for blocks of size bytes that hold elems values. body decodes one block.
func decode(a *asm, name string, elems, size int, body func(d *decoder)) {
	decodeWith(a, name, "", elems, size, body)
}

// decodeWith is decode with a table.
func decodeWith(a *asm, name, table string, elems, size int, body func(d *decoder)) {
	params := ""
	if table != "" {
		params = ", table " + table
	}
	a.fn("decode"+name, "func(dst *float32, src *byte, blocks int"+params+")", "gives the values of blocks.")
	d := &decoder{asm: a, dst: a.arg("dst"), src: a.arg("src")}
	left, again := a.arg("blocks"), a.label("block")
	if table != "" {
		d.tab = a.arg("table")
	}
	a.Label(again)
	body(d)
	a.addImm(size, d.src)
	a.addImm(4*elems, d.dst)
	a.DECQ(left)
	a.JNZ(LabelRef(again))
	a.ret()
}

// from is a place in the block, and into one among its values.
func (d *decoder) from(at int) Mem    { return Mem{Base: d.src, Disp: at} }
func (d *decoder) into(value int) Mem { return Mem{Base: d.dst, Disp: 4 * value} }

// half fills a register with the half at an offset of the block.
func (d *decoder) half(at int) reg.VecVirtual {
	h, v := d.asm.half(), d.vec()
	d.VPBROADCASTW(d.from(at), h)
	d.VCVTPH2PS(h, v)
	return v
}

// bytes loads 16 bytes of the block.
func (d *decoder) bytes(at int) reg.VecVirtual {
	x := d.XMM()
	d.VMOVDQU(d.from(at), x)
	return x
}

// every is a byte 16 times, in memory.
func (d *decoder) every(b uint8) Mem { return d.shared(uint32(b) * 0x01010101) }

// bitsOf keeps some bits of each of 16 bytes.
func (d *decoder) bitsOf(x reg.VecVirtual, mask uint8) reg.VecVirtual {
	v := d.XMM()
	d.VPAND(d.every(mask), x, v)
	return v
}

// field gives the bits that stand at from … from+width-1 of each byte, moved to position to.
func (d *decoder) field(x reg.VecVirtual, from, width, to int) reg.VecVirtual {
	v := x
	switch {
	case to > from:
		v = d.XMM()
		d.VPSLLW(Imm(uint64(to-from)), x, v)
	case to < from:
		v = d.XMM()
		d.VPSRLW(Imm(uint64(from-to)), x, v)
	}
	return d.bitsOf(v, (1<<width-1)<<to)
}

// nibble gives half of each byte.
func (d *decoder) nibble(x reg.VecVirtual, high bool) reg.VecVirtual {
	if high {
		return d.field(x, 4, 4, 0)
	}
	return d.bitsOf(x, 15)
}

// join unites bits, and minus subtracts from every byte.
func (d *decoder) join(x, y reg.VecVirtual) reg.VecVirtual {
	v := d.XMM()
	d.VPOR(x, y, v)
	return v
}

func (d *decoder) minus(x reg.VecVirtual, b uint8) reg.VecVirtual {
	v := d.XMM()
	d.VPSUBB(d.every(b), x, v)
	return v
}

// put stores 16 values, which are made of signed bytes by finish.
func (d *decoder) put(value int, x reg.VecVirtual, finish func(v reg.VecVirtual) reg.VecVirtual) {
	for k := 0; k < 16; k += d.lanes() {
		v := d.vec()
		if k > 0 {
			high := d.XMM()
			d.VPSRLDQ(Imm(8), x, high)
			x = high
		}
		d.VPMOVSXBD(x, v)
		d.store(finish(d.toFloat(v)), d.into(value+k))
	}
}

// times is a product, which is all that most types need.
func (d *decoder) times(scale Op) func(v reg.VecVirtual) reg.VecVirtual {
	return func(v reg.VecVirtual) reg.VecVirtual { return d.mul(v, scale) }
}

// timesMinus subtracts a minimum from a product, timesPlus adds it; the product is rounded first.
func (d *decoder) timesMinus(scale, minimum Op) func(v reg.VecVirtual) reg.VecVirtual {
	return func(v reg.VecVirtual) reg.VecVirtual { return d.sub(d.mul(v, scale), minimum) }
}

func (d *decoder) timesPlus(scale, minimum Op) func(v reg.VecVirtual) reg.VecVirtual {
	return func(v reg.VecVirtual) reg.VecVirtual { return d.add(d.mul(v, scale), minimum) }
}

// products stores the products of eight signed bytes and a unit: the scales of groups.
func (d *decoder) products(x, unit reg.VecVirtual, to Mem) {
	v := d.YMM()
	d.VPMOVSXBD(x, v)
	d.VCVTDQ2PS(v, v)
	d.VMULPS(unit.AsY(), v, v)
	d.VMOVUPS(v, to)
}

// products16 does it for 16 bytes.
func (d *decoder) products16(x, unit reg.VecVirtual, to Mem) {
	d.products(x, unit, to)
	high := d.XMM()
	d.VPSRLDQ(Imm(8), x, high)
	d.products(high, unit, to.Offset(32))
}
