package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// fused is the state of a function that unpacks blocks in registers and multiplies them at once, for products that wait
// for memory: rowProducts without codes and scales in memory, 512 columns at a time.
type fused struct {
	*rower
	blocks
	*asm
	kept map[Mem]reg.VecVirtual
}

// ahead is how many bytes before they are needed blocks are asked for, into the second cache: measured.
const ahead = 4096

// keep has a pattern in a register all the time: 64 bytes are read from memory but once a cycle. It must first be called
// outside of loops.
func (f *fused) keep(m Mem) reg.VecVirtual {
	if f.kept[m] == nil {
		f.kept[m] = f.load(m)
	}
	return f.kept[m]
}

// fuse writes such a function; size is the bytes of 512 columns.
func (a *asm) fuse(name string, group int, minima bool, shift, size int, set func(f *fused)) {
	a.fn("fused"+name, "func(terms *float32, blocks *byte, values, low *int8, xscale, xsum *float32, xoffset *int32, rowBytes, rows, chunks int)",
		"gives the products of the groups of rows with a vector.")
	f := &fused{asm: a, rower: &rower{asm: a, group: group, minima: minima, shift: shift}, blocks: blocks{asm: a}, kept: map[Mem]reg.VecVirtual{}}
	set(f)
	terms, blocks, rows := a.arg("terms"), a.arg("blocks"), a.arg("rows")
	a.loop(rows, func() {
		f.block = a.copy(blocks)
		f.row(terms, func() {
			for line := 0; line < size; line += 64 {
				a.PREFETCHT1(a.mem(f.block, ahead+line))
			}
			a.ADDQ(U32(uint32(size)), f.block)
		})
		a.ADDQ(U32(segmentBytes), terms)
		a.ADDQ(a.argMem("rowBytes"), blocks)
	})
	a.ret()
}

// quads is a pattern of eight numbers of 64 bits; with fewer values each of them several times.
func (a *asm) quads(name string, values ...uint32) Mem { return a.spread(name, false, values) }

// masks is quads for patterns of 32 bits, which both halves of a number have.
func (a *asm) masks(name string, values ...uint32) Mem { return a.spread(name, true, values) }

func (a *asm) spread(name string, wide bool, values []uint32) Mem {
	pattern := make([]uint32, 16)
	for i := range 8 {
		pattern[2*i] = values[i*len(values)/8]
		if wide {
			pattern[2*i+1] = pattern[2*i]
		}
	}
	return a.table(name, pattern...)
}

// shifts is what VPSRLVQ and VPSLLVQ take: one number for each part of a register.
func (f *fused) shifts(counts ...uint32) reg.VecVirtual {
	name := "shifts"
	for _, c := range counts {
		name += string(rune('A' + c))
	}
	return f.keep(f.quads(name, counts...))
}

func (f *fused) bytes(b uint8) reg.VecVirtual { return f.keep(f.shared(0x01010101 * uint32(b))) }

// right shifts the parts of a register by their numbers and takes the bits of a mask.
func (f *fused) right(v reg.VecVirtual, mask uint8, counts ...uint32) reg.VecVirtual {
	r := f.vec()
	f.VPSRLVQ(f.shifts(counts...), v, r)
	f.VPANDD(f.bytes(mask), r, r)
	return r
}

// twice loads 32 bytes into both halves of a register.
func (f *fused) twice(at int) reg.VecVirtual {
	v := f.vec()
	f.VBROADCASTI64X4(f.mem(f.block, at), v)
	return v
}

// smallScales gives the halves in front of sixteen blocks of some bytes.
func (f *fused) smallScales(size int) func(int) Op {
	return func(int) Op {
		eight := func(from int) reg.VecVirtual {
			x, g := f.XMM(), f.GP32()
			f.MOVWLZX(f.mem(f.block, size*from), g)
			f.VMOVD(g, x)
			for i := 1; i < 8; i++ {
				f.VPINSRW(Imm(uint64(i)), f.mem(f.block, size*(from+i)), x, x)
			}
			return x
		}
		y, v := f.YMM(), f.vec()
		f.VINSERTI128(Imm(1), eight(8), eight(0).AsY(), y)
		f.VCVTPH2PS(y, v)
		return v
	}
}

func fusedQ8_0(a *asm) {
	const size = 34
	a.fuse("Q8_0", 32, false, 0, 16*size, func(f *fused) {
		f.scale = f.smallScales(size)
		f.bytes(0x80)
		f.leaf = func(i int) reg.VecVirtual {
			low, v := f.YMM(), f.vec()
			f.VMOVDQU(f.mem(f.block, size*2*i+2), low)
			f.VINSERTI64X4(Imm(1), f.mem(f.block, size*(2*i+1)+2), low.AsZ(), v)
			f.VPXORD(f.bytes(0x80), v, v)
			return v
		}
	})
}

func fusedQ4_0(a *asm) {
	const size = 18
	a.fuse("Q4_0", 32, false, 4, 16*size, func(f *fused) {
		f.scale = f.smallScales(size)
		order := f.keep(a.quads("double", 0, 1, 0, 1, 2, 3, 2, 3))
		f.bytes(15)
		f.shifts(0, 4, 0, 4)
		f.leaf = func(i int) reg.VecVirtual {
			one, two, v := f.XMM(), f.YMM(), f.vec()
			f.VMOVDQU(f.mem(f.block, size*2*i+2), one)
			f.VINSERTI128(Imm(1), f.mem(f.block, size*(2*i+1)+2), one.AsY(), two)
			f.VPERMQ(two.AsZ(), order, v)
			return f.right(v, 15, 0, 4, 0, 4)
		}
	})
}

// groupsK gives scales and minima of two blocks of Q4_K or Q5_K: see unpacker.groupsK.
func (f *fused) groupsK(size int) {
	var scales, minima reg.VecVirtual
	f.scale = func(int) Op {
		// Within each part u0, u1 and u2 are the numbers of 32 bits that hold eight scales and minima.
		p, whole, high := f.YMM(), f.YMM(), f.YMM()
		x := f.XMM()
		f.VMOVDQU(f.mem(f.block, 4), x)
		f.VINSERTI128(Imm(1), f.mem(f.block, size+4), x.AsY(), p)
		f.VPSHUFD(Imm(0b10_01_10_00), p, whole) // u0, u2, u1, u2
		f.VPSRLVD(f.eight("scaleShifts", 0, 0, 0, 4), whole, whole)
		f.VPAND(f.eight("scaleMasks", 0x3f3f3f3f, 0x0f0f0f0f, 0x3f3f3f3f, 0x0f0f0f0f), whole, whole)
		f.VPSHUFD(Imm(0b01_01_00_00), p, high) // u0, u0, u1, u1
		f.VPSRLD(Imm(2), high, high)
		f.VPAND(f.eight("scalePairs", 0, 0x30303030, 0, 0x30303030), high, high)
		f.VPOR(high, whole, whole)                 // scales and minima of one block, then of the other
		f.VPERMQ(Imm(0b11_01_10_00), whole, whole) // scales of both, minima of both
		scales, minima = f.vec(), f.vec()
		upper := f.XMM()
		f.VEXTRACTI128(Imm(1), whole, upper)
		f.VPMOVZXBD(whole.AsX(), scales)
		f.VPMOVZXBD(upper, minima)
		unit, g := f.XMM(), f.GP32()
		f.MOVL(f.mem(f.block, 0), g)
		f.VMOVD(g, unit)
		f.VPINSRD(Imm(1), f.mem(f.block, size), unit, unit)
		f.VCVTPH2PS(unit, unit) // d, dmin of one block, then of the other
		for i, v := range []reg.VecVirtual{scales, minima} {
			f.VCVTDQ2PS(v, v)
			by := f.load(f.eightAndEight(uint32(i), uint32(2+i)))
			f.VPERMPS(unit.AsZ(), by, by)
			f.VMULPS(by, v, v)
		}
		return scales
	}
	f.minimum = func(int) Op { return minima }
}

// eight is a pattern of four numbers, twice.
func (a *asm) eight(name string, v ...uint32) Mem { return a.table(name, append(v, v...)...) }

// eightAndEight is one number eight times, then another.
func (a *asm) eightAndEight(x, y uint32) Mem {
	pattern := make([]uint32, 16)
	for i := range pattern {
		pattern[i] = x
		if i >= 8 {
			pattern[i] = y
		}
	}
	return a.table("lanes"+string(rune('0'+x))+string(rune('0'+y)), pattern...)
}

func fusedQ4_K(a *asm) {
	const size = 144
	a.fuse("Q4_K", 32, true, 0, 2*size, func(f *fused) {
		f.groupsK(size)
		// High nibbles stay where they are, and the sums of every other group are divided by 16.
		down := f.keep(f.table("down", 0, 4, 0, 4, 0, 4, 0, 4, 0, 4, 0, 4, 0, 4, 0, 4))
		f.down = func(int) Op { return down }
		mask := f.keep(f.masks("nibbles", 0x0f0f0f0f, 0xf0f0f0f0))
		f.leaf = func(i int) reg.VecVirtual {
			v := f.twice(i/4*size + 16 + 32*(i%4))
			f.VPANDD(mask, v, v)
			return v
		}
	})
}

func fusedQ5_K(a *asm) {
	const size = 176
	a.fuse("Q5_K", 32, true, 0, 2*size, func(f *fused) {
		f.groupsK(size)
		f.bytes(15)
		f.bytes(0x10)
		for _, c := range [][]uint32{{0, 4}, {4, 3}, {2, 1}, {0, 1}, {2, 3}} {
			f.shifts(c...)
		}
		f.leaf = func(i int) reg.VecVirtual {
			v, fifth := f.twice(i/4*size+48+32*(i%4)), f.twice(i/4*size+16)
			f.VPSRLVQ(f.shifts(0, 4), v, v)
			g := uint32(i % 4 * 2)
			if g < 4 {
				f.VPSLLVQ(f.shifts(4-g, 3-g), fifth, fifth)
			} else {
				f.VPSRLVQ(f.shifts(g-4, g-3), fifth, fifth)
			}
			return f.joined(v, fifth, 0x10)
		}
	})
}

// joined gives the low nibbles of v and the bits of a mask of high.
func (f *fused) joined(v, high reg.VecVirtual, mask uint8) reg.VecVirtual {
	f.VPANDD(f.bytes(mask), high, high)
	f.VPTERNLOGD(U8(0xf8), f.bytes(15), v, high) // high | v & 15
	return high
}

func fusedQ6_K(a *asm) {
	const size = 210
	a.fuse("Q6_K", 16, false, 2, 2*size, func(f *fused) {
		f.bytes(15)
		f.bytes(0x30)
		f.shifts(4, 2)
		f.shifts(0, 2)
		f.scale = func(i int) Op {
			v := f.vec()
			f.VPMOVSXBD(f.mem(f.block, size*i+192), v)
			return f.scaledBytes(v, size*i+208)
		}
		f.leaf = func(i int) reg.VecVirtual {
			at, half, upper := i/4*size, i%4/2, i%2
			low, high := f.load(f.mem(f.block, at+64*half)), f.twice(at+128+32*half)
			if upper == 0 {
				f.VPSLLVQ(f.shifts(4, 2), high, high)
			} else {
				f.VPSRLW(Imm(4), low, low)
				f.VPSRLVQ(f.shifts(0, 2), high, high)
			}
			return f.joined(low, high, 0x30)
		}
	})
}

// scaledBytes gives sixteen bytes of integers times a half.
func (f *fused) scaledBytes(v reg.VecVirtual, unit int) reg.VecVirtual {
	by := f.vec()
	f.VBROADCASTSS(f.half(unit), by)
	f.VCVTDQ2PS(v, v)
	f.VMULPS(by, v, v)
	return v
}

// pairs gives two bits each of 64 columns: those of a byte belong to columns 32 apart.
func (f *fused) pairs(at, i int) reg.VecVirtual {
	v := f.twice(at + 32*(i%4/2))
	if i%2 == 0 {
		f.VPSRLVQ(f.shifts(0, 2), v, v)
	} else {
		f.VPSRLVQ(f.shifts(4, 6), v, v)
	}
	return v
}

func fusedQ2_K(a *asm) {
	const size = 84
	a.fuse("Q2_K", 16, true, 0, 2*size, func(f *fused) {
		f.bytes(3)
		f.shifts(0, 2)
		f.shifts(4, 6)
		f.keep(f.shared(15))
		var minima [2]reg.VecVirtual
		f.scale = func(i int) Op {
			v, m := f.vec(), f.vec()
			f.VPMOVZXBD(f.mem(f.block, size*i), v)
			f.VPSRLD(Imm(4), v, m)
			f.VPANDD(f.keep(f.shared(15)), v, v)
			minima[i] = f.scaledBytes(m, size*i+82)
			return f.scaledBytes(v, size*i+80)
		}
		f.minimum = func(i int) Op { return minima[i] }
		f.leaf = func(i int) reg.VecVirtual {
			v := f.pairs(i/4*size+16, i)
			f.VPANDD(f.bytes(3), v, v)
			return v
		}
	})
}

func fusedQ3_K(a *asm) {
	const size = 110
	a.fuse("Q3_K", 16, false, 5, 2*size, func(f *fused) {
		f.bytes(3)
		f.bytes(4)
		for _, c := range [][]uint32{{0, 2}, {4, 6}, {2, 1}, {0, 1}, {2, 3}, {4, 5}} {
			f.shifts(c...)
		}
		f.scale = func(i int) Op {
			v := f.vec()
			f.VPMOVSXBD(f.sixBits(size*i+96), v)
			return f.scaledBytes(v, size*i+108)
		}
		f.leaf = func(i int) reg.VecVirtual {
			v, top := f.pairs(i/4*size+32, i), f.twice(i/4*size)
			if b := uint32(2 * (i % 4)); b == 0 {
				f.VPSLLVQ(f.shifts(2, 1), top, top)
			} else {
				f.VPSRLVQ(f.shifts(b-2, b-1), top, top)
			}
			f.VPANDD(f.bytes(4), top, top)
			f.VPTERNLOGD(U8(0xf8), f.bytes(3), v, top) // top | v & 3
			return top
		}
	})
}

func fusedIQ4_XS(a *asm) {
	const size = 136
	a.fuse("IQ4_XS", 32, false, 0, 2*size, func(f *fused) {
		order := f.keep(a.quads("double", 0, 1, 0, 1, 2, 3, 2, 3))
		f.bytes(15)
		f.shifts(0, 4, 0, 4)
		table := append(levelsIQ4, levelsIQ4...)
		levels := f.keep(f.table("levelsIQ4", append(table, table...)...))
		f.scale = func(int) Op {
			v := f.vec()
			f.VINSERTF64X4(Imm(1), f.scalesIQ4(size), f.scalesIQ4(0).AsZ(), v)
			return v
		}
		f.leaf = func(i int) reg.VecVirtual {
			q, v := f.YMM(), f.vec()
			f.VMOVDQU(f.mem(f.block, i/4*size+8+32*(i%4)), q)
			f.VPERMQ(q.AsZ(), order, v)
			v = f.right(v, 15, 0, 4, 0, 4)
			f.VPSHUFB(v, levels, v)
			return v
		}
	})
}
