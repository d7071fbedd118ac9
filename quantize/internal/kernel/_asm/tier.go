package main

import (
	"fmt"
	"math"

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

// differing collects the bits in which x ever differs from y.
func (a *asm) differing(bits, x reg.VecVirtual, y Op) {
	if a.wide {
		a.VPTERNLOGD(U8(0xf6), y, x, bits)
		return
	}
	a.VPOR(a.xor(x, y), bits, bits)
}

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
