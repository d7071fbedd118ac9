package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// asm writes one function for one tier.
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

func (a *asm) vecs(n int) []reg.VecVirtual {
	v := make([]reg.VecVirtual, n)
	for i := range v {
		v[i] = a.vec()
	}
	return v
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

// loop repeats body as often as n says, at least once; n is counted down.
func (a *asm) loop(n reg.GPVirtual, body func()) {
	a.labels++
	again := fmt.Sprintf("again%d", a.labels)
	a.Label(again)
	body()
	a.DECQ(n)
	a.JNZ(LabelRef(again))
}

// shared is a pattern in memory, 16 times: an operand that needs no register.
func (a *asm) shared(b uint32) Mem {
	name := fmt.Sprintf("x%08x", b)
	pattern := make([]uint32, 16)
	for i := range pattern {
		pattern[i] = b
	}
	return a.table(name, pattern...)
}

// table is read-only memory.
func (a *asm) table(name string, values ...uint32) Mem {
	if !a.data[name] {
		a.data[name] = true
		a.StaticGlobal(name)
		a.DataAttributes(build.RODATA | build.NOPTR)
		for i, v := range values {
			a.AddDatum(4*i, U32(v))
		}
	}
	return NewDataAddr(NewStaticSymbol(name), 0)
}

// zero clears a register. Not with VPXORD: avo would take the old contents for an input.
func (a *asm) zero(v reg.VecVirtual) { a.VXORPS(v, v, v) }

func (a *asm) load(m Op) reg.VecVirtual {
	v := a.vec()
	a.VMOVUPS(m, v)
	return v
}

func (a *asm) broadcast(m Mem) reg.VecVirtual {
	v := a.vec()
	a.VBROADCASTSS(m, v)
	return v
}

func (a *asm) mem(base reg.Register, disp int) Mem { return Mem{Base: base, Disp: disp} }

// at is memory at one of the vectors of a batch, which are a size apart.
func at(base reg.Register, size []reg.Register, t, disp int) Mem {
	m := Mem{Base: base, Disp: disp}
	switch t {
	case 1, 2:
		m.Index, m.Scale = size[0], uint8(t)
	case 3:
		m.Index, m.Scale = size[1], 1
	}
	return m
}

// sizes gives a size and three times of it.
func (a *asm) sizes(size reg.GPVirtual) []reg.Register {
	triple := a.GP64()
	a.LEAQ(Mem{Base: size, Index: size, Scale: 2}, triple)
	return []reg.Register{size, triple}
}
