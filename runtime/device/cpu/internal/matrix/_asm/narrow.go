package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// narrow is fused on AVX2, 256 columns at a time: eight leaves of 32. Codes are taken out of blocks as even and odd columns at
// once, where they lie: what is too high in its 16 bits makes a sum that is divided by a power of two after.
type narrow struct {
	*rower
	blocks
	*asm
}

// narrowAhead is fused's ahead: measured.
const narrowAhead = 3072

// fuseNarrow writes such a function; size is the bytes of 256 columns.
func (a *asm) fuseNarrow(name string, group int, minima bool, shift, size int, set func(f *narrow)) {
	a.fn("fused"+name, "func(terms *float32, blocks *byte, values, low *int8, xscale, xsum *float32, xoffset *int32, rowBytes, rows, chunks int)",
		"gives the products of the groups of rows with a vector.")
	f := &narrow{asm: a, rower: &rower{asm: a, group: group, minima: minima, shift: shift}, blocks: blocks{asm: a}}
	set(f)
	terms, blocks, rows := a.arg("terms"), a.arg("blocks"), a.arg("rows")
	a.loop(rows, func() {
		f.block = a.copy(blocks)
		f.row(terms, func() {
			for line := 0; line < size; line += 64 {
				a.PREFETCHT0(a.mem(f.block, narrowAhead+line))
			}
			a.ADDQ(U32(uint32(size)), f.block)
		})
		a.ADDQ(U32(segmentBytes), terms)
		a.ADDQ(a.argMem("rowBytes"), blocks)
	})
	a.ret()
}

func (f *narrow) bytes(b uint8) Mem { return f.shared(0x01010101 * uint32(b)) }

// words is a mask of 16 bits.
func (f *narrow) words(w uint16) Mem { return f.shared(0x10001 * uint32(w)) }

func (f *narrow) loadBytes(at int) reg.VecVirtual { return f.load(f.mem(f.block, at)) }

func (f *narrow) right(v reg.VecVirtual, n int) reg.VecVirtual {
	if n == 0 {
		return v
	}
	r := f.vec()
	f.VPSRLW(Imm(uint64(n)), v, r)
	return r
}

func (f *narrow) and(v reg.VecVirtual, m Mem) reg.VecVirtual {
	r := f.vec()
	f.VPAND(m, v, r)
	return r
}

// masked splits bytes where bits of each are the code.
func (f *narrow) masked(v, odd reg.VecVirtual, mask uint8) (e, o reg.VecVirtual) {
	return f.and(v, f.words(uint16(mask))), f.and(odd, f.words(uint16(mask)))
}

// bits gives the bits of a mask, after a shift to the right; a negative shift goes to the left.
func (f *narrow) bits(v reg.VecVirtual, right int, mask uint8) reg.VecVirtual {
	if right >= 0 {
		return f.and(f.right(v, right), f.bytes(mask))
	}
	r := f.vec()
	f.VPSLLW(Imm(uint64(-right)), v, r)
	f.VPAND(f.bytes(mask), r, r)
	return r
}

// smallScales gives the halves in front of eight blocks of some bytes.
func (f *narrow) smallScales(size int) func(int) Op {
	return func(int) Op {
		x, g, v := f.XMM(), f.GP32(), f.vec()
		f.MOVWLZX(f.mem(f.block, 0), g)
		f.VMOVD(g, x)
		for i := 1; i < 8; i++ {
			f.VPINSRW(Imm(uint64(i)), f.mem(f.block, size*i), x, x)
		}
		f.VCVTPH2PS(x, v)
		return v
	}
}

func narrowQ8_0(a *asm) {
	const size = 34
	a.fuseNarrow("Q8_0", 32, false, 0, 8*size, func(f *narrow) {
		f.scale = f.smallScales(size)
		f.leaf = func(i int) reg.VecVirtual {
			v := f.loadBytes(size*i + 2)
			f.VPXOR(f.bytes(0x80), v, v)
			return v
		}
	})
}

// scaled gives integers times a half.
func (f *narrow) scaled(v reg.VecVirtual, unit int) reg.VecVirtual {
	by := f.vec()
	f.VBROADCASTSS(f.half(unit), by)
	f.VCVTDQ2PS(v, v)
	f.VMULPS(by, v, v)
	return v
}

func narrowQ2_K(a *asm) {
	a.fuseNarrow("Q2_K", 16, true, 0, 84, func(f *narrow) {
		f.down = func(int) Op { return f.table("downPairs", 0, 0, 2, 2, 4, 4, 6, 6) }
		var minima [2]reg.VecVirtual
		f.scale = func(i int) Op {
			v, m := f.vec(), f.vec()
			f.VPMOVZXBD(f.mem(f.block, 8*i), v)
			f.VPSRLD(Imm(4), v, m)
			f.VPAND(f.shared(15), v, v)
			minima[i] = f.scaled(m, 82)
			return f.scaled(v, 80)
		}
		f.minimum = func(i int) Op { return minima[i] }
		var v, odd reg.VecVirtual
		f.split = func(i int) (e, o reg.VecVirtual) {
			if i%4 == 0 {
				v = f.loadBytes(16 + 8*i)
				odd = f.right(v, 8)
			}
			return f.masked(v, odd, 3<<(2*(i%4)))
		}
	})
}

func narrowQ3_K(a *asm) {
	a.fuseNarrow("Q3_K", 16, false, 5, 110, func(f *narrow) {
		var scales reg.VecVirtual
		f.scale = func(i int) Op {
			v := f.vec()
			if i == 0 {
				scales = f.sixBits(96)
			} else {
				f.VPSRLDQ(Imm(8), scales, scales)
			}
			f.VPMOVSXBD(scales, v)
			return f.scaled(v, 108)
		}
		f.leaf = func(i int) reg.VecVirtual {
			c := f.bits(f.loadBytes(32+32*(i/4)), i%4*2, 3)
			f.VPOR(f.bits(f.loadBytes(0), i-2, 4), c, c)
			return c
		}
	})
}

func narrowIQ4_XS(a *asm) {
	a.fuseNarrow("IQ4_XS", 32, false, 0, 136, func(f *narrow) {
		f.scale = func(int) Op { return f.scalesIQ4(0) }
		f.leaf = func(i int) reg.VecVirtual { return f.levelsIQ4(8 + 16*i) }
	})
}

// levelsIQ4 gives what 32 nibbles stand for, the low ones first.
func (f *narrow) levelsIQ4(at int) reg.VecVirtual {
	v := f.vec()
	f.VBROADCASTI128(f.mem(f.block, at), v)
	f.VPSRLVD(f.table("upperNibbles", 0, 0, 0, 0, 4, 4, 4, 4), v, v)
	f.VPAND(f.bytes(15), v, v)
	l := f.load(f.table("levelsIQ4", append(levelsIQ4, levelsIQ4...)...))
	f.VPSHUFB(v, l, l)
	return l
}

func narrowIQ4_NL(a *asm) {
	const size = 18
	a.fuseNarrow("IQ4_NL", 32, false, 0, 8*size, func(f *narrow) {
		f.scale = f.smallScales(size)
		f.leaf = func(i int) reg.VecVirtual { return f.levelsIQ4(size*i + 2) }
	})
}
