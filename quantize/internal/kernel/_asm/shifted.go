package main

import (
	"math"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Rows of the state of the searches for IQ1, as in kernel.ShiftedSearch. Those from shLine on are the line of the first
// cut and what all lines share, on AVX2, which has too few registers.
const shScale, shLargest, shCut, shCodes, shLine, shAll = 0, 1, 2, 3, 7, 11

// Rows of the work space: sorted values, their places, then six rows a cut.
const shSorted, shIndex, shCuts, shPerCut = 0, 33, 66, 6

// shifted is what the two searches have in common. Each runs through all pairs of cuts in the order of the plain
// version, one line for the first cut. All lanes divide for every pair: that takes less time than to jump when none
// improves, because with 16 lanes one often does.
type shifted struct {
	*asm
	n           int // values
	shiftBits   uint
	x, w, state reg.GPVirtual

	sorted, index, cuts, end reg.GPVirtual // end is the last cut

	best, scale, code []reg.VecVirtual // of each half of a row; scale and code are in the state on AVX2
	pair              reg.VecVirtual   // first cut<<8 | second cut<<shiftBits
}

func newShifted(a *asm, name, doc string, n int, shiftBits uint) *shifted {
	a.fn(name, "func(x, w, work, state *float32)", doc)
	s := &shifted{asm: a, n: n, shiftBits: shiftBits, x: a.arg("x"), w: a.arg("w"), state: a.arg("state")}
	work := a.arg("work")
	s.sorted, s.index, s.cuts, s.end = a.GP64(), a.GP64(), a.GP64(), a.GP64()
	a.LEAQ(row(work, shSorted), s.sorted)
	a.LEAQ(row(work, shIndex), s.index)
	a.LEAQ(row(work, shCuts), s.cuts)
	a.LEAQ(row(s.cuts, shPerCut*n), s.end)
	a.sortRows(s.x, s.sorted, s.index, s.cuts, n)
	for h := range a.halves() {
		low, high := a.load(s.of(s.sorted, 0, h)), a.load(s.of(s.sorted, n-1, h))
		magnitude := a.shared(magnitudeBits)
		a.store(a.more(a.and(low, magnitude), a.and(high, magnitude)), s.of(s.state, shLargest, h))
		a.store(a.konst(float32(math.Inf(1))), s.of(s.sorted, n, h)) // nothing is behind the last cut
	}
	return s
}

// of is the half h of row i.
func (s *shifted) of(base reg.Register, i, h int) Mem {
	return Mem{Base: base, Disp: 64*i + h*s.width()}
}

// accumulate adds up what add makes of each value and its weight, stores the sums before each cut and then gives total
// those of all values.
func (s *shifted) accumulate(sums int,
	add func(sums []reg.VecVirtual, place, x, w reg.VecVirtual),
	store func(sums []reg.VecVirtual, cut reg.GPVirtual, h int),
	total func(sums []reg.VecVirtual, h int),
) {
	for h := range s.halves() {
		var list []reg.VecVirtual
		for range sums {
			list = append(list, s.bits(0))
		}
		cut := s.copyOf(s.cuts)
		store(list, cut, h)
		s.loop(U32(64*uint32(s.n)), 64, func(i reg.GPVirtual) {
			at := func(base reg.GPVirtual) Mem { return Mem{Base: base, Index: i, Scale: 1, Disp: h * s.width()} }
			place, x := s.load(at(s.index)), s.load(at(s.sorted))
			s.ADDQ(U32(64*shPerCut), cut)
			add(list, place, x, s.gather(s.w, place))
			store(list, cut, h)
		})
		total(list, h)
	}
}

// spare keeps a value in a register on AVX-512, in row i of the state on AVX2.
func (s *shifted) spare(v reg.VecVirtual, i, h int) Op {
	if s.wide {
		return v
	}
	s.store(v, s.of(s.state, i, h))
	return s.of(s.state, i, h)
}

// tryCuts runs through all pairs of cuts. line prepares what the first cut gives, both does one pair.
func (s *shifted) tryCuts(line func(first reg.GPVirtual, h int) []Op, both func(line []Op, second reg.GPVirtual, h int)) {
	for h := range s.halves() {
		best := s.konst(-math.MaxFloat32)
		s.best = append(s.best, best)
		zero, none := s.bits(0), s.bits(0xffffffff)
		if s.wide {
			s.scale, s.code = append(s.scale, zero), append(s.code, none)
		} else {
			s.store(zero, s.of(s.state, shScale, h))
			s.store(none, s.of(s.state, shCut, h))
		}
	}
	first, number, nextLine := s.copyOf(s.cuts), s.GP32(), s.label("line")
	s.XORL(number, number)
	s.Label(nextLine)
	s.pair = s.vec()
	if s.wide {
		s.VPBROADCASTD(number, s.pair)
	} else {
		x := s.XMM()
		s.VMOVD(number, x)
		s.VPBROADCASTD(x, s.pair)
	}
	var lines [][]Op
	for h := range s.halves() {
		lines = append(lines, line(first, h))
	}
	second, nextPair := s.copyOf(first), s.label("pair")
	s.Label(nextPair)
	for h := range s.halves() {
		both(lines[h], second, h)
	}
	s.VPADDD(s.shared(1<<s.shiftBits), s.pair, s.pair)
	s.ADDQ(U32(64*shPerCut), second)
	s.CMPQ(second, s.end)
	s.JLE(LabelRef(nextPair))
	s.ADDL(U32(1<<8+1<<s.shiftBits), number)
	s.ADDQ(U32(64*shPerCut), first)
	s.CMPQ(first, s.end)
	s.JLE(LabelRef(nextLine))
	if s.wide {
		s.store(s.scale[0], row(s.state, shScale))
		s.store(s.code[0], row(s.state, shCut))
	}
}

// challengers judges two pairs of sums, the second after the first. On AVX-512 it judges the second also as if the first
// had won, so that what may have to wait for the best so far is short: one comparison for both.
func (s *shifted) challengers(qx1, qq1 reg.VecVirtual, shift1 uint32, qx2, qq2 reg.VecVirtual, shift2 uint32, h int) {
	if !s.wide {
		s.challenge(qx1, qq1, shift1, h)
		s.challenge(qx2, qq2, shift2, h)
		return
	}
	square1, square2 := s.mul(qx1, qx1), s.mul(qx2, qx2)
	some1, some2 := s.cmp(qq1, greater, s.shared(0)), s.cmp(qq2, greater, s.shared(0))
	first := s.both(some1, s.cmp(square1, greater, s.mul(qq1, s.best[h])))
	second := s.both(some2, s.cmp(square2, greater, s.mul(qq2, s.best[h])))
	s.VDIVPS(qq1, qx1, square1) // its scale
	s.VMULPS(square1, qx1, qx1) // what it would make the best
	after := s.both(some2, s.cmp(square2, greater, s.mul(qq2, qx1)))
	s.VDIVPS(qq2, qx2, square2)
	s.VMULPS(square2, qx2, qx2)
	code1, code2 := s.iadd(s.pair, s.shared(shift1)), s.iadd(s.pair, s.shared(shift2))
	for _, v := range [][3]reg.VecVirtual{{s.best[h], qx1, qx2}, {s.scale[h], square1, square2}, {s.code[h], code1, code2}} {
		s.set(v[1], after, v[2])
		s.set(v[0], second, v[2])
		s.set(v[0], first, v[1])
	}
}

// challenge takes the sums of a pair with one of the shifts if they are better. It uses up the registers of the sums.
func (s *shifted) challenge(qx, qq reg.VecVirtual, shift uint32, h int) {
	better := s.both(s.cmp(qq, greater, s.shared(0)), s.cmp(s.mul(qx, qx), greater, s.mul(qq, s.best[h])))
	s.VDIVPS(qq, qx, qq)
	s.VMULPS(qq, qx, qx)
	s.set(s.best[h], better, qx)
	put := func(regs []reg.VecVirtual, r int, v reg.VecVirtual) {
		if s.wide {
			s.set(regs[h], better, v)
			return
		}
		s.VMOVUPS(s.of(s.state, r, h), qx)
		s.set(qx, better, v)
		s.store(qx, s.of(s.state, r, h))
	}
	put(s.scale, shScale, qq)
	code := s.pair
	if shift > 0 {
		s.VPADDD(s.shared(shift), s.pair, qq)
		code = qq
	}
	put(s.code, shCut, code)
}

// levels writes the levels that the cuts mean, eight values a code. A value is at or behind a cut when it and its place
// are not below those of the first value behind it.
func (s *shifted) levels() {
	for h := range s.halves() {
		code := s.imax(s.load(s.of(s.state, shCut, h)), s.shared(0))
		lanes := s.laneNumbers().Offset(h * s.width())
		behind := func(cut reg.VecVirtual) (value, before reg.VecVirtual) {
			s.VPSLLD(Imm(4), cut, cut)
			s.VPADDD(lanes, cut, cut)
			value = s.gather(s.sorted, cut)
			return value, s.isub(s.gather(s.index, cut), s.shared(1))
		}
		shift := func(n uint) reg.VecVirtual { v := s.vec(); s.VPSRLD(Imm(uint64(n)), code, v); return v }
		value1, before1 := behind(shift(8))
		value2, before2 := behind(s.and(shift(s.shiftBits), s.shared(0xff>>s.shiftBits)))
		place := s.load(lanes)
		x, to, left, again := s.copyOf(s.x), s.copyOf(s.state), s.GP64(), s.label("code")
		s.MOVQ(U32(s.n/8), left)
		s.Label(again)
		sum := s.bits(0)
		for i := range 8 {
			v := s.load(s.of(x, i, h))
			for _, c := range [][2]reg.VecVirtual{{value1, before1}, {value2, before2}} {
				reached := s.either(s.cmp(v, greater, c[0]), s.both(s.cmp(v, equal, c[0]), s.icmpGreater(place, c[1])))
				s.addWhere(sum, reached, 1<<(2*i))
			}
			s.VPADDD(s.shared(16), place, place)
		}
		s.store(sum, s.of(to, shCodes, h))
		s.ADDQ(U32(64*8), x)
		s.ADDQ(U32(64), to)
		s.DECQ(left)
		s.JNZ(LabelRef(again))
	}
}

// searchShifted is SearchShifted on the 16 lanes of a tile.
func searchShifted(a *asm) {
	s := newShifted(a, "searchShifted", "is SearchShifted on 16 lanes.", 32, 1)
	const cutX, cutW, cutUp, cutDown, cutUpW, cutDownW = 0, 1, 2, 3, 4, 5
	twice := func(v Op, f float32) reg.VecVirtual { return a.mul(a.mul(v, a.sharedFloat(f)), a.sharedFloat(f)) }
	s.accumulate(2,
		func(sums []reg.VecVirtual, _, x, w reg.VecVirtual) {
			a.addTo(sums[0], a.mul(w, x))
			a.addTo(sums[1], w)
		},
		func(sums []reg.VecVirtual, cut reg.GPVirtual, h int) {
			a.store(sums[0], s.of(cut, cutX, h))
			a.store(sums[1], s.of(cut, cutW, h))
		},
		func(sums []reg.VecVirtual, h int) {
			cut, again := a.copyOf(s.cuts), a.label("cut")
			a.Label(again)
			x, w := a.sub(sums[0], s.of(cut, cutX, h)), a.sub(sums[1], s.of(cut, cutW, h))
			a.store(a.mul(x, a.sharedFloat(1.125)), s.of(cut, cutUp, h))
			a.store(a.mul(x, a.sharedFloat(0.875)), s.of(cut, cutDown, h))
			a.store(twice(w, 1.125), s.of(cut, cutUpW, h))
			a.store(twice(w, 0.875), s.of(cut, cutDownW, h))
			a.ADDQ(U32(64*shPerCut), cut)
			a.CMPQ(cut, s.end)
			a.JLE(LabelRef(again))
		})
	s.tryCuts(
		func(first reg.GPVirtual, h int) []Op {
			x, w := a.load(s.of(first, cutX, h)), a.load(s.of(first, cutW, h))
			return []Op{
				s.spare(a.mul(x, a.sharedFloat(-0.875)), shLine, h), s.spare(a.mul(x, a.sharedFloat(-1.125)), shLine+1, h),
				s.spare(twice(w, -0.875), shLine+2, h), s.spare(twice(w, -1.125), shLine+3, h),
				s.spare(x, shAll, h), s.spare(w, shAll+1, h),
			}
		},
		func(line []Op, second reg.GPVirtual, h int) {
			middle := a.mul(a.sub(a.load(s.of(second, cutX, h)), line[4]), a.sharedFloat(0.125))
			middleW := twice(a.sub(a.load(s.of(second, cutW, h)), line[5]), 0.125)
			qx, qq := a.add(middle, line[0]), a.add(middleW, line[2])
			a.addTo(qx, s.of(second, cutUp, h))
			a.addTo(qq, s.of(second, cutUpW, h))
			a.VSUBPS(middle, a.load(line[1]), middle)
			a.addTo(middle, s.of(second, cutDown, h))
			a.addTo(middleW, line[3])
			a.addTo(middleW, s.of(second, cutDownW, h))
			s.challengers(qx, qq, 0, middle, middleW, 1, h)
		})
	s.levels()
	a.ret()
}

// searchShiftedHalves is SearchShiftedHalves on the 16 lanes of a tile.
func searchShiftedHalves(a *asm) {
	s := newShifted(a, "searchShiftedHalves", "is SearchShiftedHalves on 16 lanes.", 16, 2)
	// Rows of a cut; those of the second half of the values follow those of the first.
	const cutX, cutUp, cutDown = 0, 2, 4
	var all [][]Op // of each half of a register: top·Σ w·x up and down, the same of w, each of both halves of the values
	s.accumulate(4,
		func(sums []reg.VecVirtual, place, x, w reg.VecVirtual) {
			first := a.icmpGreater(a.load(a.shared(16*8)), place)
			x = a.mul(w, x)
			w0, x0 := a.only(first, w), a.only(first, x)
			a.addTo(sums[0], x0)
			a.addTo(sums[1], a.xor(x, x0)) // 0 where x is x0
			a.addTo(sums[2], w0)
			a.addTo(sums[3], a.xor(w, w0))
		},
		func(sums []reg.VecVirtual, cut reg.GPVirtual, h int) {
			for k := range 2 {
				a.store(sums[k], s.of(cut, cutX+k, h))
				a.store(a.mul(sums[2+k], a.sharedFloat(1.25)), s.of(cut, cutUp+k, h))
				a.store(a.mul(sums[2+k], a.sharedFloat(0.75)), s.of(cut, cutDown+k, h))
			}
		},
		func(sums []reg.VecVirtual, h int) {
			var list []Op
			for k, f := range []float32{1.125, 1.125, 0.875, 0.875} {
				list = append(list, s.spare(a.mul(sums[k%2], a.sharedFloat(f)), shAll+k, h))
			}
			for k, f := range []float32{1.125, 1.125, 0.875, 0.875} {
				w := a.mul(a.mul(sums[2+k%2], a.sharedFloat(f)), a.sharedFloat(f))
				a.store(w, s.of(s.state, shAll+4+k, h))
				list = append(list, s.of(s.state, shAll+4+k, h))
			}
			all = append(all, list)
		})
	s.tryCuts(
		func(first reg.GPVirtual, h int) (line []Op) {
			for k, at := range []int{cutDown, cutDown + 1, cutUp, cutUp + 1} {
				line = append(line, s.spare(a.add(a.load(s.of(first, at, h)), all[h][4+k]), shLine+k, h))
			}
			return append(line, s.spare(a.load(s.of(first, cutX, h)), shAll+8, h), s.spare(a.load(s.of(first, cutX+1, h)), shAll+9, h))
		},
		func(line []Op, second reg.GPVirtual, h int) {
			// part gives the sums of one half of the values with one shift.
			part := func(half, down int) (qx, qq reg.VecVirtual) {
				x := a.load(s.of(second, cutX+half, h))
				a.addTo(x, line[4+half])
				qx, qq = a.load(all[h][2*down+half]), a.load(line[2*down+half])
				a.VSUBPS(x, qx, qx)
				a.VSUBPS(s.of(second, cutUp+2*down+half, h), qq, qq)
				return qx, qq
			}
			up, upW := part(1, 0)
			down, downW := part(1, 1)
			for first := range 2 {
				qx, qq := part(0, first)
				upX, upQ := a.add(qx, up), a.add(qq, upW)
				a.addTo(qx, down)
				a.addTo(qq, downW)
				s.challengers(upX, upQ, uint32(2*first), qx, qq, uint32(2*first+1), h)
			}
		})
	s.levels()
	a.ret()
}
