package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// eight is the state of a function that multiplies eight woven rows with one vector on AVX2, for products that wait for
// memory: each lane adds up its row as piece.dot does, and nothing has to be added across lanes.
type eight struct {
	*asm
	lead   int // bytes in front of the first whole 32 bits
	size   int // of a block
	group  int
	minima bool
	shift  int // the offset of codes is 128>>shift

	block, values, scale, x reg.GPVirtual // x is sum or offset
	asked                   int           // bytes of the next block
	sums                    reg.VecVirtual
	masks                   map[uint32]reg.VecVirtual // the load units are busy: patterns must not be loaded again
}

// eightAhead is how many bytes before they are needed blocks are asked for: measured.
const eightAhead = 3072

// eightRows writes such a function for blocks of some columns and bytes; body does the groups of a block. Words are
// patterns of 32 bits that it uses all the time.
func (a *asm) eightRows(name string, columns int, k *eight, words []uint32, body func()) {
	a.fn("eight"+name, "func(sums *float32, blocks *byte, values *int8, xscale, xsum *float32, xoffset *int32, n int)",
		"multiplies eight rows of n blocks.")
	k.asm, k.masks = a, map[uint32]reg.VecVirtual{}
	k.block = a.arg("blocks")
	for _, w := range words {
		k.masks[w] = a.load(a.shared(w))
	}
	k.values, k.scale = a.arg("values"), a.arg("xscale")
	if k.minima {
		k.x = a.arg("xsum")
	} else {
		k.x = a.arg("xoffset")
	}
	k.sums = a.vec()
	a.zero(k.sums)
	a.loop(a.arg("n"), func() {
		k.asked = 0
		body()
		k.ask(8 * k.size)
		a.ADDQ(U32(uint32(8*k.size)), k.block)
		a.ADDQ(U32(uint32(2*columns)), k.values)
		a.ADDQ(U32(uint32(columns/8)), k.scale)
		a.ADDQ(U32(uint32(columns/8*32/k.group)), k.x)
	})
	a.VMOVUPS(k.sums, a.mem(a.arg("sums"), 0))
	a.ret()
}

// ask asks for what is ahead of n more bytes: not for all of a block at once, because only so much can be under way.
func (k *eight) ask(n int) {
	for end := min(k.asked+n, 8*k.size); k.asked < end; k.asked += 64 {
		k.PREFETCHT0(k.mem(k.block, eightAhead+k.asked))
	}
}

func (k *eight) mask(w uint32) Op {
	if v := k.masks[w]; v != nil {
		return v
	}
	return k.shared(w)
}

// word is where 32 bits of a block are, those of all rows.
func (k *eight) word(at int) Mem { return k.mem(k.block, 8*k.lead+32*((at-k.lead)/4)) }

// halves gives an IEEE half of every row.
func (k *eight) halves(at int) reg.VecVirtual {
	v := k.vec()
	k.VCVTPH2PS(k.mem(k.block, 8*at), v)
	return v
}

// sum is sums of integers; nil is none yet.
type sum struct{ v reg.VecVirtual }

// add adds the products of codes in 16 bits with a pair of values: even ones, or odd ones, of the four from 4·q on of a group.
func (k *eight) add(s *sum, codes reg.VecVirtual, group, q, odd int) {
	v := k.vec()
	k.VPBROADCASTD(k.mem(k.values, 64*group+4*q+32*odd), v)
	k.VPMADDWD(codes, v, v)
	if s.v == nil {
		s.v = v
	} else {
		k.VPADDD(v, s.v, s.v)
	}
}

// nibbles adds the products of low and high nibbles from 4·q on of two groups. What stays where it is in 16 bits makes sums
// that are too high by a power of two, even for 256 times 15·32639·16 below 2^31: each has its own until whole divides them.
type nibbles struct{ low, lowOdd, high, highOdd sum }

func (k *eight) nibbles(s *nibbles, v reg.VecVirtual, low, lowQ, high, highQ int) {
	for _, p := range []struct {
		s             *sum
		mask          uint32
		group, q, odd int
	}{
		{&s.low, 0x000f000f, low, lowQ, 0}, {&s.lowOdd, 0x0f000f00, low, lowQ, 1}, {&s.high, 0x00f000f0, high, highQ, 0},
	} {
		c := k.vec()
		k.VPAND(k.mask(p.mask), v, c)
		k.add(p.s, c, p.group, p.q, p.odd)
	}
	k.VPSRLW(Imm(12), v, v)
	k.add(&s.highOdd, v, high, highQ, 1)
}

// whole gives the sums of low and of high nibbles.
func (k *eight) whole(s *nibbles) (low, high sum) {
	k.VPSRAD(Imm(8), s.lowOdd.v, s.lowOdd.v)
	k.VPSRAD(Imm(4), s.high.v, s.high.v)
	k.VPADDD(s.lowOdd.v, s.low.v, s.low.v)
	k.VPADDD(s.highOdd.v, s.high.v, s.high.v)
	return s.low, s.high
}

// split adds the products of whole bytes.
func (k *eight) split(s *sum, v reg.VecVirtual, group, q int) {
	even, odd := k.vec(), k.vec()
	k.VPAND(k.mask(0x00ff00ff), v, even)
	k.VPSRLW(Imm(8), v, odd)
	k.add(s, even, group, q, 0)
	k.add(s, odd, group, q, 1)
}

// bits gives the bits of a mask, after a shift to the right; a negative shift goes to the left.
func (k *eight) bits(v reg.VecVirtual, right int, mask uint8) reg.VecVirtual {
	r, m := k.vec(), k.mask(0x01010101*uint32(mask))
	switch {
	case right > 0:
		k.VPSRLW(Imm(uint64(right)), v, r)
		k.VPAND(m, r, r)
	case right < 0:
		k.VPSLLW(Imm(uint64(-right)), v, r)
		k.VPAND(m, r, r)
	default:
		k.VPAND(m, v, r)
	}
	return r
}

// scaled gives the sums of a part times its scales. Parts are groups of the type, 16 or 32 columns.
func (k *eight) scaled(s sum, scales Op, part int) reg.VecVirtual {
	if !k.minima {
		x := k.vec()
		k.VPBROADCASTD(k.mem(k.x, 4*part), x)
		if k.shift > 0 {
			k.VPSRAD(Imm(uint64(k.shift)), x, x)
		}
		k.VPADDD(x, s.v, s.v)
	}
	k.VCVTDQ2PS(s.v, s.v)
	k.VMULPS(scales, s.v, s.v)
	return s.v
}

// finish adds a group's term: see piece.dot. minima has one for each part.
func (k *eight) finish(group int, term reg.VecVirtual, minima ...reg.VecVirtual) {
	k.VMULPS(k.broadcast(k.mem(k.scale, 4*group)), term, term)
	var m reg.VecVirtual
	for i, v := range minima {
		k.VMULPS(k.broadcast(k.mem(k.x, 4*(len(minima)*group+i))), v, v)
		if i == 0 {
			m = v
		} else {
			k.VADDPS(v, m, m)
		}
	}
	if m != nil {
		k.VSUBPS(m, term, term)
	}
	k.VADDPS(term, k.sums, k.sums)
}

func eightQ4_0(a *asm) {
	k := &eight{lead: 2, size: 18, group: 32, shift: 4}
	a.eightRows("Q4_0", 32, k, []uint32{0x000f000f, 0x0f000f00, 0x00f000f0}, func() {
		var s nibbles
		for q := range 4 {
			k.nibbles(&s, k.load(k.word(2+4*q)), 0, q, 0, q+4)
		}
		low, high := k.whole(&s)
		k.VPADDD(high.v, low.v, low.v)
		k.finish(0, k.scaled(low, k.halves(0), 0))
	})
}

// header is d and dmin of a block of Q4_K or Q5_K, and its scales and minima, four bytes of each row for each of: scales of
// groups 0 … 3, minima of them, scales of groups 4 … 7, minima of them.
type header struct{ kept }

// header reads it: see unpacker.groupsK.
func (k *eight) header() header {
	m := k.keep(6)
	for i := range 2 {
		x, y, v := k.vec(), k.XMM(), k.vec()
		if i == 0 {
			k.VPSLLD(Imm(16), k.load(k.word(0)), x)
			k.VPSRLD(Imm(16), x, x)
		} else {
			k.VPSRLD(Imm(16), k.load(k.word(0)), x)
		}
		k.VEXTRACTI128(Imm(1), x, y)
		k.VPACKUSDW(y, x.AsX(), x.AsX())
		k.VCVTPH2PS(x.AsX(), v)
		m.store(4+i, v)
	}
	both := k.load(k.word(12))
	for i := range 2 {
		v, low, high := k.load(k.word(4+4*i)), k.vec(), k.vec()
		k.VPAND(k.shared(0x3f3f3f3f), v, low)
		k.VPSRLD(Imm(2), v, v)
		k.VPAND(k.shared(0x30303030), v, v)
		if i == 1 {
			k.VPSRLD(Imm(4), both, both)
		}
		k.VPAND(k.shared(0x0f0f0f0f), both, high)
		k.VPOR(v, high, high)
		m.store(i, low)
		m.store(2+i, high)
	}
	return header{m}
}

// scaleK gives the scales (0) or minima (1) of group g.
func (k *eight) scaleK(h header, which, g int) reg.VecVirtual {
	v := k.vec()
	var pattern []uint32
	for i := range uint32(4) {
		pattern = append(pattern, 0x80808000+4*i+uint32(g%4))
	}
	k.VMOVDQU(h.mem(g/4*2+which), v)
	k.VPSHUFB(k.table(fmt.Sprint("byte", g%4), append(pattern, pattern...)...), v, v)
	k.VCVTDQ2PS(v, v)
	k.VMULPS(h.mem(4+which), v, v)
	return v
}

func eightQ4_K(a *asm) {
	k := &eight{size: 144, group: 32, minima: true}
	a.eightRows("Q4_K", 256, k, []uint32{0x000f000f, 0x0f000f00, 0x00f000f0}, func() {
		h := k.header()
		for i := range 4 {
			var n nibbles
			for q := range 8 {
				k.ask(64 * (q % 2))
				k.nibbles(&n, k.load(k.word(16+32*i+4*q)), 2*i, q, 2*i+1, q)
			}
			low, high := k.whole(&n)
			for j, s := range []sum{low, high} {
				g := 2*i + j
				k.finish(g, k.scaled(s, k.scaleK(h, 0, g), g), k.scaleK(h, 1, g))
			}
		}
	})
}

// kept is registers in memory of a function's own.
type kept struct {
	*asm
	at Mem
}

func (k *eight) keep(n int) kept { return kept{k.asm, k.AllocLocal(32 * n)} }

func (m kept) mem(i int) Mem { return m.at.Offset(32 * i) }

func (m kept) store(i int, v ...reg.VecVirtual) {
	for j, x := range v {
		m.VMOVDQU(x, m.mem(i+j))
	}
}

func (m kept) load(i int) reg.VecVirtual {
	v := m.vec()
	m.VMOVDQU(m.mem(i), v)
	return v
}

func eightQ5_K(a *asm) {
	k := &eight{size: 176, group: 32, minima: true}
	a.eightRows("Q5_K", 256, k, []uint32{0x00ff00ff, 0x0f0f0f0f, 0x10101010}, func() {
		h := k.header()
		for i := range 4 {
			var s [2]sum
			for q := range 8 {
				v, fifth := k.load(k.word(48+32*i+4*q)), k.load(k.word(16+4*q))
				k.ask(64 * (q % 2))
				for j := range s {
					g := 2*i + j
					c := k.bits(v, 4*j, 15)
					k.VPOR(k.bits(fifth, g-4, 16), c, c)
					k.split(&s[j], c, g, q)
				}
			}
			for j, s := range s {
				g := 2*i + j
				k.finish(g, k.scaled(s, k.scaleK(h, 0, g), g), k.scaleK(h, 1, g))
			}
		}
	})
}

func eightQ6_K(a *asm) {
	k := &eight{size: 210, group: 16, shift: 2}
	a.eightRows("Q6_K", 256, k, []uint32{0x00ff00ff, 0x0f0f0f0f, 0x30303030}, func() {
		d := k.halves(208)
		for h := range 2 {
			for part := range 4 {
				var terms [2]reg.VecVirtual
				for odd := range terms { // the halves of each group of 32 columns
					var s sum
					for q := range 4 {
						at := 16*odd + 4*q
						v := k.bits(k.load(k.word(64*h+32*(part%2)+at)), part/2*4, 15)
						k.VPOR(k.bits(k.load(k.word(128+32*h+at)), 2*part-4, 0x30), v, v)
						k.split(&s, v, 4*h+part, 4*odd+q)
						k.ask(64 * (q % 2))
					}
					g := 8*h + 2*part + odd // of 16 columns
					scale := k.load(k.word(192 + g/4*4))
					if g%4 < 3 {
						k.VPSLLD(Imm(uint64(24-8*(g%4))), scale, scale)
					}
					k.VPSRAD(Imm(24), scale, scale)
					k.VCVTDQ2PS(scale, scale)
					k.VMULPS(d, scale, scale)
					terms[odd] = k.scaled(s, scale, g)
				}
				k.VADDPS(terms[1], terms[0], terms[0])
				k.finish(4*h+part, terms[0])
			}
		}
	})
}

// unweave is the way back: it gives eight rows, pitch bytes apart, of n times 16 bytes, of words that lie side by side.
func unweave(a *asm) {
	a.fn("unweave", "func(dst, src *byte, pitch, n int)", "gives eight rows, pitch bytes apart, of n times four words of 32 bits of each.")
	dst, src := a.arg("dst"), a.arg("src")
	size := a.sizes(a.arg("pitch"))
	upper := a.GP64()
	a.LEAQ(Mem{Base: dst, Index: size[0], Scale: 4}, upper)
	a.loop(a.arg("n"), func() {
		var x [4]reg.VecVirtual
		for i := range x {
			x[i] = a.load(a.mem(src, 32*i))
		}
		al, ah := a.unpack(0, x[0], x[1])
		bl, bh := a.unpack(0, x[2], x[3])
		p, q := a.unpack(1, al, bl)
		r, s := a.unpack(1, ah, bh)
		for i, v := range []reg.VecVirtual{p, q, r, s} { // of rows i and 4+i
			a.VMOVUPS(v.AsX(), at(dst, size, i, 0))
			a.VEXTRACTF128(Imm(1), v, at(upper, size, i, 0))
		}
		a.ADDQ(Imm(16), dst)
		a.ADDQ(Imm(16), upper)
		a.ADDQ(U32(128), src)
	})
	a.ret()
}
