package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The types of this file store numbers of points of a grid. Their table, kernel.GridTable, has 256 patterns of eight
// signs, which are 1 or -1, and then the signed bytes of each point, eight bytes apart.
const pointsAt = 8 * 256

// index gives an unsigned number of one or two bytes of the block.
func (d *decoder) index(at, size int) reg.GPVirtual {
	g := d.GP32()
	if size == 1 {
		d.MOVBLZX(d.from(at), g)
	} else {
		d.MOVWLZX(d.from(at), g)
	}
	return g
}

// entry is what the table has at an index.
func (d *decoder) entry(index reg.GPVirtual, at int) Mem {
	return Mem{Base: d.tab, Index: index.As64(), Scale: 8, Disp: at}
}

// pair joins two entries of eight bytes.
func (d *decoder) pair(first, second Mem) reg.VecVirtual {
	x := d.XMM()
	d.VMOVQ(first, x)
	d.VPINSRQ(Imm(1), second, x, x)
	return x
}

// quad joins four entries of four bytes.
func (d *decoder) quad(entries [4]Mem) reg.VecVirtual {
	x := d.XMM()
	d.VMOVD(entries[0], x)
	for i, e := range entries[1:] {
		d.VPINSRD(Imm(uint64(i+1)), e, x, x)
	}
	return x
}

// signed gives the points with signs.
func (d *decoder) signed(points, signs reg.VecVirtual) reg.VecVirtual {
	x := d.XMM()
	d.VPSIGNB(signs, points, x)
	return x
}

// cut gives some bits of g.
func (d *decoder) cut(g reg.GPVirtual, from, width int) reg.GPVirtual {
	v := d.GP32()
	d.MOVL(g, v)
	if from > 0 {
		d.SHRL(Imm(uint64(from)), v)
	}
	d.ANDL(U32(1<<width-1), v)
	return v
}

// joinBits gives low | (bits from … from+width-1 of high) << 8.
func (d *decoder) joinBits(low, high reg.GPVirtual, from, width int) reg.GPVirtual {
	v := d.GP32()
	d.MOVL(high, v)
	if from > 8 {
		d.SHRL(Imm(uint64(from-8)), v)
	} else if from < 8 {
		d.SHLL(Imm(uint64(8-from)), v)
	}
	d.ANDL(U32((1<<width-1)<<8), v)
	d.ORL(low, v)
	return v
}

// scaled gives d·(n + offset)·factor for a small number n, each operation rounded.
func (d *decoder) scaled(unit reg.VecVirtual, n reg.GPVirtual, offset, factor float32) reg.VecVirtual {
	x, v := d.XMM(), d.vec()
	d.VMOVD(n, x)
	d.VCVTDQ2PS(x, x)
	d.VADDPS(d.sharedFloat(offset), x, x)
	d.VMULPS(unit.AsX(), x, x)
	d.VMULPS(d.sharedFloat(factor), x, x)
	d.VBROADCASTSS(x, v)
	return v
}

func decodeIQ2_XXS(a *asm) {
	decodeWith(a, "IQ2_XXS", "*uint64", 256, 66, func(d *decoder) {
		unit := d.half(0)
		for i := range 8 {
			at := 2 + 8*i
			signs := d.GP32()
			d.MOVL(d.from(at+4), signs)
			f := d.times(d.scaled(unit, d.cut(signs, 28, 4), 0.5, 0.25))
			for k := 0; k < 4; k += 2 {
				points := d.pair(d.entry(d.index(at+k, 1), pointsAt), d.entry(d.index(at+k+1, 1), pointsAt))
				s := d.pair(d.entry(d.cut(signs, 7*k, 7), 0), d.entry(d.cut(signs, 7*k+7, 7), 0))
				d.put(32*i+8*k, d.signed(points, s), f)
			}
		}
	})
}

// nibbleScale gives the scale of sub-block i, two of which have a byte.
func (d *decoder) nibbleScale(unit reg.VecVirtual, at, i int, offset, factor float32) reg.VecVirtual {
	return d.scaled(unit, d.cut(d.index(at+i/2, 1), i%2*4, 4), offset, factor)
}

func decodeIQ2_XS(a *asm) {
	decodeWith(a, "IQ2_XS", "*uint64", 256, 74, func(d *decoder) {
		unit := d.half(0)
		for i := range 16 {
			p, q := d.index(2+4*i, 2), d.index(4+4*i, 2)
			points := d.pair(d.entry(d.cut(p, 0, 9), pointsAt), d.entry(d.cut(q, 0, 9), pointsAt))
			s := d.pair(d.entry(d.cut(p, 9, 7), 0), d.entry(d.cut(q, 9, 7), 0))
			d.put(16*i, d.signed(points, s), d.times(d.nibbleScale(unit, 66, i, 0.5, 0.25)))
		}
	})
}

func decodeIQ2_S(a *asm) {
	decodeWith(a, "IQ2_S", "*uint64", 256, 82, func(d *decoder) {
		unit := d.half(0)
		for i := range 16 {
			high := d.index(66+i/2, 1)
			p := d.joinBits(d.index(2+2*i, 1), high, i%2*4, 2)
			q := d.joinBits(d.index(3+2*i, 1), high, i%2*4+2, 2)
			s := d.pair(d.entry(d.index(34+2*i, 1), 0), d.entry(d.index(35+2*i, 1), 0))
			points := d.pair(d.entry(p, pointsAt), d.entry(q, pointsAt))
			d.put(16*i, d.signed(points, s), d.times(d.nibbleScale(unit, 74, i, 0.5, 0.25)))
		}
	})
}

func decodeIQ3_XXS(a *asm) {
	decodeWith(a, "IQ3_XXS", "*uint64", 256, 98, func(d *decoder) {
		unit := d.half(0)
		for i := range 8 {
			signs := d.GP32()
			d.MOVL(d.from(66+4*i), signs)
			f := d.times(d.scaled(unit, d.cut(signs, 28, 4), 0.5, 0.5))
			for k := range 2 {
				var e [4]Mem
				for j := range e {
					e[j] = d.entry(d.index(2+8*i+4*k+j, 1), pointsAt)
				}
				s := d.pair(d.entry(d.cut(signs, 14*k, 7), 0), d.entry(d.cut(signs, 14*k+7, 7), 0))
				d.put(32*i+16*k, d.signed(d.quad(e), s), f)
			}
		}
	})
}

func decodeIQ3_S(a *asm) {
	decodeWith(a, "IQ3_S", "*uint64", 256, 110, func(d *decoder) {
		unit := d.half(0)
		for i := range 8 {
			high := d.index(66+i, 1)
			// d·(2n+1): the sum is exact, and so is half of it.
			f := d.times(d.nibbleScale(unit, 106, i, 0.5, 2))
			for k := range 2 {
				var e [4]Mem
				for j := range e {
					e[j] = d.entry(d.joinBits(d.index(2+8*i+4*k+j, 1), high, 4*k+j, 1), pointsAt)
				}
				s := d.pair(d.entry(d.index(74+4*i+2*k, 1), 0), d.entry(d.index(75+4*i+2*k, 1), 0))
				d.put(32*i+16*k, d.signed(d.quad(e), s), f)
			}
		}
	})
}

// moved adds to points, which are eight times their levels, an eighth up or down: the signs of all values are one.
func (d *decoder) moved(points reg.VecVirtual, first, second reg.GPVirtual) reg.VecVirtual {
	x := d.XMM()
	d.VPADDB(d.pair(d.entry(first, 0), d.entry(second, 0)), points, x)
	return x
}

// down gives 255, the pattern of eight times -1, when a bit is set, else 0.
func (d *decoder) down(g reg.GPVirtual, bit int) reg.GPVirtual {
	v := d.GP32()
	d.MOVL(g, v)
	if bit < 31 {
		d.SHLL(Imm(uint64(31-bit)), v)
	}
	d.SARL(Imm(31), v)
	d.ANDL(U32(255), v)
	return v
}

func decodeIQ1_S(a *asm) {
	decodeWith(a, "IQ1_S", "*uint64", 256, 50, func(d *decoder) {
		unit := d.half(0)
		for i := range 8 {
			high := d.index(34+2*i, 2)
			f := d.times(d.scaled(unit, d.cut(high, 12, 3), 0.5, 0.25)) // an eighth of d·(2n+1)
			down := d.down(high, 15)
			for k := 0; k < 4; k += 2 {
				at := 2 + 4*i + k
				p := d.joinBits(d.index(at, 1), high, 3*k, 3)
				q := d.joinBits(d.index(at+1, 1), high, 3*k+3, 3)
				points := d.pair(d.entry(p, pointsAt), d.entry(q, pointsAt))
				d.put(32*i+8*k, d.moved(points, down, down), f)
			}
		}
	})
}

func decodeIQ1_M(a *asm) {
	decodeWith(a, "IQ1_M", "*uint64", 256, 56, func(d *decoder) {
		// The highest nibbles of four words are the half that all scales have in common.
		scales, bits := [4]reg.GPVirtual{}, d.GP32()
		d.XORL(bits, bits)
		for k := range scales {
			scales[k] = d.index(48+2*k, 2)
			part := d.cut(scales[k], 12, 4)
			if k > 0 {
				d.SHLL(Imm(uint64(4*k)), part)
			}
			d.ORL(part, bits)
		}
		x, h, unit := d.XMM(), d.asm.half(), d.vec()
		d.VMOVD(bits, x)
		d.VPBROADCASTW(x, h)
		d.VCVTPH2PS(h, unit)
		for g := range 16 {
			f := d.times(d.scaled(unit, d.cut(scales[g/4], g%4*3, 3), 0.5, 0.25))
			high := d.index(32+g, 1)
			p, q := d.joinBits(d.index(2*g, 1), high, 0, 3), d.joinBits(d.index(2*g+1, 1), high, 4, 3)
			points := d.pair(d.entry(p, pointsAt), d.entry(q, pointsAt))
			d.put(16*g, d.moved(points, d.down(high, 3), d.down(high, 7)), f)
		}
	})
}
