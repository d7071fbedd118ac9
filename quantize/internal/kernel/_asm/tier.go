package main

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// asm writes one function for one tier. Kernels work on tiles: 16 lanes side by side, row i of a tile at 64·i
// bytes. A register holds all lanes on AVX-512 and half of them on AVX2, where kernels run twice. No
// instruction that fuses or reorders is used: each lane does what the plain Go version does.
type asm struct {
	*build.Context
	wide   bool // AVX-512
	labels int
	data   map[string]bool // patterns that the file has already
}

// width is the bytes of a register.
func (a *asm) width() int {
	if a.wide {
		return 64
	}
	return 32
}

// halves is how many registers make a row of a tile.
func (a *asm) halves() int { return 64 / a.width() }

func (a *asm) suffix() string {
	if a.wide {
		return "AVX512"
	}
	return "AVX2"
}

func (a *asm) vec() reg.VecVirtual {
	if a.wide {
		return a.ZMM()
	}
	return a.YMM()
}

// fn begins a function with the tier's suffix.
func (a *asm) fn(name, signature, doc string) {
	a.Function(name + a.suffix())
	a.Attributes(build.NOSPLIT)
	a.SignatureExpr(signature)
	a.Pragma("noescape")
	a.Doc(name+a.suffix()+" "+doc, "")
}

func (a *asm) ret() {
	a.VZEROUPPER()
	a.RET()
}

// label gives a fresh name; avo's labels are local to a function.
func (a *asm) label(name string) string {
	a.labels++
	return fmt.Sprintf("%s%d", name, a.labels)
}

// konst fills a register with a float32.
func (a *asm) konst(x float32) reg.VecVirtual { return a.bits(math.Float32bits(x)) }

// bits fills a register with a 32-bit pattern.
func (a *asm) bits(b uint32) reg.VecVirtual {
	v := a.vec()
	if b == 0 {
		a.zero(v)
		return v
	}
	g, x := a.GP32(), a.XMM()
	a.MOVL(U32(b), g)
	a.VMOVD(g, x)
	a.VPBROADCASTD(x, v)
	return v
}

// shared is a pattern in memory, 16 times: an operand for loops that have no register left.
func (a *asm) shared(b uint32) Mem {
	name := fmt.Sprintf("x%08x", b)
	if !a.data[name] {
		a.data[name] = true
		a.StaticGlobal(name)
		a.DataAttributes(build.RODATA | build.NOPTR)
		for i := range 16 {
			a.AddDatum(4*i, U32(b))
		}
	}
	return NewDataAddr(NewStaticSymbol(name), 0)
}

// sharedFloat is shared for a float32.
func (a *asm) sharedFloat(x float32) Mem { return a.shared(math.Float32bits(x)) }

// zero clears a register. Not with VPXORD: avo would take the old contents for an input.
func (a *asm) zero(v reg.VecVirtual) { a.VXORPS(v, v, v) }

// row is row i of the tile at base, in the half that base points to.
func row(base reg.Register, i int) Mem { return Mem{Base: base, Disp: 64 * i} }

// at is a row chosen by an index register that counts bytes.
func at(base, index reg.Register) Mem { return Mem{Base: base, Index: index, Scale: 1} }

func (a *asm) load(m Op) reg.VecVirtual {
	v := a.vec()
	a.VMOVUPS(m, v)
	return v
}

func (a *asm) store(v reg.VecVirtual, m Op) { a.VMOVUPS(v, m) }

func (a *asm) move(v reg.VecVirtual) reg.VecVirtual { return a.load(v) }

// Arithmetic in the order in which one writes it: sub(x, y) is x-y. The second operand may be memory.
func (a *asm) add(x, y Op) reg.VecVirtual { v := a.vec(); a.VADDPS(y, x, v); return v }
func (a *asm) sub(x, y Op) reg.VecVirtual { v := a.vec(); a.VSUBPS(y, x, v); return v }
func (a *asm) mul(x, y Op) reg.VecVirtual { v := a.vec(); a.VMULPS(y, x, v); return v }
func (a *asm) div(x, y Op) reg.VecVirtual { v := a.vec(); a.VDIVPS(y, x, v); return v }
func (a *asm) sqrt(x Op) reg.VecVirtual   { v := a.vec(); a.VSQRTPS(x, v); return v }

// less gives x where x < y, else y: also when both are zeros, or one is NaN.
func (a *asm) less(x, y Op) reg.VecVirtual { v := a.vec(); a.VMINPS(y, x, v); return v }

// more gives x where x > y, else y.
func (a *asm) more(x, y Op) reg.VecVirtual { v := a.vec(); a.VMAXPS(y, x, v); return v }

func (a *asm) addTo(sum reg.VecVirtual, y Op) { a.VADDPS(y, sum, sum) }

// round rounds to an integer, ties to even.
func (a *asm) round(x reg.VecVirtual) reg.VecVirtual {
	v := a.vec()
	if a.wide {
		a.VRNDSCALEPS(Imm(0), x, v)
	} else {
		a.VROUNDPS(Imm(0), x, v)
	}
	return v
}

func (a *asm) and(x, y Op) reg.VecVirtual    { v := a.vec(); a.VANDPS(y, x, v); return v }
func (a *asm) or(x, y Op) reg.VecVirtual     { v := a.vec(); a.VORPS(y, x, v); return v }
func (a *asm) xor(x, y Op) reg.VecVirtual    { v := a.vec(); a.VXORPS(y, x, v); return v }
func (a *asm) andNot(x, y Op) reg.VecVirtual { v := a.vec(); a.VANDNPS(x, y, v); return v } // x &^ y

// Integer arithmetic on 32-bit lanes.
func (a *asm) iadd(x, y Op) reg.VecVirtual  { v := a.vec(); a.VPADDD(y, x, v); return v }
func (a *asm) isub(x, y Op) reg.VecVirtual  { v := a.vec(); a.VPSUBD(y, x, v); return v }
func (a *asm) imin(x, y Op) reg.VecVirtual  { v := a.vec(); a.VPMINSD(y, x, v); return v }
func (a *asm) imax(x, y Op) reg.VecVirtual  { v := a.vec(); a.VPMAXSD(y, x, v); return v }
func (a *asm) toInt(x Op) reg.VecVirtual    { v := a.vec(); a.VCVTPS2DQ(x, v); return v }  // to nearest
func (a *asm) truncInt(x Op) reg.VecVirtual { v := a.vec(); a.VCVTTPS2DQ(x, v); return v } // toward zero
func (a *asm) toFloat(x Op) reg.VecVirtual  { v := a.vec(); a.VCVTDQ2PS(x, v); return v }

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

// note sets g to something other than 0 when a lane is in the mask.
func (a *asm) note(m mask, g reg.GPVirtual) {
	b := a.GP32()
	if a.wide {
		a.KMOVW(m.reg, b)
	} else {
		a.VMOVMSKPS(m.reg, b)
	}
	a.ORL(b, g.As32())
}

// eachHalf repeats body for every register that a row takes; pointers are moved on in between.
func (a *asm) eachHalf(pointers []reg.GPVirtual, body func()) {
	if a.wide {
		body()
		return
	}
	left, loop := a.GP64(), a.label("half")
	a.MOVQ(U32(2), left)
	a.Label(loop)
	body()
	for _, p := range pointers {
		a.ADDQ(Imm(32), p)
	}
	a.DECQ(left)
	a.JNZ(LabelRef(loop))
}

// loop repeats body with an index that counts from 0 to end by step, at least once.
func (a *asm) loop(end Op, step int, body func(i reg.GPVirtual)) {
	i, again := a.GP64(), a.label("loop")
	a.XORQ(i, i)
	a.Label(again)
	body(i)
	a.ADDQ(Imm(uint64(step)), i)
	a.CMPQ(i, end)
	a.JLT(LabelRef(again))
}

// arg loads a pointer or an int.
func (a *asm) arg(name string) reg.GPVirtual {
	return a.Load(a.Param(name), a.GP64()).(reg.GPVirtual)
}

// argMem is an argument where the caller has put it.
func (a *asm) argMem(name string) Mem {
	c, err := a.Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return c.Addr
}

// argFloat fills a register with a float32 argument.
func (a *asm) argFloat(name string) reg.VecVirtual {
	return a.broadcast(a.argMem(name))
}

// argInt fills a register with an int argument, as 32-bit integers.
func (a *asm) argInt(name string) reg.VecVirtual {
	x, v := a.XMM(), a.vec()
	a.VMOVD(a.arg(name).As32(), x)
	a.VPBROADCASTD(x, v)
	return v
}

// storeBytes stores the lanes of 32-bit integers from 0 to 255 as bytes.
func (a *asm) storeBytes(v reg.VecVirtual, m Mem) {
	if a.wide {
		a.VPMOVDB(v, m)
		return
	}
	high, b := a.XMM(), a.XMM()
	a.VEXTRACTI128(Imm(1), v, high)
	a.VPACKUSDW(high, v.AsX(), b)
	a.VPACKUSWB(b, b, b)
	a.VMOVQ(b, m)
}

// broadcast fills a register with the float32 in memory.
func (a *asm) broadcast(m Mem) reg.VecVirtual {
	v := a.vec()
	a.VBROADCASTSS(m, v)
	return v
}
