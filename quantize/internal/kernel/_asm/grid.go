package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Parts of the state of grid searches in bytes, as in kernel.gridKernel. A group of values takes 128 bytes in each of
// the first four: one float32 for each level of each of its values. The codes of a group in all tries take 64 bytes.
const (
	gkX, gkRoot, gkXL, gkLL              = 0, 1024, 2048, 3072
	gkOdd, gkPlaces, gkRounded           = 4096, 4160, 4224
	gkInverse, gkScale, gkSumXL, gkSumLL = 4288, 4416, 4544, 4672
	gkOff, gkCodes                       = 4800, 4928
	gkGroup, gkGroupCodes                = 128, 64
	gkCountBits                          = 12 // of lists of neighbours
)

// grid writes the kernels for points of one kind.
type grid struct {
	*asm
	levelBits int
}

// values is how many make a group.
func (a *grid) values() int { return 32 >> a.levelBits }

func (a *grid) levels() int { return 1 << a.levelBits }

func (a *grid) begin(name, signature, doc string) {
	a.fn(fmt.Sprintf("%s%d", name, a.values()), signature, fmt.Sprintf(doc, a.values()))
}

// odd is the row of odd numbers 2·level+1.
func (a *grid) odd() Mem {
	row := make([]uint32, 16)
	for i := range row {
		row[i] = math.Float32bits(float32(2*(i&(a.levels()-1)) + 1))
	}
	return a.table(fmt.Sprintf("odd%d", a.levels()), row...)
}

// lookup gives entries of a table of all levels, which is in every part of a register that shuffles work on, chosen
// by the low bits of dwords.
func (a *grid) lookup(table, index reg.VecVirtual) reg.VecVirtual {
	v := a.vec()
	if a.levelBits == 2 {
		a.VPERMILPS(index, table, v)
	} else {
		a.VPERMPS(table, index, v)
	}
	return v
}

// repeat loads a table for lookup.
func (a *grid) repeat(m Mem) reg.VecVirtual {
	v := a.vec()
	switch {
	case a.levelBits == 2 && a.wide:
		a.VBROADCASTF32X4(m, v)
	case a.levelBits == 2:
		a.VBROADCASTF128(m, v)
	case a.wide:
		a.VBROADCASTF32X8(m, v)
	default:
		a.VMOVUPS(m, v)
	}
	return v
}

// tables gives a table for lookup of each value that a register holds the levels of.
func (a *grid) tables(v reg.VecVirtual) (tables []reg.VecVirtual) {
	n := a.lanes() / a.levels()
	if n == 1 {
		return []reg.VecVirtual{v}
	}
	for i := range n {
		t := a.vec()
		switch {
		case a.levelBits == 2 && a.wide:
			a.VSHUFF32X4(Imm(uint64(i*0x55)), v, v, t)
		case a.levelBits == 2:
			a.VPERM2F128(Imm(uint64(i*0x11)), v, v, t)
		default:
			a.VSHUFF32X4(Imm(uint64(0x44+i*0xaa)), v, v, t)
		}
		tables = append(tables, t)
	}
	return tables
}

// shift gives the dwords of x without their first n levels.
func (a *grid) shift(x reg.VecVirtual, n int) reg.VecVirtual {
	if n == 0 {
		return x
	}
	v := a.vec()
	a.VPSRLD(Imm(uint64(n*a.levelBits)), x, v)
	return v
}

// widen16 loads 16-bit codes into dwords.
func (a *asm) widen16(m Mem) reg.VecVirtual {
	v := a.vec()
	a.VPMOVZXWD(m, v)
	return v
}

// gridTerms fills the parts of the state that do not depend on scales.
func gridTerms(a *grid) {
	a.begin("gridTerms", "func(state, x, w *float32, groups int, peak float32)",
		"is gridFit.init for groups of %d; it also divides what is in inverse by peak, and one by that.")
	s, x, w, n := a.arg("state"), a.arg("x"), a.arg("w"), a.arg("groups")
	odd := a.load(a.odd())
	lanes := a.lanes()
	picks := 4 * a.levels() / lanes // registers with the levels of four values
	var control []reg.VecVirtual
	for p := range picks {
		row := make([]uint32, lanes)
		for i := range row {
			row[i] = uint32((p*lanes + i) >> a.levelBits)
		}
		control = append(control, a.load(a.table(fmt.Sprintf("pick%d_%d_%d", a.levels(), lanes, p), row...)))
	}
	four := func(m Mem) reg.VecVirtual {
		v := a.vec()
		if a.wide {
			a.VBROADCASTF32X4(m, v)
		} else {
			a.VBROADCASTF128(m, v)
		}
		return v
	}
	spread := func(v reg.VecVirtual, p int) reg.VecVirtual {
		r := a.vec()
		a.VPERMILPS(control[p], v, r)
		return r
	}
	peak, one := a.argFloat("peak"), a.sharedFloat(1)
	for h := 0; h < gkScale-gkInverse; h += a.width() {
		inverse := a.div(a.load(Mem{Base: s, Disp: gkInverse + h}), peak)
		a.store(inverse, Mem{Base: s, Disp: gkInverse + h})
		a.store(a.div(a.load(one), inverse), Mem{Base: s, Disp: gkScale + h})
	}
	again := a.label("group")
	a.Label(again)
	for q := range a.values() / 4 {
		v, wv := four(Mem{Base: x, Disp: 16 * q}), four(Mem{Base: w, Disp: 16 * q})
		// Without the sign that -0 has, sums of errors are ordered like their bits.
		root := a.and(a.sqrt(wv), a.shared(0x7fffffff))
		wx := a.mul(wv, v)
		for p := range picks {
			at := func(part int) Mem { return Mem{Base: s, Disp: part + (q*picks+p)*a.width()} }
			a.store(spread(v, p), at(gkX))
			a.store(spread(root, p), at(gkRoot))
			a.store(a.mul(spread(wx, p), odd), at(gkXL))
			a.store(a.mul(a.mul(spread(wv, p), odd), odd), at(gkLL))
		}
	}
	a.ADDQ(U32(gkGroup), s)
	a.ADDQ(Imm(uint64(4*a.values())), x)
	a.ADDQ(Imm(uint64(4*a.values())), w)
	a.DECQ(n)
	a.JNZ(LabelRef(again))
	a.ret()
}

// gridSums is gridFit.sums for tries side by side: lanes are tries.
func gridSums(a *grid) {
	a.begin("gridSums", "func(state *float32, groups, tries int)", "is gridFit.sums for groups of %d and tries side by side.")
	s, try := a.arg("state"), a.GP64()
	a.XORQ(try, try)
	next := a.label("tries")
	a.Label(next)
	terms, codes, groups := a.GP64(), a.GP64(), a.arg("groups")
	a.MOVQ(s, terms)
	a.LEAQ(Mem{Base: s, Index: try, Scale: 2, Disp: gkCodes}, codes)
	xl, ll := a.bits(0), a.bits(0)
	again := a.label("group")
	a.Label(again)
	c := a.widen16(Mem{Base: codes})
	for i := range a.values() {
		l := a.shift(c, i)
		a.addTo(xl, a.lookup(a.repeat(Mem{Base: terms, Disp: gkXL + 4*i*a.levels()}), l))
		a.addTo(ll, a.lookup(a.repeat(Mem{Base: terms, Disp: gkLL + 4*i*a.levels()}), l))
	}
	a.ADDQ(U32(gkGroup), terms)
	a.ADDQ(Imm(gkGroupCodes), codes)
	a.DECQ(groups)
	a.JNZ(LabelRef(again))
	a.store(xl, Mem{Base: s, Index: try, Scale: 4, Disp: gkSumXL})
	a.store(ll, Mem{Base: s, Index: try, Scale: 4, Disp: gkSumLL})
	a.ADDQ(Imm(uint64(a.lanes())), try)
	a.CMPQ(try, a.argMem("tries"))
	a.JLT(LabelRef(next))
	a.ret()
}
