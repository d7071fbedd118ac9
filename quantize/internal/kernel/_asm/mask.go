package main

import (
	"maps"
	"slices"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Predicates of comparisons; all false for NaN except notEqual and those that say so.
const (
	equal     = 0
	unordered = 3
	lessThan  = 0x11
	atMost    = 0x12
	notEqual  = 4
	atLeast   = 0x1d
	greater   = 0x1e
	notAtMost = 0x16 // true for NaN
)

// mask is one bit a lane: a K register on AVX-512, a vector of ones and zeros on AVX2.
type mask struct{ reg Op }

func (a *asm) cmp(x Op, predicate uint8, y Op) mask {
	if a.wide {
		k := a.K()
		a.VCMPPS(U8(predicate), y, x, k)
		return mask{k}
	}
	v := a.vec()
	a.VCMPPS(U8(predicate), y, x, v)
	return mask{v}
}

// icmpEq compares 32-bit integers.
func (a *asm) icmpEq(x, y Op) mask {
	if a.wide {
		k := a.K()
		a.VPCMPEQD(y, x, k)
		return mask{k}
	}
	v := a.vec()
	a.VPCMPEQD(y, x, v)
	return mask{v}
}

// icmpGreater compares 32-bit integers.
func (a *asm) icmpGreater(x, y Op) mask {
	if a.wide {
		k := a.K()
		a.VPCMPGTD(y, x, k)
		return mask{k}
	}
	v := a.vec()
	a.VPCMPGTD(y, x, v)
	return mask{v}
}

func (a *asm) both(m, n mask) mask {
	if a.wide {
		k := a.K()
		a.KANDW(m.reg, n.reg, k)
		return mask{k}
	}
	return mask{a.and(m.reg, n.reg)}
}

func (a *asm) either(m, n mask) mask {
	if a.wide {
		k := a.K()
		a.KORW(m.reg, n.reg, k)
		return mask{k}
	}
	return mask{a.or(m.reg, n.reg)}
}

func (a *asm) not(m mask) mask {
	if a.wide {
		k := a.K()
		a.KNOTW(m.reg, k)
		return mask{k}
	}
	return mask{a.xor(m.reg, a.bits(0xffffffff))}
}

// set puts x into the lanes of dst that the mask names.
func (a *asm) set(dst reg.VecVirtual, m mask, x Op) {
	if a.wide {
		a.VMOVAPS(x, m.reg, dst)
		return
	}
	a.VBLENDVPS(m.reg, x, dst, dst)
}

// setMem puts x into the lanes of a row in memory that the mask names. It reads and writes the whole row: masked
// stores are slow, and what they write cannot be forwarded to the next load.
func (a *asm) setMem(dst Mem, m mask, x reg.VecVirtual) {
	v := a.load(dst)
	a.set(v, m, x)
	a.store(v, dst)
}

// kept is state that survives inner loops: in registers on AVX-512, in rows of memory on AVX2, which has too few.
type kept struct {
	a     *asm
	state reg.Register
	regs  map[int]reg.VecVirtual
}

// keep begins with the values that the rows of the state shall have.
func (a *asm) keep(state reg.Register, values map[int]reg.VecVirtual) *kept {
	k := &kept{a, state, values}
	if !a.wide {
		k.flush()
	}
	return k
}

func (k *kept) get(r int) Op {
	if k.a.wide {
		return k.regs[r]
	}
	return row(k.state, r)
}

func (k *kept) set(r int, m mask, x reg.VecVirtual) {
	if k.a.wide {
		k.a.set(k.regs[r], m, x)
		return
	}
	k.a.setMem(row(k.state, r), m, x)
}

// flush writes what is in registers to memory.
func (k *kept) flush() {
	for _, r := range slices.Sorted(maps.Keys(k.regs)) {
		k.a.store(k.regs[r], row(k.state, r))
	}
	if !k.a.wide {
		k.regs = nil
	}
}

// only gives x in the lanes of the mask and 0 elsewhere.
func (a *asm) only(m mask, x reg.VecVirtual) reg.VecVirtual {
	v := a.vec()
	if a.wide {
		a.VMOVAPS_Z(x, m.reg, v)
		return v
	}
	a.VANDPS(x, m.reg, v)
	return v
}

// increment adds 1 to the 32-bit integers in the lanes of the mask.
func (a *asm) increment(v reg.VecVirtual, m mask) {
	if a.wide {
		a.VPADDD(a.shared(1), v, m.reg, v)
		return
	}
	a.VPSUBD(m.reg, v, v)
}

// addWhere adds a number to the 32-bit integers in the lanes of the mask.
func (a *asm) addWhere(v reg.VecVirtual, m mask, n uint32) {
	if a.wide {
		a.VPADDD(a.shared(n), v, m.reg, v)
		return
	}
	a.VPADDD(a.and(m.reg, a.shared(n)), v, v)
}

// skipUnless jumps to the label when no lane is in the mask.
func (a *asm) skipUnless(m mask, label string) {
	if a.wide {
		a.KTESTW(m.reg, m.reg)
		a.JEQ(LabelRef(label))
		return
	}
	g := a.GP32()
	a.VMOVMSKPS(m.reg, g)
	a.TESTL(g, g)
	a.JEQ(LabelRef(label))
}
