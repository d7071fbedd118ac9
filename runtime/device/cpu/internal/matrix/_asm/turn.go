package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// unpack gives the interleaved halves of two registers, for level 0 … of a transposition of 32-bit lanes.
func (a *asm) unpack(level int, x, y reg.VecVirtual) (p, q reg.VecVirtual) {
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
		a.VSHUFF32X4(Imm(0x88), y, x, p)
		a.VSHUFF32X4(Imm(0xdd), y, x, q)
	default:
		a.VSHUFF32X4(Imm(0x88), y, x, p)
		a.VSHUFF32X4(Imm(0xdd), y, x, q)
	}
	return p, q
}

// transpose turns 32 rows of 32-bit values, stride bytes apart, into rows of 32: value c of row r goes to 32·c+r. It does
// blocks times as many columns as a register has lanes.
func transpose(a *asm) {
	a.fn("transpose", "func(dst, src *float32, stride, blocks int)", "turns 32 rows, stride bytes apart, by blocks of columns.")
	dst, src, blocks := a.arg("dst"), a.arg("src"), a.arg("blocks")
	size := a.sizes(a.arg("stride"))
	lanes := a.width() / 4
	a.loop(blocks, func() {
		p := a.GP64()
		a.MOVQ(src, p)
		for r := 0; r < 32; r += lanes {
			x := make([]reg.VecVirtual, lanes)
			for i := range x {
				x[i] = a.load(at(p, size, i%4, 0))
				if i%4 == 3 {
					a.LEAQ(Mem{Base: p, Index: size[0], Scale: 4}, p)
				}
			}
			for i, v := range a.turn(x) {
				a.VMOVUPS(v, a.mem(dst, 128*i+4*r))
			}
		}
		a.ADDQ(U32(uint32(a.width())), src)
		a.ADDQ(U32(uint32(128*lanes)), dst)
	})
	a.ret()
}

// turn transposes a square of 32-bit values.
func (a *asm) turn(x []reg.VecVirtual) []reg.VecVirtual {
	n := len(x)
	y := make([]reg.VecVirtual, n)
	// Squares of four within each 128 bits: y[4k+j] has value j of those of rows 4k … 4k+3.
	for k := 0; k < n; k += 4 {
		al, ah := a.unpack(0, x[k], x[k+1])
		bl, bh := a.unpack(0, x[k+2], x[k+3])
		y[k], y[k+1] = a.unpack(1, al, bl)
		y[k+2], y[k+3] = a.unpack(1, ah, bh)
	}
	out := make([]reg.VecVirtual, n)
	for j := range 4 {
		if !a.wide {
			out[j], out[4+j] = a.unpack(2, y[j], y[4+j])
			continue
		}
		// Part i of y[4k+j] is part k of column 4i+j.
		p, q := a.unpack(2, y[j], y[4+j])    // parts 0 2 | 0 2 and 1 3 | 1 3
		r, s := a.unpack(2, y[8+j], y[12+j]) // the same of the other rows
		out[j], out[8+j] = a.unpack(3, p, r)
		out[4+j], out[12+j] = a.unpack(3, q, s)
	}
	return out
}

// addRows adds n rows of 32 values to dst, one after the other.
func addRows(a *asm) {
	a.fn("addRows", "func(dst, rows *float32, n int)", "adds n rows of 32 values, in order.")
	dst, rows, n := a.arg("dst"), a.arg("rows"), a.arg("n")
	sums := a.vecs(128 / a.width())
	for i, s := range sums {
		a.VMOVUPS(a.mem(dst, i*a.width()), s)
	}
	a.loop(n, func() {
		for i, s := range sums {
			a.VADDPS(a.mem(rows, i*a.width()), s, s)
		}
		a.ADDQ(U32(128), rows)
	})
	for i, s := range sums {
		a.VMOVUPS(s, a.mem(dst, i*a.width()))
	}
	a.ret()
}
