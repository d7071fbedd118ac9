package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// mix adds weighted values to rows of results, key after key. Results stay in registers while keys pass: as many columns
// of all rows as there is room for, then the rest 16 at a time.
func mix(a *asm, nRows int) {
	a.fn(fmt.Sprintf("mix%d", nRows), "func(out *float32, outStride int, p *float32, pStride int, v *float32, vStride int, keys int, groups int)",
		fmt.Sprintf("adds values, weighted by p, to %d rows; strides are bytes, groups are of 16 columns.", nRows))
	out := a.rows(a.arg("out"), a.arg("outStride"), nRows)
	p := a.rows(a.arg("p"), a.arg("pStride"), nRows)
	v, stride := a.arg("v"), a.arg("vStride")
	keys, groups := a.arg("keys"), a.arg("groups")
	many := 4
	if !a.wide && nRows > 1 {
		many = 1
	}
	for _, n := range []int{many, 1} {
		again, done := a.label("columns"), a.label("done")
		a.Label(again)
		a.CMPQ(groups, U32(n))
		a.JLT(LabelRef(done))
		mixBlock(a, out, p, v, stride, keys, nRows, n*a.parts())
		a.ADDQ(U32(64*n), out.base)
		a.ADDQ(U32(64*n), v)
		a.SUBQ(U32(n), groups)
		a.JMP(LabelRef(again))
		a.Label(done)
		if many == 1 {
			break
		}
	}
	a.ret()
}

// mixBlock does n registers of columns.
func mixBlock(a *asm, out, p rows, v, stride, keys reg.GPVirtual, nRows, n int) {
	acc := make([][]reg.VecVirtual, nRows)
	for r := range acc {
		for i := range n {
			acc[r] = append(acc[r], a.load(a.part(out.row(r), i)))
		}
	}
	pp, vp, left := a.GP64(), a.GP64(), a.GP64()
	a.MOVQ(p.base, pp)
	a.MOVQ(v, vp)
	a.MOVQ(keys, left)
	a.repeat(left, func() {
		var x []reg.VecVirtual
		if nRows > 1 {
			for i := range n {
				x = append(x, a.load(a.part(Mem{Base: vp}, i)))
			}
		}
		w := a.vec()
		for r := range nRows {
			a.VBROADCASTSS(p.moved(pp).row(r), w)
			for i := range n {
				if nRows > 1 {
					a.VFMADD231PS(x[i], w, acc[r][i])
				} else {
					a.VFMADD231PS(a.part(Mem{Base: vp}, i), w, acc[r][i])
				}
			}
		}
		a.ADDQ(Imm(4), pp)
		a.ADDQ(stride, vp)
	})
	for r := range acc {
		for i := range n {
			a.store(acc[r][i], a.part(out.row(r), i))
		}
	}
}
