package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// dots multiplies each of some rows of q with blocks of keys. A product has 16 partial sums, which are folded at the end:
// lane i and i+8, then i+4, i+2 and i+1.
func dots(a *asm, nRows, nKeys int) {
	a.fn(fmt.Sprintf("dots%dx%d", nRows, nKeys), "func(out *float32, outStride int, q *float32, qStride int, k *float32, kStride int, blocks int, groups int)",
		fmt.Sprintf("multiplies %d rows with blocks of %d keys; strides are bytes, groups are of 16 values.", nRows, nKeys))
	out := a.rows(a.arg("out"), a.arg("outStride"), nRows)
	q := a.rows(a.arg("q"), a.arg("qStride"), nRows)
	k := a.rows(a.arg("k"), a.arg("kStride"), nKeys)
	blocks, groups := a.arg("blocks"), a.arg("groups")
	a.repeat(blocks, func() {
		switch {
		case a.wide:
			acc := dotBlock(a, q, k, groups, 0, nRows, 0, nKeys)
			foldWide(a, out, acc, nRows, nKeys)
		case nRows == 1:
			fold(a, out, dotBlock(a, q, k, groups, 0, 1, 0, nKeys), 0, 1, 0, nKeys)
		default: // registers suffice for 2 rows and 2 keys
			for r := 0; r < nRows; r += 2 {
				for c := 0; c < nKeys; c += 2 {
					fold(a, out, dotBlock(a, q, k, groups, r, 2, c, 2), r, 2, c, 2)
				}
			}
		}
		a.ADDQ(U32(4*nKeys), out.base)
		for range nKeys {
			a.ADDQ(k.stride, k.base)
		}
	})
	a.ret()
}

// dotBlock gives the partial sums of some rows and keys, by row, key and part.
func dotBlock(a *asm, q, k rows, groups reg.GPVirtual, row, nRows, key, nKeys int) [][][]reg.VecVirtual {
	acc := make([][][]reg.VecVirtual, nRows)
	for r := range acc {
		acc[r] = make([][]reg.VecVirtual, nKeys)
		for c := range acc[r] {
			for range a.parts() {
				acc[r][c] = append(acc[r][c], a.zeroed())
			}
		}
	}
	qp, kp, n := a.GP64(), a.GP64(), a.GP64()
	a.MOVQ(q.base, qp)
	a.MOVQ(k.base, kp)
	a.MOVQ(groups, n)
	a.repeat(n, func() {
		for part := range a.parts() {
			var x []reg.VecVirtual
			for r := range nRows {
				x = append(x, a.load(a.part(q.moved(qp).row(row+r), part)))
			}
			for c := range nKeys {
				m := a.part(k.moved(kp).row(key+c), part)
				if nRows == 1 {
					a.VFMADD231PS(m, x[0], acc[0][c][part])
					continue
				}
				y := a.load(m)
				for r := range nRows {
					a.VFMADD231PS(x[r], y, acc[r][c][part])
				}
			}
		}
		a.ADDQ(Imm(64), qp)
		a.ADDQ(Imm(64), kp)
	})
	return acc
}

// pair adds two selections from x and y.
func (a *asm) pair(x, y reg.VecVirtual, shuffle func(imm, y, x, dst Op), low, high uint8) reg.VecVirtual {
	l, h := a.vec(), a.vec()
	shuffle(U8(low), y, x, l)
	shuffle(U8(high), y, x, h)
	return a.add(l, h)
}

func (a *asm) shufps(imm, y, x, dst Op) { a.VSHUFPS(imm, y, x, dst) }

// foldWide folds 16, 4 or 1 sums and stores them: in the end quarter r of a register has the keys of row r.
func foldWide(a *asm, out rows, acc [][][]reg.VecVirtual, nRows, nKeys int) {
	quarters := func(imm, y, x, dst Op) { a.VSHUFF32X4(imm, y, x, dst) }
	if nRows == 1 {
		v := acc[0][0][0]
		if nKeys == 4 { // one key in each quarter
			x := a.pair(acc[0][0][0], acc[0][1][0], quarters, 0x44, 0xee)
			y := a.pair(acc[0][2][0], acc[0][3][0], quarters, 0x44, 0xee)
			v = a.pair(x, y, quarters, 0x88, 0xdd)
		} else {
			v = a.pair(v, v, quarters, 0x44, 0xee)
			v = a.pair(v, v, quarters, 0x88, 0xdd)
		}
		v = a.pair(v, v, a.shufps, 0x44, 0xee)
		v = a.pair(v, v, a.shufps, 0x88, 0xdd)
		if nKeys == 1 {
			a.VMOVSS(v.AsX(), out.row(0))
			return
		}
		first, m := a.K(), a.GP32()
		a.MOVL(U32(0x1111), m)
		a.KMOVW(m, first)
		a.VCOMPRESSPS_Z(v, first, v)
		a.VMOVUPS(v.AsX(), out.row(0))
		return
	}
	var keys []reg.VecVirtual // of each key, a row in each quarter
	for c := range nKeys {
		x := a.pair(acc[0][c][0], acc[1][c][0], quarters, 0x44, 0xee)
		y := a.pair(acc[2][c][0], acc[3][c][0], quarters, 0x44, 0xee)
		keys = append(keys, a.pair(x, y, quarters, 0x88, 0xdd))
	}
	x := a.pair(keys[0], keys[1], a.shufps, 0x44, 0xee)
	y := a.pair(keys[2], keys[3], a.shufps, 0x44, 0xee)
	v := a.pair(x, y, a.shufps, 0x88, 0xdd)
	a.VMOVUPS(v.AsX(), out.row(0))
	for r := 1; r < 4; r++ {
		a.VEXTRACTF32X4(U8(r), v, out.row(r))
	}
}

// fold folds 4 or 1 sums: those of two rows and two keys, of a row and four keys, or of one each.
func fold(a *asm, out rows, acc [][][]reg.VecVirtual, row, nRows, key, nKeys int) {
	halves := func(imm, y, x, dst Op) { a.VPERM2F128(imm, y, x, dst) }
	eight := func(r, c int) reg.VecVirtual { return a.add(acc[r][c][0], acc[r][c][1]) }
	if nRows == 1 && nKeys == 1 {
		v := eight(0, 0)
		v = a.pair(v, v, halves, 0x20, 0x31)
		v = a.pair(v, v, a.shufps, 0x44, 0xee)
		v = a.pair(v, v, a.shufps, 0x88, 0xdd)
		a.VMOVSS(v.AsX(), out.row(0))
		return
	}
	// Sums low[0] and low[1] end in the first two lanes, those of high in the first two of the other half.
	low, high := [2]reg.VecVirtual{}, [2]reg.VecVirtual{}
	for i := range 2 {
		if nRows == 2 {
			low[i], high[i] = eight(0, i), eight(1, i)
		} else {
			low[i], high[i] = eight(0, i), eight(0, 2+i)
		}
	}
	x := a.pair(low[0], high[0], halves, 0x20, 0x31)
	y := a.pair(low[1], high[1], halves, 0x20, 0x31)
	v := a.pair(x, y, a.shufps, 0x44, 0xee)
	v = a.pair(v, v, a.shufps, 0x88, 0xdd)
	other := a.XMM()
	a.VEXTRACTF128(Imm(1), v, other)
	to := out.row(row)
	to.Disp += 4 * key
	a.VMOVLPS(v.AsX(), to)
	if nRows == 2 {
		to = out.row(row + 1)
		to.Disp += 4 * key
	} else {
		to.Disp += 8
	}
	a.VMOVLPS(other, to)
}
