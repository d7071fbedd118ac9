package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Constants of package matrix.
const (
	floatRows  = 4
	chunkBytes = 4 * 512 // from a widened row to the next
)

// floatProduct multiplies four widened rows with blocks of n vectors, in sixteen partial sums each.
func floatProduct(a *asm, n int) {
	a.fn(fmt.Sprintf("floatProduct%d", n), "func(sums, rows, x *float32, stride, blocks, steps int)",
		fmt.Sprintf("adds the products of four rows with blocks of %d vectors.", n))
	sums, x, blocks := a.arg("sums"), a.arg("x"), a.arg("blocks")
	stride := a.sizes(a.arg("stride"))
	w, together := a.width(), n // vectors that registers hold at once
	if !a.wide {
		together = min(n, 2)
	}
	a.loop(blocks, func() {
		for lanes := 0; lanes < 64; lanes += w {
			for first := 0; first < n; first += together {
				var total [][]reg.VecVirtual
				at0 := func(t, r int) Mem { return a.mem(sums, 64*(floatRows*(first+t)+r)+lanes) }
				for t := range together {
					total = append(total, make([]reg.VecVirtual, floatRows))
					for r := range floatRows {
						total[t][r] = a.load(at0(t, r))
					}
				}
				p, rows := a.GP64(), a.arg("rows")
				a.MOVQ(x, p)
				a.loop(a.arg("steps"), func() {
					v := make([]reg.VecVirtual, together)
					for t := range v {
						v[t] = a.load(at(p, stride, first+t, lanes))
					}
					for r := range floatRows {
						row := Op(a.mem(rows, chunkBytes*r+lanes))
						if a.wide && n > 1 {
							row = a.load(row)
						}
						for t := range v {
							a.VFMADD231PS(row, v[t], total[t][r])
						}
					}
					a.ADDQ(Imm(64), p)
					a.ADDQ(Imm(64), rows)
				})
				for t := range together {
					for r := range floatRows {
						a.VMOVUPS(total[t][r], at0(t, r))
					}
				}
			}
		}
		a.ADDQ(U32(uint32(64*floatRows*n)), sums)
		if n == 4 {
			a.LEAQ(Mem{Base: x, Index: stride[0], Scale: 4}, x)
		} else {
			a.ADDQ(stride[0], x)
		}
	})
	a.ret()
}

// stream multiplies four rows as they lie with one vector, for products that wait for memory. size is the bytes of a value,
// widen loads a register of them.
func stream(a *asm, name string, size int, widen func(m Mem, v reg.VecVirtual)) {
	a.fn("stream"+name, "func(sums *float32, rows *byte, x *float32, rowBytes, steps int)", "adds the products of four rows with a vector.")
	sums, rows, x, steps := a.arg("sums"), a.arg("rows"), a.arg("x"), a.arg("steps")
	stride := a.sizes(a.arg("rowBytes"))
	w := a.width()
	parts := 64 / w
	var total [floatRows][]reg.VecVirtual
	each := func(f func(r, i int)) {
		for r := range floatRows {
			for i := range parts {
				f(r, i)
			}
		}
	}
	each(func(r, i int) { total[r] = append(total[r], a.load(a.mem(sums, 64*r+w*i))) })
	a.loop(steps, func() {
		each(func(r, i int) {
			v := a.vec()
			widen(at(rows, stride, r, i*w*size/4), v)
			a.VFMADD231PS(a.mem(x, w*i), v, total[r][i])
		})
		a.ADDQ(Imm(uint64(16*size)), rows)
		a.ADDQ(Imm(64), x)
	})
	each(func(r, i int) { a.VMOVUPS(total[r][i], a.mem(sums, 64*r+w*i)) })
	a.ret()
}

func streamF32(a *asm) {
	stream(a, "F32", 4, func(m Mem, v reg.VecVirtual) { a.VMOVUPS(m, v) })
}

func streamF16(a *asm) {
	stream(a, "F16", 2, func(m Mem, v reg.VecVirtual) { a.VCVTPH2PS(m, v) })
}

func streamBF16(a *asm) {
	stream(a, "BF16", 2, func(m Mem, v reg.VecVirtual) {
		a.VPMOVZXWD(m, v)
		a.VPSLLD(Imm(16), v, v)
	})
}

// foldSums adds up the partial sums of eight products at a time, in the order of foldSumsPlain.
func foldSums(a *asm) {
	a.fn("foldSums", "func(dst, sums *float32, eights int)", "adds up sixteen partial sums each.")
	dst, sums := a.arg("dst"), a.arg("sums")
	a.loop(a.arg("eights"), func() {
		leaf := func(i int) reg.VecVirtual {
			v := a.load(a.mem(sums, 64*i))
			a.VADDPS(a.mem(sums, 64*i+32), v, v)
			return v
		}
		add := func(p, q reg.VecVirtual) reg.VecVirtual { a.VADDPS(q, p, p); return p }
		pair := func(i int) reg.VecVirtual { // products i and i+4
			x, y := leaf(i), leaf(i+4)
			p, q := a.vec(), a.vec()
			a.VPERM2F128(Imm(0x20), y, x, p)
			a.VPERM2F128(Imm(0x31), y, x, q)
			return add(p, q)
		}
		four := func(i int) reg.VecVirtual { // and i+1, i+5
			x, y := pair(i), pair(i+1)
			p, q := a.vec(), a.vec()
			a.VUNPCKLPD(y, x, p)
			a.VUNPCKHPD(y, x, q)
			return add(p, q)
		}
		x, y := four(0), four(2)
		p, q := a.vec(), a.vec()
		a.VSHUFPS(Imm(0x88), y, x, p)
		a.VSHUFPS(Imm(0xdd), y, x, q)
		a.VMOVUPS(add(p, q), a.mem(dst, 0))
		a.ADDQ(U32(64*8), sums)
		a.ADDQ(Imm(32), dst)
	})
	a.ret()
}

// widenF16 and widenBF16 give eight values at a time.
func widenF16(a *asm) {
	a.widen("widenF16", func(src reg.GPVirtual, v reg.VecVirtual) { a.VCVTPH2PS(a.mem(src, 0), v) })
}

func widenBF16(a *asm) {
	a.widen("widenBF16", func(src reg.GPVirtual, v reg.VecVirtual) {
		a.VPMOVZXWD(a.mem(src, 0), v)
		a.VPSLLD(Imm(16), v, v)
	})
}

func (a *asm) widen(name string, one func(src reg.GPVirtual, v reg.VecVirtual)) {
	a.fn(name, "func(dst *float32, src *byte, eights int)", "gives eight values at a time.")
	dst, src := a.arg("dst"), a.arg("src")
	a.loop(a.arg("eights"), func() {
		v := a.vec()
		one(src, v)
		a.VMOVUPS(v, a.mem(dst, 0))
		a.ADDQ(Imm(16), src)
		a.ADDQ(Imm(32), dst)
	})
	a.ret()
}
