package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rowProducts multiplies rows with one vector: what piece.dot adds up, for as many groups at once as a register has lanes.
// Integers are multiplied as they lie, and the lanes that belong to a group are added by shuffles that registers share.
func rowProducts(a *asm, group int, minima bool) {
	a.fn(variant("rowProducts", group, minima),
		"func(terms *float32, codes *uint8, scales *float32, values, low *int8, xscale, xsum *float32, xoffset *int32, columns, rows, chunks int)",
		"gives the products of chunks of groups of rows.")
	k := &rower{asm: a, group: group, minima: minima}
	k.leaf = k.stored
	k.scale = func(i int) Op { return a.mem(k.scales, a.width()*i) }
	k.minimum = func(i int) Op { return a.mem(k.scales, minimaAfter+a.width()*i) }
	terms, codes, scales, rows := a.arg("terms"), a.arg("codes"), a.arg("scales"), a.arg("rows")
	a.loop(rows, func() {
		k.codes, k.scales = k.copy(codes), k.copy(scales)
		k.row(terms, func() {
			a.ADDQ(U32(uint32(a.width()*32/group)), k.scales)
			a.ADDQ(U32(uint32(8*a.width())), k.codes)
		})
		a.ADDQ(U32(segmentBytes), terms)
		columns := a.arg("columns")
		a.ADDQ(columns, codes)
		a.SHRQ(Imm(uint64(map[int]int{32: 3, 16: 2}[group])), columns) // bytes of scales
		a.ADDQ(columns, scales)
	})
	a.ret()
}

// segmentBytes is from the terms of a row to those of the next.
const segmentBytes = 4 * 2048 / 32

// copy gives a register that may be changed.
func (a *asm) copy(p reg.GPVirtual) reg.GPVirtual {
	c := a.GP64()
	a.MOVQ(p, c)
	return c
}

// rower is the state of a function that multiplies rows with a vector.
type rower struct {
	*asm
	group  int
	minima bool
	shift  int            // the offset of codes is 128>>shift
	down   func(i int) Op // by what powers of two sums are divided, which have no remainder; may be nil

	leaf           func(i int) reg.VecVirtual        // codes: 64 columns on AVX-512, 32 on AVX2
	split          func(i int) (e, o reg.VecVirtual) // on AVX2 instead of leaf: even columns, odd ones
	scale, minimum func(i int) Op                    // those of the next groups, as many as a register has lanes

	codes, scales, values, low reg.GPVirtual
}

// row multiplies chunks of eight leaves of one row; next moves pointers to the next chunk.
func (k *rower) row(terms reg.GPVirtual, next func()) {
	a := k.asm
	if k.split == nil {
		k.split = k.splitLeaf
	}
	terms = a.copy(terms)
	k.values = a.arg("values")
	xscale := a.arg("xscale")
	var xextra reg.GPVirtual
	if a.wide {
		k.low = a.arg("low")
	}
	if k.minima {
		xextra = a.arg("xsum")
	} else {
		xextra = a.arg("xoffset")
	}
	w := a.width()
	parts := 32 / k.group // registers of scales
	a.loop(a.arg("chunks"), func() {
		sums := k.sums()
		for i, n := range sums {
			if k.down != nil {
				a.VPSRAVD(k.down(i), n, n)
			}
			switch {
			case k.minima:
			case k.shift > 0:
				var x reg.VecVirtual
				if a.wide {
					x = a.vec()
					a.VPSRAD(Imm(uint64(k.shift)), a.mem(xextra, w*i), x)
				} else {
					x = a.load(a.mem(xextra, w*i))
					a.VPSRAD(Imm(uint64(k.shift)), x, x)
				}
				a.VPADDD(x, n, n)
			default:
				a.VPADDD(a.mem(xextra, w*i), n, n)
			}
			a.VCVTDQ2PS(n, n)
			a.VMULPS(k.scale(i), n, n)
		}
		f := k.neighbours(sums)
		a.VMULPS(a.mem(xscale, 0), f, f)
		if k.minima {
			m := make([]reg.VecVirtual, parts)
			for i := range m {
				m[i] = a.load(a.mem(xextra, w*i))
				a.VMULPS(k.minimum(i), m[i], m[i])
			}
			a.VSUBPS(k.neighbours(m), f, f)
		}
		a.VMOVUPS(f, a.mem(terms, 0))
		a.ADDQ(Imm(uint64(w)), terms)
		a.ADDQ(Imm(uint64(w)), xscale)
		a.ADDQ(U32(uint32(w*parts)), xextra)
		a.ADDQ(U32(512), k.values)
		if a.wide {
			a.ADDQ(U32(512), k.low)
		}
		next()
	})
}

// stored gives codes that were unpacked before.
func (k *rower) stored(i int) reg.VecVirtual { return k.load(k.mem(k.codes, k.width()*i)) }

// products gives the products of a leaf, four columns a lane.
func (k *rower) products(i int) reg.VecVirtual {
	if k.wide {
		w := k.leaf(i)
		sum := k.vec()
		k.zero(sum)
		k.VPDPBUSD(k.mem(k.values, 64*i), w, sum)
		k.VPSLLD(Imm(8), sum, sum)
		k.VPDPBUSD(k.mem(k.low, 64*i), w, sum)
		return sum
	}
	even, odd := k.split(i)
	sum := k.vec()
	k.VPMADDWD(k.mem(k.values, 64*i), even, sum)
	k.VPMADDWD(k.mem(k.values, 64*i+32), odd, odd)
	k.VPADDD(odd, sum, sum)
	return sum
}

// splitLeaf splits a leaf's bytes.
func (k *rower) splitLeaf(i int) (even, odd reg.VecVirtual) {
	even, odd = k.vec(), k.leaf(i)
	k.VPAND(k.shared(0x00ff00ff), odd, even)
	k.VPSRLW(Imm(8), odd, odd)
	return even, odd
}

// halve adds neighbouring lanes of x and of y: within each 128 bits, two sums of x, then two of y.
func (k *rower) halve(x, y reg.VecVirtual) reg.VecVirtual {
	odd := k.vec()
	k.VSHUFPS(Imm(0xdd), y, x, odd)
	k.VSHUFPS(Imm(0x88), y, x, x)
	k.VPADDD(odd, x, x)
	return x
}

// four gives, for each 128 bits of four leaves from i on, the sum of the lanes: within each 128 bits, one of each leaf.
func (k *rower) four(i int) reg.VecVirtual {
	x := k.halve(k.products(i), k.products(i+1))
	return k.halve(x, k.halve(k.products(i+2), k.products(i+3)))
}

// sums gives the sums of integers in the order of the groups: one register for groups of 32, two for groups of 16.
func (k *rower) sums() []reg.VecVirtual {
	x, y := k.four(0), k.four(4)
	switch {
	case k.group == 16 && k.wide: // part i of x has groups i, 4+i, 8+i, 12+i
		order := []uint32{0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15}
		return []reg.VecVirtual{k.permute("quarters", x, order), k.permute("quarters", y, order)}
	case k.group == 16: // part i of x has groups i, 2+i, 4+i, 6+i
		order := []uint32{0, 4, 1, 5, 2, 6, 3, 7}
		return []reg.VecVirtual{k.permute("halves", x, order), k.permute("halves", y, order)}
	case k.wide: // parts 2i and 2i+1 make groups 0, 2, 4, 6 and 1, 3, 5, 7
		p, q := k.vec(), k.vec()
		k.VSHUFF32X4(Imm(0x88), y, x, p)
		k.VSHUFF32X4(Imm(0xdd), y, x, q)
		k.VPADDD(q, p, p)
		return []reg.VecVirtual{k.permute("pairs", p, []uint32{0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15})}
	}
	p, q := k.vec(), k.vec()
	k.VPERM2I128(Imm(0x20), y, x, p)
	k.VPERM2I128(Imm(0x31), y, x, q)
	k.VPADDD(q, p, p)
	return []reg.VecVirtual{p}
}

// permute gives the lanes of x in another order.
func (k *rower) permute(name string, x reg.VecVirtual, order []uint32) reg.VecVirtual {
	v := k.load(k.table(name, order...))
	k.VPERMD(x, v, v)
	return v
}

// neighbours adds those of the 16 columns of a group to those of the next 16, if groups have 16.
func (k *rower) neighbours(x []reg.VecVirtual) reg.VecVirtual {
	if len(x) == 1 {
		return x[0]
	}
	sum := k.vec()
	if !k.wide {
		k.VHADDPS(x[1], x[0], sum)
		k.VPERMQ(Imm(0xd8), sum, sum)
		return sum
	}
	odd := k.vec()
	k.VSHUFPS(Imm(0x88), x[1], x[0], sum)
	k.VSHUFPS(Imm(0xdd), x[1], x[0], odd)
	k.VADDPS(odd, sum, sum)
	return k.permute("neighbours", sum, []uint32{0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15})
}
