package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// grid unpacks the types whose blocks store numbers of points: eight codes at a time, in general registers.
type grid struct {
	*unpacker
	points, signs reg.GPVirtual // tables
	zero          reg.GPVirtual // eight times 128
}

// gridUnpacks writes a function like unpacks does, with tables of points and of the bytes that signs stand for.
func (a *asm) gridUnpacks(name string, scales, size int, body func(g *grid)) {
	a.fn("unpack"+name, "func(codes *uint8, scales *float32, blocks *byte, n int, points, signs *uint64)", "unpacks n blocks.")
	u := &unpacker{blocks: blocks{a, a.arg("blocks")}, codes: a.arg("codes"), scales: a.arg("scales")}
	g := &grid{unpacker: u, points: a.arg("points"), signs: a.arg("signs"), zero: a.GP64()}
	a.MOVQ(U64(0x8080808080808080), g.zero)
	a.loop(a.arg("n"), func() {
		body(g)
		u.next(256, scales, size)
	})
	a.ret()
}

// byteAt loads a byte of the block.
func (g *grid) byteAt(at int) reg.GPVirtual {
	r := g.GP32()
	g.MOVBLZX(g.mem(g.block, at), r)
	return r
}

// bitsOf gives bits of a register: after a shift to the right, or to the left if it is negative, those of a mask.
func (g *grid) bitsOf(r reg.GPVirtual, right int, mask uint32) reg.GPVirtual {
	b := g.GP32()
	g.MOVL(r, b)
	switch {
	case right > 0:
		g.SHRL(Imm(uint64(right)), b)
	case right < 0:
		g.SHLL(Imm(uint64(-right)), b)
	}
	g.ANDL(U32(mask), b)
	return b
}

// index adds high bits to the low ones of a number of a point.
func (g *grid) index(low reg.GPVirtual, high reg.GPVirtual) reg.GPVirtual {
	g.ORL(high, low)
	return low
}

// entry is an element of a table of uint64.
func entry(table, i reg.GPVirtual) Mem { return Mem{Base: table, Index: i.As64(), Scale: 8} }

// eight gives a point of eight codes.
func (g *grid) eight(i reg.GPVirtual) reg.GPVirtual {
	p := g.GP64()
	g.MOVQ(entry(g.points, i), p)
	return p
}

// fourAndFour gives two points of four codes.
func (g *grid) fourAndFour(i, j reg.GPVirtual) reg.GPVirtual {
	p, q := g.GP64(), g.GP64()
	g.MOVQ(entry(g.points, j), q)
	g.SHLQ(Imm(32), q)
	g.MOVQ(entry(g.points, i), p)
	g.ORQ(q, p)
	return p
}

// signed stores eight codes with their signs: 128+v becomes 128-v where there is one. v is below 64, so no byte borrows.
func (g *grid) signed(p, sign reg.GPVirtual, at int) {
	twice := g.GP64()
	g.MOVQ(p, twice)
	g.XORQ(g.zero, twice)
	g.ADDQ(twice, twice)
	g.ANDQ(entry(g.signs, sign), twice)
	g.SUBQ(twice, p)
	g.MOVQ(p, g.mem(g.codes, at))
}

// scaled stores unit·(n+add)·factor.
func (g *grid) scaled(n reg.VecVirtual, unit reg.VecVirtual, add, factor uint32, at int) {
	by := g.YMM()
	g.VBROADCASTSS(unit, by)
	g.VCVTDQ2PS(n, n)
	g.VADDPS(g.shared(add), n, n)
	g.VMULPS(by, n, n)
	g.VMULPS(g.shared(factor), n, n)
	g.VMOVUPS(n, g.mem(g.scales, at))
}

const half, quarter = 0x3f000000, 0x3e800000 // as float32

// nibbleScales stores scales of nibbles, those in the low halves of the bytes first.
func (g *grid) nibbleScales(at, n int, unit reg.VecVirtual, add, factor uint32) {
	low, high := g.XMM(), g.XMM()
	g.VMOVD(g.mem(g.block, at), low)
	if n == 16 {
		g.VPINSRD(Imm(1), g.mem(g.block, at+4), low, low)
	}
	g.VPSRLW(Imm(4), low, high)
	g.VPUNPCKLBW(high, low, low)
	g.VPAND(g.bytes(15), low, low)
	for i := 0; i < n; i += 8 {
		v := g.YMM()
		if i > 0 {
			g.VPSRLDQ(Imm(8), low, low)
		}
		g.VPMOVZXBD(low, v)
		g.scaled(v, unit, add, factor, 4*i)
	}
}

// signScales stores the scales of types that have them in the highest four bits of eight words of signs.
func (g *grid) signScales(at, apart int, factor uint32) {
	v := g.YMM()
	if apart == 4 {
		g.VMOVDQU(g.mem(g.block, at), v)
	} else { // every other number of 64 bytes
		w := g.YMM()
		g.VMOVUPS(g.mem(g.block, at-4), v)
		g.VMOVUPS(g.mem(g.block, at+28), w)
		g.VSHUFPS(Imm(0xdd), w, v, v)
		g.VPERMQ(Imm(0xd8), v, v)
	}
	g.VPSRLD(Imm(28), v, v)
	g.scaled(v, g.half(0), half, factor, 0)
}

func unpackIQ2_XXS(a *asm) {
	a.gridUnpacks("IQ2_XXS", 8, 66, func(g *grid) {
		g.signScales(6, 8, quarter)
		for i := range 8 {
			s := g.GP32()
			g.MOVL(g.mem(g.block, 6+8*i), s)
			for k := range 4 {
				g.signed(g.eight(g.byteAt(2+8*i+k)), g.bitsOf(s, 7*k, 127), 32*i+8*k)
			}
		}
	})
}

func unpackIQ2_XS(a *asm) {
	a.gridUnpacks("IQ2_XS", 16, 74, func(g *grid) {
		g.nibbleScales(66, 16, g.half(0), half, quarter)
		for k := range 32 {
			p := g.GP32()
			g.MOVWLZX(g.mem(g.block, 2+2*k), p)
			g.signed(g.eight(g.bitsOf(p, 0, 511)), g.bitsOf(p, 9, 127), 8*k)
		}
	})
}

func unpackIQ2_S(a *asm) {
	a.gridUnpacks("IQ2_S", 16, 82, func(g *grid) {
		g.nibbleScales(74, 16, g.half(0), half, quarter)
		for i := range 8 {
			high := g.byteAt(66 + i)
			for k := range 4 {
				p := g.index(g.byteAt(2+4*i+k), g.bitsOf(high, 2*k-8, 0x300))
				g.signed(g.eight(p), g.byteAt(34+4*i+k), 32*i+8*k)
			}
		}
	})
}

func unpackIQ3_XXS(a *asm) {
	a.gridUnpacks("IQ3_XXS", 8, 98, func(g *grid) {
		g.signScales(66, 4, half)
		for i := range 8 {
			s := g.GP32()
			g.MOVL(g.mem(g.block, 66+4*i), s)
			for k := range 4 {
				p := g.fourAndFour(g.byteAt(2+8*i+2*k), g.byteAt(3+8*i+2*k))
				g.signed(p, g.bitsOf(s, 7*k, 127), 32*i+8*k)
			}
		}
	})
}

func unpackIQ3_S(a *asm) {
	a.gridUnpacks("IQ3_S", 8, 110, func(g *grid) {
		// d·(1+2s), which is 2·(d·(s+½)) exactly.
		g.nibbleScales(106, 8, g.half(0), half, 0x40000000)
		for i := range 8 {
			high := g.byteAt(66 + i)
			for k := range 4 {
				p := g.index(g.byteAt(2+8*i+2*k), g.bitsOf(high, 2*k-8, 256))
				q := g.index(g.byteAt(3+8*i+2*k), g.bitsOf(high, 2*k-7, 256))
				g.signed(g.fourAndFour(p, q), g.byteAt(74+4*i+k), 32*i+8*k)
			}
		}
	})
}

// shifted stores a point whose levels are an eighth up, or down if the bit of h is set.
func (g *grid) shifted(p, h reg.GPVirtual, bit, at int) {
	g.ADDQ(entry(g.signs, g.bitsOf(h, bit, 1)), p)
	g.MOVQ(p, g.mem(g.codes, at))
}

func unpackIQ1_S(a *asm) {
	a.gridUnpacks("IQ1_S", 8, 50, func(g *grid) {
		v := g.YMM()
		g.VPMOVZXWD(g.mem(g.block, 34), v)
		g.VPSRLD(Imm(12), v, v)
		g.VPAND(g.shared(7), v, v)
		g.scaled(v, g.half(0), half, quarter, 0) // (2s+1)/8
		for i := range 8 {
			h := g.GP32()
			g.MOVWLZX(g.mem(g.block, 34+2*i), h)
			for k := range 4 {
				p := g.index(g.byteAt(2+4*i+k), g.bitsOf(h, 3*k-8, 0x700))
				g.shifted(g.eight(p), h, 15, 32*i+8*k)
			}
		}
	})
}

func unpackIQ1_M(a *asm) {
	a.gridUnpacks("IQ1_M", 16, 56, func(g *grid) {
		// The highest four bits of four words make the unit; below are four scales of three bits each.
		bits := g.GP32()
		g.XORL(bits, bits)
		for i := range 4 {
			w := g.GP32()
			g.MOVWLZX(g.mem(g.block, 48+2*i), w)
			g.ORL(g.bitsOf(w, 12-4*i, 15<<(4*i)), bits)
		}
		unit := g.XMM()
		g.VMOVD(bits, unit)
		g.VCVTPH2PS(unit, unit)
		for i := range 2 { // two words each, in four lanes each
			v, w := g.YMM(), g.XMM()
			g.VMOVD(g.mem(g.block, 48+4*i), w)
			g.VPMOVZXWD(w, w)
			g.VPERMQ(Imm(0), w.AsY(), v)
			order := g.load(g.table("wordOf", 0, 0, 0, 0, 1, 1, 1, 1))
			g.VPERMD(v, order, v)
			g.VPSRLVD(g.table("threeOf", 0, 3, 6, 9, 0, 3, 6, 9), v, v)
			g.VPAND(g.shared(7), v, v)
			g.scaled(v, unit, half, quarter, 32*i)
		}
		for i := range 16 {
			h := g.byteAt(32 + i)
			for k := range 2 {
				p := g.index(g.byteAt(2*i+k), g.bitsOf(h, 4*k-8, 0x700))
				g.shifted(g.eight(p), h, 4*k+3, 16*i+8*k)
			}
		}
	})
}
