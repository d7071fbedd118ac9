package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Constants of package matrix.
const (
	tokens      = 4    // vectors that are multiplied at once
	minimaAfter = 4096 // bytes, from scales to minima
)

func variant(name string, group int, minima bool) string {
	name = fmt.Sprintf("%s%d", name, group)
	if minima {
		name += "Minima"
	}
	return name
}

// tileProduct multiplies a tile of 32 rows with all vectors: piece.dot for 32 rows and four vectors at once.
//
// AVX-512 has the rounded values as 256·high + low, and VPDPBUSD multiplies four columns of 16 rows with each part: first
// all columns of a group with the high part, then, after a shift, with the low one. tileWords is for AVX2.
//
// If fast, the low parts are zeros and are left out.
func tileProduct(a *asm, group int, minima, fast bool) {
	name := "tileProduct"
	if fast {
		name = "tileProductFast"
	}
	a.fn(variant(name, group, minima),
		"func(sums *float32, tile *uint8, scales *float32, values, low *int8, xscale, xsum *float32, xoffset *int32, size, blocks, groups int)",
		"adds the products of a tile with blocks of four vectors.")
	k := &tiler{asm: a, group: group, minima: minima, fast: fast, rows: 2}
	blocks, sums := a.arg("blocks"), a.arg("sums")
	k.size = a.sizes(a.arg("size"))
	shift := a.GP64()
	a.XORQ(shift, shift)
	a.loop(blocks, func() {
		k.block(sums, shift)
		a.LEAQ(Mem{Base: shift, Index: k.size[0], Scale: 4}, shift)
		a.ADDQ(U32(128*tokens), sums)
	})
	a.ret()
}

// tiler is the state of tileProduct.
type tiler struct {
	*asm
	group  int
	minima bool
	fast   bool
	rows   int            // registers of rows
	size   []reg.Register // of a record, and three times of it

	tile, scales, values, low, xscale, xextra reg.GPVirtual // xextra is sum or offset
}

// moved loads a pointer and moves it.
func (k *tiler) moved(name string, by reg.GPVirtual) reg.GPVirtual {
	p := k.arg(name)
	k.ADDQ(by, p)
	return p
}

// block does four vectors: shift is where their records are.
func (k *tiler) block(sums, shift reg.GPVirtual) {
	k.tile, k.scales = k.arg("tile"), k.arg("scales")
	k.values, k.xscale = k.moved("values", shift), k.moved("xscale", shift)
	if !k.fast {
		k.low = k.moved("low", shift)
	}
	if k.minima {
		k.xextra = k.moved("xsum", shift)
	} else {
		k.xextra = k.moved("xoffset", shift)
	}
	var total [tokens][]reg.VecVirtual
	k.each(func(t, r int) {
		total[t] = append(total[t], k.load(k.mem(sums, 128*t+64*r)))
	})
	k.loop(k.arg("groups"), func() {
		terms := k.products(0, k.group/4)
		if k.group == 16 {
			second := k.products(4, 4)
			k.each(func(t, r int) { k.VADDPS(second[t][r], terms[t][r], terms[t][r]) })
		}
		for t := range tokens {
			s := k.broadcast(at(k.xscale, k.size, t, 0))
			for r := range k.rows {
				k.VMULPS(s, terms[t][r], terms[t][r])
			}
			if !k.minima {
				continue
			}
			var sum []reg.VecVirtual
			for h := 0; h < 32/k.group; h++ {
				x := k.broadcast(at(k.xextra, k.size, t, 4*h))
				for r := range k.rows {
					m := k.vec()
					k.VMULPS(k.mem(k.scales, minimaAfter+128*h+64*r), x, m)
					if h == 0 {
						sum = append(sum, m)
					} else {
						k.VADDPS(m, sum[r], sum[r])
					}
				}
			}
			for r := range k.rows {
				k.VSUBPS(sum[r], terms[t][r], terms[t][r])
			}
		}
		k.each(func(t, r int) { k.VADDPS(terms[t][r], total[t][r], total[t][r]) })
		k.ADDQ(U32(32*32), k.tile)
		k.ADDQ(U32(uint32(128*32/k.group)), k.scales)
		k.ADDQ(Imm(4), k.xscale)
		k.ADDQ(Imm(uint64(4*32/k.group)), k.xextra)
		k.ADDQ(Imm(32), k.values)
		if !k.fast {
			k.ADDQ(Imm(32), k.low)
		}
	})
	k.each(func(t, r int) { k.VMOVUPS(total[t][r], k.mem(sums, 128*t+64*r)) })
}

func (k *tiler) each(f func(t, r int)) {
	for t := range tokens {
		for r := range k.rows {
			f(t, r)
		}
	}
}

// products gives, for n times four columns from the quarter at on, the sums of integers times the scales of the rows.
func (k *tiler) products(at4, n int) (terms [tokens][]reg.VecVirtual) {
	k.each(func(t, r int) {
		v := k.vec()
		k.zero(v)
		terms[t] = append(terms[t], v)
	})
	k.part(&terms, k.values, at4, n)
	k.each(func(t, r int) { k.VPSLLD(Imm(8), terms[t][r], terms[t][r]) })
	if !k.fast {
		k.part(&terms, k.low, at4, n)
	}
	half := at4 / 4 // of a group
	if !k.minima {
		for t := range tokens {
			x := k.vec()
			k.VPBROADCASTD(at(k.xextra, k.size, t, 4*half), x)
			for r := range k.rows {
				k.VPADDD(x, terms[t][r], terms[t][r])
			}
		}
	}
	k.each(func(t, r int) {
		k.VCVTDQ2PS(terms[t][r], terms[t][r])
		k.VMULPS(k.mem(k.scales, 128*half+64*r), terms[t][r], terms[t][r])
	})
	return terms
}

// part adds the products with the high or the low parts.
func (k *tiler) part(terms *[tokens][]reg.VecVirtual, x reg.GPVirtual, at4, n int) {
	for q := at4; q < at4+n; q++ {
		w := []reg.VecVirtual{k.load(k.mem(k.tile, 128*q)), k.load(k.mem(k.tile, 128*q+64))}
		for t := range tokens {
			v := k.vec()
			k.VPBROADCASTD(at(x, k.size, t, 4*q), v)
			for r := range k.rows {
				k.VPDPBUSD(v, w[r], terms[t][r])
			}
		}
	}
}
