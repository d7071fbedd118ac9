package main

import (
	"math"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// gridSnap is Grid.Snap for groups of eight values. The answer is that of gridFind.
func gridSnap(a *grid) {
	a.begin("gridSnap", "func(codes *uint16, x, w, values *float32, groups int, index *int32, lists *uint16, places *uint32) uint32",
		"is Grid.Snap for groups of %d.")
	codes, x, w, values := a.arg("codes"), a.arg("x"), a.arg("w"), a.arg("values")
	n, index, places := a.arg("groups"), a.arg("index"), a.arg("places")
	worst := a.bits(0)
	code, m, again, done := a.GP64(), a.GP64(), a.label("group"), a.label("done")
	a.Label(again)
	a.MOVWLZX(Mem{Base: codes}, code.As32())
	a.MOVL(Mem{Base: index, Index: code, Scale: 4}, m.As32())
	a.TESTL(m.As32(), m.As32())
	a.JGE(LabelRef(done))
	var errors []reg.VecVirtual
	for h := range 128 / a.width() { // registers with the errors of all levels of all values
		at := h * a.width() / 4
		v, wv := a.spread(Mem{Base: x, Disp: at &^ 15}, h), a.spread(Mem{Base: w, Disp: at &^ 15}, h)
		d := a.sub(a.repeat(Mem{Base: values}), v)
		wv = a.and(wv, a.shared(magnitudeBits)) // the errors of -0 are ordered like their bits, too
		errors = append(errors, a.tables(a.mul(a.mul(wv, d), d))...)
	}
	a.closest(errors, Mem{Base: places}, m, code, worst)
	a.MOVW(code.As16(), Mem{Base: codes})
	a.Label(done)
	a.ADDQ(Imm(2), codes)
	a.ADDQ(Imm(32), x)
	a.ADDQ(Imm(32), w)
	a.ADDQ(Imm(16), values)
	a.DECQ(n)
	a.JNZ(LabelRef(again))
	answer := a.GP32()
	a.VMOVD(worst.AsX(), answer)
	a.Store(answer, a.ReturnIndex(0))
	a.ret()
}

// spread repeats values four times each: four of memory, or two of them on AVX2, the second two in odd parts.
func (a *grid) spread(m Mem, part int) reg.VecVirtual {
	v := a.repeat(m)
	row := make([]uint32, a.lanes())
	name := "spread"
	for i := range row {
		row[i] = uint32(i / 4)
	}
	if !a.wide && part%2 == 1 {
		name = "spreadOdd"
		for i := range row {
			row[i] += 2
		}
	}
	a.VPERMILPS(a.table(name+a.suffix(), row...), v, v)
	return v
}

// fitShifted adds w·q·x and w·q² of each lane to sums, for groups of eight values. q is factor times what the level of
// the value stands for. A code has its shift in bit 18.
func fitShifted(a *asm) {
	a.fn("fitShifted", "func(x, w *float32, codes *uint32, factor *float32, groups int, sums *float32)", "is FitShiftedRows.")
	x, w, codes, factor, sums := a.arg("x"), a.arg("w"), a.arg("codes"), a.arg("factor"), a.arg("sums")
	up, down := [4]float32{-0.875, 0.125, 1.125}, [4]float32{-1.125, -0.125, 0.875} // kernel.LevelsIQ1
	var table []uint32
	for i := range 16 {
		table = append(table, math.Float32bits([][4]float32{up, down}[i/4%2][i%4]))
	}
	values := a.load(a.table("shifted", table...))
	start := map[reg.GPVirtual]reg.GPVirtual{}
	a.eachHalf([]reg.GPVirtual{x, w, codes, factor, sums}, func() {
		for _, p := range []reg.GPVirtual{x, w, codes} {
			if start[p] == nil {
				start[p] = a.GP64()
			}
			a.MOVQ(p, start[p])
		}
		x, w, codes := start[x], start[w], start[codes]
		f, qx, qq := a.load(Mem{Base: factor}), a.load(row(sums, 0)), a.load(row(sums, 1))
		n, again := a.arg("groups"), a.label("group")
		a.Label(again)
		code, shift := a.load(Mem{Base: codes}), a.vec()
		a.VPSRLD(Imm(16), code, shift)
		shift = a.and(shift, a.shared(4))
		for i := range 8 {
			level := a.or(a.and(code, a.shared(3)), shift)
			a.VPSRLD(Imm(2), code, code)
			q := a.vec()
			a.VPERMPS(values, level, q)
			a.VMULPS(f, q, q)
			wq := a.mul(q, row(w, i))
			a.addTo(qx, a.mul(wq, row(x, i)))
			a.addTo(qq, a.mul(wq, q))
		}
		a.ADDQ(U32(64*8), x)
		a.ADDQ(U32(64*8), w)
		a.ADDQ(Imm(64), codes)
		a.DECQ(n)
		a.JNZ(LabelRef(again))
		a.store(qx, row(sums, 0))
		a.store(qq, row(sums, 1))
	})
	a.ret()
}
