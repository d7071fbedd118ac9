package main

import (
	"math"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The levels of IQ4 and the borders between them, as kernel.Levels4 and kernel.Borders4.
var (
	levels  = [16]float32{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}
	borders = [15]float32{-115.5, -93.5, -74, -57, -42, -28.5, -16, -4.5, 7, 19, 31.5, 45.5, 61, 79, 101}
)

// nearestLevel finds the level next to a value, or its code. A value is cut into buckets so narrow that at most one
// border is within each. What lies below that border has the bucket's level, the rest that of the next bucket.
//
// The bucket is the value rounded to a multiple of 8 or 16, which the sum with 1.5·2^23 times that leaves in the low
// bits: no border is where rounding changes.
type nearestLevel struct {
	a       *asm
	any     bool // values beyond ±134 and NaN occur
	borders [2]Op
	values  [2]Op
}

// newNearestLevel prepares the tables. There are 32 buckets on AVX-512, from 8·(-14) to 8·17; two times eight on AVX2,
// where the first eight serve below the border of code 8 and the other eight above it.
func (a *asm) newNearestLevel(codes, anyValue bool) *nearestLevel {
	value := func(code int) uint32 {
		if codes {
			return uint32(code)
		}
		return math.Float32bits(levels[code])
	}
	var lines, values []uint32
	fill := func(buckets, first, last, width, code int) {
		l, v := make([]uint32, buckets), make([]uint32, buckets)
		for b := first; b <= last; b++ {
			at := b & (buckets - 1)
			l[at], v[at] = math.Float32bits(float32(math.Inf(1))), value(code)
			if code < 15 && borders[code] < float32(width*b)+float32(width)/2 && b < last {
				l[at] = math.Float32bits(borders[code])
				code++
			}
		}
		lines, values = append(lines, l...), append(values, v...)
	}
	if a.wide {
		fill(32, -14, 17, 8, 0)
	} else {
		fill(8, -7, 0, 16, 0)
		fill(8, 0, 7, 16, 8)
	}
	n := &nearestLevel{a: a, any: anyValue}
	name := "levels"
	if codes {
		name = "codes"
	}
	b, v := a.table("borders"+a.suffix(), lines...), a.table(name+a.suffix(), values...)
	for i := range 2 {
		n.borders[i], n.values[i] = a.load(b.Offset(i*a.width())), a.load(v.Offset(i*a.width()))
	}
	return n
}

// of gives the level or code of y.
func (n *nearestLevel) of(y reg.VecVirtual) reg.VecVirtual {
	a, near := n.a, y
	if a.wide {
		if n.any {
			near = a.less(near, a.sharedFloat(128)) // and NaN is large
		}
		near = a.more(near, a.sharedFloat(-115))
		t := a.add(near, a.sharedFloat(1.5*(1<<26)))
		line := a.vec()
		a.VMOVAPS(t, line)
		a.VPERMI2PS(n.borders[1], n.borders[0], line)
		a.increment(t, a.cmp(y, atLeast, line))
		a.VPERMI2PS(n.values[1], n.values[0], t)
		return t
	}
	near = a.more(a.less(near, a.sharedFloat(119)), a.sharedFloat(-119))
	upper := a.cmp(near, atLeast, a.sharedFloat(borders[7]))
	t := a.add(near, a.sharedFloat(1.5*(1<<27)))
	pick := func(table [2]Op) reg.VecVirtual {
		low, high := a.vec(), a.vec()
		a.VPERMPS(table[0], t, low)
		a.VPERMPS(table[1], t, high)
		a.set(low, upper, high)
		return low
	}
	a.increment(t, a.cmp(near, atLeast, pick(n.borders)))
	return pick(n.values)
}

// Rows of the state of searchLevels, as in kernel.LevelSearch.
const lvScale, lvBest = 0, 1

// searchLevels is SearchLevels4 on the 16 lanes of a tile.
func searchLevels(a *asm) {
	a.fn("searchLevels", "func(x, w *float32, n int, factors, state *float32)", "is SearchLevels4 on 16 lanes.")
	x, w, n, st := a.arg("x"), a.arg("w"), a.arg("n"), a.arg("state")
	a.SHLQ(Imm(6), n)
	tries := 1 // at a time; of 15
	if a.wide {
		tries = 3
	}
	a.eachHalf([]reg.GPVirtual{x, w, st}, func() {
		top := a.findPeak(x, n)
		level := a.newNearestLevel(false, false)

		// sums gives Σ w·q·x and Σ w·q² for the levels q under each inverse scale.
		sums := func(inv ...reg.VecVirtual) (qx, qq []reg.VecVirtual) {
			for range inv {
				qx, qq = append(qx, a.bits(0)), append(qq, a.bits(0))
			}
			a.loop(n, 64, func(i reg.GPVirtual) {
				v, wv := a.load(at(x, i)), a.load(at(w, i))
				for k := range inv {
					q := level.of(a.mul(inv[k], v))
					wq := a.mul(wv, q)
					a.addTo(qq[k], a.mul(wq, q))
					a.addTo(qx[k], a.mul(wq, v))
				}
			})
			return qx, qq
		}

		qx, qq := sums(a.div(a.konst(1), a.div(top, a.sharedFloat(-levels[0]))))
		scale := a.only(a.cmp(qq[0], greater, a.bits(0)), a.div(qx[0], qq[0]))
		kept := a.keep(st, map[int]reg.VecVirtual{lvScale: scale, lvBest: a.mul(scale, qx[0])})

		f, end, again := a.arg("factors"), a.GP64(), a.label("tries")
		a.LEAQ(Mem{Base: f, Disp: 4 * 16}, end)
		a.ADDQ(Imm(4), f)
		a.Label(again)
		var inv []reg.VecVirtual
		for k := range tries {
			inv = append(inv, a.div(a.broadcast(Mem{Base: f, Disp: 4 * k}), top))
		}
		qx, qq = sums(inv...)
		for k := range tries {
			better := a.both(a.cmp(qq[k], greater, a.bits(0)),
				a.cmp(a.mul(qx[k], qx[k]), greater, a.mul(qq[k], kept.get(lvBest))))
			s := a.div(qx[k], qq[k])
			kept.set(lvScale, better, s)
			kept.set(lvBest, better, a.mul(s, qx[k]))
		}
		a.ADDQ(Imm(uint64(4*tries)), f)
		a.CMPQ(f, end)
		a.JLT(LabelRef(again))

		kept.flush()
		tiny := a.cmp(a.and(top, a.shared(magnitudeBits)), lessThan, a.sharedFloat(1e-15))
		a.setMem(row(st, lvScale), tiny, a.bits(0))
	})
	a.ret()
}

// nearestLevels gives the codes of the levels next to inverse·x, one inverse a lane.
func nearestLevels(a *asm) {
	a.fn("nearestLevels", "func(codes *byte, x, inverse *float32, n int)", "is NearestLevel4 on 16 lanes.")
	codes, x, inverse, n := a.arg("codes"), a.arg("x"), a.arg("inverse"), a.arg("n")
	a.SHLQ(Imm(6), n)
	a.eachHalf([]reg.GPVirtual{x, inverse}, func() {
		level, inv := a.newNearestLevel(true, true), a.load(row(inverse, 0))
		to := a.GP64()
		a.MOVQ(codes, to)
		a.loop(n, 64, func(i reg.GPVirtual) {
			a.storeBytes(level.of(a.mul(inv, at(x, i))), Mem{Base: to})
			a.ADDQ(Imm(16), to)
		})
		a.ADDQ(Imm(8), codes)
	})
	a.ret()
}
