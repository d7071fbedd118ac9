package main

import (
	"encoding/binary"
	"fmt"

	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// lanes is how many float32 a register holds.
func (a *asm) lanes() int { return a.width() / 4 }

// pairUp gives two registers from the halves of x and y, for level 0 … log2(lanes)-1 of fold: what an operation on
// the two combines are two parts of x in some lanes and two parts of y in others.
func (a *asm) pairUp(level int, x, y reg.VecVirtual) (p, q reg.VecVirtual) {
	p, q = a.vec(), a.vec()
	switch {
	case level == 0:
		a.VUNPCKLPS(y, x, p)
		a.VUNPCKHPS(y, x, q)
	case level == 1:
		a.VUNPCKLPD(y, x, p)
		a.VUNPCKHPD(y, x, q)
	case !a.wide:
		a.VPERM2F128(Imm(0x20), y, x, p)
		a.VPERM2F128(Imm(0x31), y, x, q)
	case level == 2:
		a.VSHUFF32X4(Imm(0x44), y, x, p)
		a.VSHUFF32X4(Imm(0xee), y, x, q)
	default:
		a.VSHUFF32X4(Imm(0x88), y, x, p)
		a.VSHUFF32X4(Imm(0xdd), y, x, q)
	}
	return p, q
}

// fold reduces as many registers as there are lanes: lane i of the result is op over all lanes of leaf(i). The
// shuffles are shared by all leaves: two for each. A leaf may be several registers, which have an operation each.
// Which operand of op comes first has no order that could be relied on.
func (a *asm) fold(leaf func(i int) []reg.VecVirtual, ops ...func(x, y Op) reg.VecVirtual) []reg.VecVirtual {
	var tree func(level, i int) []reg.VecVirtual
	tree = func(level, i int) []reg.VecVirtual {
		if level < 0 {
			return leaf(i)
		}
		x, y := tree(level-1, i), tree(level-1, i+1<<level)
		for k, op := range ops {
			p, q := a.pairUp(level, x[k], y[k])
			x[k] = op(p, q)
		}
		return x
	}
	levels := 3
	if a.wide {
		levels = 4
	}
	return tree(levels-1, 0)
}

// table is a row of 32-bit numbers in memory, for indices of shuffles.
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

// unpacked is the order for VPERMD after two levels of packing, which leave dwords of a register in lanes of 128 bits:
// what came from one register becomes neighbours.
func (a *asm) unpacked() Mem {
	n := uint32(a.lanes())
	parts := n / 4
	var order []uint32
	for d := range n {
		order = append(order, d/parts+4*(d%parts))
	}
	return a.table(fmt.Sprintf("unpacked%d", n), order...)
}

// maskBits gives one bit a lane.
func (a *asm) maskBits(m mask) reg.GPVirtual {
	g := a.GP32()
	if a.wide {
		a.KMOVW(m.reg, g)
	} else {
		a.VMOVMSKPS(m.reg, g)
	}
	return g
}

// storePart stores 128 bits of a register.
func (a *asm) storePart(v reg.VecVirtual, i int, m Mem) {
	switch {
	case i == 0:
		a.VMOVDQU(v.AsX(), m)
	case a.wide:
		a.VEXTRACTI32X4(Imm(uint64(i)), v, m)
	default:
		a.VEXTRACTI128(Imm(uint64(i)), v, m)
	}
}

// permute puts the dwords of v in an order of memory.
func (a *asm) permute(order Mem, v reg.VecVirtual) { a.VPERMD(v, a.load(order), v) }

// packSigned gives bytes for the dwords of four registers, one register after the other. They saturate at -128 and
// 127. The registers are used up.
func (a *asm) packSigned(t [4]reg.VecVirtual) reg.VecVirtual {
	a.VPACKSSDW(t[1], t[0], t[0])
	a.VPACKSSDW(t[3], t[2], t[2])
	a.VPACKSSWB(t[2], t[0], t[0])
	a.permute(a.unpacked(), t[0])
	return t[0]
}

// packUnsigned is packSigned for 0 to 255.
func (a *asm) packUnsigned(t [4]reg.VecVirtual) reg.VecVirtual {
	a.VPACKUSDW(t[1], t[0], t[0])
	a.VPACKUSDW(t[3], t[2], t[2])
	a.VPACKUSWB(t[2], t[0], t[0])
	a.permute(a.unpacked(), t[0])
	return t[0]
}

// Arithmetic of bytes and words.
func (a *asm) minBytes(x, y Op) reg.VecVirtual { v := a.vec(); a.VPMINUB(y, x, v); return v } // unsigned
func (a *asm) addBytes(x, y Op) reg.VecVirtual { v := a.vec(); a.VPADDB(y, x, v); return v }

// shiftWords shifts up within 16 bits.
func (a *asm) shiftWords(n uint64, x Op) reg.VecVirtual {
	v := a.vec()
	a.VPSLLW(Imm(n), x, v)
	return v
}

// pairs gives the sums of products of neighbours: of signed words for VPMADDWD.
func (a *asm) pairs(x, y Op) reg.VecVirtual { v := a.vec(); a.VPMADDWD(y, x, v); return v }

// byteTable is table for bytes.
func (a *asm) byteTable(name string, values []uint8) Mem {
	var words []uint32
	for i := 0; i < len(values); i += 4 {
		words = append(words, binary.LittleEndian.Uint32(values[i:]))
	}
	return a.table(name, words...)
}
