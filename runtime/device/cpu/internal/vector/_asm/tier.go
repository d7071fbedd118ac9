package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// asm writes one function for one tier. Values go in groups of 16 lanes: one register on AVX-512, two on AVX2. Each lane
// does what plain Go does to it.
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

// parts is how many registers make a group.
func (a *asm) parts() int { return 64 / a.width() }

func (a *asm) vec() reg.VecVirtual {
	if a.wide {
		return a.ZMM()
	}
	return a.YMM()
}

// fn begins a function with the tier's suffix.
func (a *asm) fn(name, signature, doc string) {
	suffix := "AVX2"
	if a.wide {
		suffix = "AVX512"
	}
	a.Function(name + suffix)
	a.Attributes(build.NOSPLIT)
	a.SignatureExpr(signature)
	a.Pragma("noescape")
	a.Doc(name+suffix+" "+doc, "")
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

// arg loads a pointer or an int.
func (a *asm) arg(name string) reg.GPVirtual {
	return a.Load(a.Param(name), a.GP64()).(reg.GPVirtual)
}

// argFloat fills a register with a float32 argument.
func (a *asm) argFloat(name string) reg.VecVirtual {
	c, err := a.Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	v := a.vec()
	a.VBROADCASTSS(c.Addr, v)
	return v
}

// shared is a pattern in memory as wide as a register: an operand. size is 4 or 8 bytes.
func (a *asm) shared(size int, bits uint64) Mem {
	name := fmt.Sprintf("x%0*x", 2*size, bits)
	if !a.data[name] {
		a.data[name] = true
		a.StaticGlobal(name)
		a.DataAttributes(build.RODATA | build.NOPTR)
		for i := 0; i < 64; i += size {
			if size == 4 {
				a.AddDatum(i, U32(bits))
			} else {
				a.AddDatum(i, U64(bits))
			}
		}
	}
	return NewDataAddr(NewStaticSymbol(name), 0)
}

func (a *asm) bits(b uint32) Mem            { return a.shared(4, uint64(b)) }
func (a *asm) float(x float32) Mem          { return a.bits(math.Float32bits(x)) }
func (a *asm) double(x float64) Mem         { return a.shared(8, math.Float64bits(x)) }
func (a *asm) zero(v reg.VecVirtual)        { a.VXORPS(v, v, v) } // not VPXORD: avo would take the old contents for an input
func (a *asm) zeroed() reg.VecVirtual       { v := a.vec(); a.zero(v); return v }
func (a *asm) load(m Op) reg.VecVirtual     { v := a.vec(); a.VMOVUPS(m, v); return v }
func (a *asm) store(v reg.VecVirtual, m Op) { a.VMOVUPS(v, m) }

// Arithmetic in the order in which one writes it: sub(x, y) is x-y. The second operand may be memory.
func (a *asm) add(x, y Op) reg.VecVirtual { v := a.vec(); a.VADDPS(y, x, v); return v }
func (a *asm) sub(x, y Op) reg.VecVirtual { v := a.vec(); a.VSUBPS(y, x, v); return v }
func (a *asm) mul(x, y Op) reg.VecVirtual { v := a.vec(); a.VMULPS(y, x, v); return v }
func (a *asm) div(x, y Op) reg.VecVirtual { v := a.vec(); a.VDIVPS(y, x, v); return v }

// more gives x where x > y, else y, which is also y where one of them is NaN.
func (a *asm) more(x, y Op) reg.VecVirtual { v := a.vec(); a.VMAXPS(y, x, v); return v }

// part is the i-th register's worth of a group.
func (a *asm) part(m Mem, i int) Mem { m.Disp += i * a.width(); return m }

// loop repeats body with an index that counts bytes from 0 to end by step. A loop of none is skipped.
func (a *asm) loop(end reg.Register, step int, body func(i reg.GPVirtual)) {
	i, again, done := a.GP64(), a.label("loop"), a.label("done")
	a.XORQ(i, i)
	a.Label(again)
	a.CMPQ(i, end)
	a.JGE(LabelRef(done))
	body(i)
	a.ADDQ(U32(step), i)
	a.JMP(LabelRef(again))
	a.Label(done)
}

// repeat does body n times; n is used up.
func (a *asm) repeat(n reg.GPVirtual, body func()) {
	again, done := a.label("repeat"), a.label("done")
	a.TESTQ(n, n)
	a.JLE(LabelRef(done))
	a.Label(again)
	body()
	a.DECQ(n)
	a.JNZ(LabelRef(again))
	a.Label(done)
}

// at is a place chosen by an index register that counts bytes.
func at(base, index reg.Register) Mem { return Mem{Base: base, Index: index, Scale: 1} }

// rows are pointers to a row and the next three, which lie a stride apart.
type rows struct{ base, stride, three reg.GPVirtual }

func (a *asm) rows(base, stride reg.GPVirtual, n int) rows {
	r := rows{base: base, stride: stride}
	if n > 3 {
		r.three = a.GP64()
		a.LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, r.three)
	}
	return r
}

// moved is the same rows elsewhere.
func (r rows) moved(base reg.GPVirtual) rows { r.base = base; return r }

func (r rows) row(i int) Mem {
	switch i {
	case 0:
		return Mem{Base: r.base}
	case 3:
		return Mem{Base: r.base, Index: r.three, Scale: 1}
	}
	return Mem{Base: r.base, Index: r.stride, Scale: uint8(i)}
}
