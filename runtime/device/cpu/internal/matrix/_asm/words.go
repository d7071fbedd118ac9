package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// partBytes is from eight rows of a tile in words to the next eight: even and odd columns of 512, two bytes each.
const partBytes = 512 * 8 * 2

// splitTile makes words of a tile's bytes: for each eight rows, four columns after the other, the even two and then the odd
// two of each row. It is done once for all vectors.
func splitTile(a *asm) {
	a.fn("splitTile", "func(words, tile *byte, n int)", "makes words of n times four columns.")
	words, tile := a.arg("words"), a.arg("tile")
	mask := a.load(a.shared(0x00ff00ff))
	a.loop(a.arg("n"), func() {
		for part := range 4 {
			v, even := a.load(a.mem(tile, 32*part)), a.vec()
			a.VPAND(mask, v, even)
			a.VPSRLW(Imm(8), v, v)
			a.VMOVDQU(even, a.mem(words, partBytes*part))
			a.VMOVDQU(v, a.mem(words, partBytes*part+32))
		}
		a.ADDQ(U32(128), tile)
		a.ADDQ(U32(64), words)
	})
	a.ret()
}

// words is the state of tileWords.
type words struct {
	*asm
	group         int
	minima        bool
	tokens        int
	quads         int // four columns that are added up in words, 0 if values are words: see tileBytes
	size          []reg.Register
	tile, scales  reg.GPVirtual
	sums, next    reg.GPVirtual
	values, scale [2]reg.GPVirtual // of vectors 0 and 4
	x             [2]reg.GPVirtual // sums or offsets
}

// tileWords multiplies a tile of 32 rows with blocks of four or eight vectors on AVX2: piece.dot for eight rows after the
// other, pairs of even columns and pairs of odd ones with VPMADDWD. Additions are what is busiest: sums begin with the
// offset, or with the first products.
func tileWords(a *asm, tokens, group int, minima bool) {
	k := &words{asm: a, group: group, minima: minima, tokens: tokens}
	k.tiles(variant(fmt.Sprintf("tileWords%dby", tokens), group, minima))
}

// tiles writes a function that takes eight rows after the other.
func (k *words) tiles(name string) {
	a, tokens := k.asm, k.tokens
	a.fn(name, "func(sums *float32, tile *byte, scales *float32, values *int8, xscale, xsum *float32, xoffset *int32, size, blocks, groups int)",
		"adds the products of a tile with blocks of vectors.")
	k.size = a.sizes(a.arg("size"))
	shift, part := a.GP64(), a.GP64()
	a.XORQ(shift, shift)
	a.XORQ(part, part)
	blocks, next := a.name("blocks"), a.name("parts")
	a.Label(blocks)
	a.XORQ(part, part)
	a.Label(next)
	k.tile, k.scales, k.sums = a.arg("tile"), a.arg("scales"), a.arg("sums")
	if k.quads > 0 {
		a.ADDQ(part, k.tile)
	} else {
		offset := a.copy(part) // counted in 32 bytes
		a.IMUL3Q(U32(partBytes/32), offset, offset)
		a.ADDQ(offset, k.tile)
	}
	a.ADDQ(part, k.scales)
	a.ADDQ(part, k.sums)
	extra := "xoffset"
	if k.minima {
		extra = "xsum"
	}
	for i := range (tokens + 3) / 4 {
		k.values[i], k.scale[i], k.x[i] = a.arg("values"), a.arg("xscale"), a.arg(extra)
		for _, p := range []reg.GPVirtual{k.values[i], k.scale[i], k.x[i]} {
			a.ADDQ(shift, p)
			if i > 0 {
				a.LEAQ(Mem{Base: p, Index: k.size[0], Scale: 4}, p)
			}
		}
	}
	// The values of the next vectors come from far away: a quarter of them is asked for with each eight rows.
	k.next = a.copy(part)
	a.SHRQ(Imm(uint64(map[int]uint64{4: 5, 8: 4}[tokens])), k.next)
	a.ADDQ(Imm(uint64(tokens)), k.next)
	a.IMULQ(k.size[0], k.next)
	a.ADDQ(k.values[0], k.next)
	a.loop(a.arg("groups"), k.block)
	a.ADDQ(Imm(32), part)
	a.CMPQ(part, U32(128))
	a.JNE(LabelRef(next))
	for range tokens / 4 {
		a.LEAQ(Mem{Base: shift, Index: k.size[0], Scale: 4}, shift)
	}
	a.ADDQ(U32(uint32(128*tokens)), a.argMem("sums"))
	a.DECQ(a.argMem("blocks"))
	a.JNZ(LabelRef(blocks))
	a.ret()
}

func (k *words) at(p [2]reg.GPVirtual, t, disp int) Mem { return at(p[t/4], k.size, t%4, disp) }

// block does a group of 32 columns.
func (k *words) block() {
	for t := range k.tokens / 4 {
		k.PREFETCHT0(at(k.next, k.size, t, 0))
	}
	value := 2 // bytes
	if k.quads > 0 {
		value = 1
	}
	k.ADDQ(Imm(uint64(32*value)), k.next)
	terms := k.products(0, k.group/4)
	if k.group == 16 {
		second := k.products(4, 4)
		for t := range terms {
			k.VADDPS(second[t], terms[t], terms[t])
		}
	}
	for t, v := range terms {
		k.VMULPS(k.broadcast(k.at(k.scale, t, 0)), v, v)
		if k.minima {
			var sum reg.VecVirtual
			for h := range 32 / k.group {
				m := k.broadcast(k.at(k.x, t, 4*h))
				k.VMULPS(k.mem(k.scales, minimaAfter+128*h), m, m)
				if h == 0 {
					sum = m
				} else {
					k.VADDPS(m, sum, sum)
				}
			}
			k.VSUBPS(sum, v, v)
		}
		k.VADDPS(k.mem(k.sums, 128*t), v, v)
		k.VMOVUPS(v, k.mem(k.sums, 128*t))
	}
	k.ADDQ(U32(uint32(1024/value)), k.tile)
	k.ADDQ(U32(uint32(128*32/k.group)), k.scales)
	for i := range (k.tokens + 3) / 4 {
		k.ADDQ(Imm(uint64(32*value)), k.values[i])
		k.ADDQ(Imm(4), k.scale[i])
		k.ADDQ(Imm(uint64(4*32/k.group)), k.x[i])
	}
}

// products gives, for n times four columns from the quarter first on, the sums of integers times the scales of the rows.
func (k *words) products(first, n int) []reg.VecVirtual {
	half := first / 4 // of a group
	if k.quads > 0 {
		return k.scaledBy(half, k.byteProducts(first, n))
	}
	sums := make([]reg.VecVirtual, k.tokens)
	if !k.minima {
		for t := range sums {
			sums[t] = k.vec()
			k.VPBROADCASTD(k.at(k.x, t, 4*half), sums[t])
		}
	}
	for q := first; q < first+n; q++ {
		for odd := range 2 {
			w := k.load(k.mem(k.tile, 64*q+32*odd))
			for t := range sums {
				v := k.vec()
				k.VPBROADCASTD(k.at(k.values, t, 4*q+32*odd), v)
				k.VPMADDWD(v, w, v)
				if sums[t] == nil {
					sums[t] = v
				} else {
					k.VPADDD(v, sums[t], sums[t])
				}
			}
		}
	}
	return k.scaledBy(half, sums)
}

// scaledBy multiplies sums with the scales of rows.
func (k *words) scaledBy(half int, sums []reg.VecVirtual) []reg.VecVirtual {
	for _, v := range sums {
		k.VCVTDQ2PS(v, v)
		k.VMULPS(k.mem(k.scales, 128*half), v, v)
	}
	return sums
}
