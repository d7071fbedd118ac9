package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// exchange puts the smaller of rows i and j into row i.
type exchange struct{ i, j int }

// mergeSort lists the exchanges of Batcher's odd-even merge sort of n rows, n a power of two, from row lo on.
func mergeSort(lo, n int) (list []exchange) {
	if n < 2 {
		return nil
	}
	list = append(mergeSort(lo, n/2), mergeSort(lo+n/2, n/2)...)
	var merge func(lo, n, step int)
	merge = func(lo, n, step int) {
		if 2*step >= n {
			list = append(list, exchange{lo, lo + step})
			return
		}
		merge(lo, n, 2*step)
		merge(lo+step, n, 2*step)
		for i := lo + step; i+step < lo+n; i += 2 * step {
			list = append(list, exchange{i, i + step})
		}
	}
	merge(lo, n, 1)
	return list
}

// sortRows sorts n rows in each lane, equal values by row. It writes the values to rows of sorted and, to rows of
// index, 16 times the row that each comes from plus its lane: its place in a tile. spill has room for n rows.
//
// A value and its row are one float64: the number of the row is in the lowest bits, which a float32 does not need. It
// is inverted where the value is negative and more bits mean less. So the smaller of two is one instruction.
func (a *asm) sortRows(x, sorted, index, spill reg.GPVirtual, n int) {
	lanes, parts, again := a.GP64(), a.GP64(), a.label("sort")
	a.LEAQ(a.laneNumbers(), lanes)
	pointers := []reg.GPVirtual{a.copyOf(x), a.copyOf(sorted), a.copyOf(index), lanes}
	from, values, places := pointers[0], pointers[1], pointers[2]
	a.MOVQ(U32(2*a.halves()), parts)
	a.Label(again)

	list := mergeSort(0, n)
	next := func(row, after int) int { // the exchange after that uses the row
		for k := after; k < len(list); k++ {
			if list[k].i == row || list[k].j == row {
				return k
			}
		}
		return len(list)
	}
	// As many rows as there are registers stay there; the one that is needed last makes room. These are the same
	// registers all the time, because avo finds too few for a long list of short-lived ones.
	room := 12
	if a.wide {
		room = 28
	}
	var free []reg.VecVirtual
	for range room + 1 {
		free = append(free, a.vec())
	}
	take := func() reg.VecVirtual {
		v := free[len(free)-1]
		free = free[:len(free)-1]
		return v
	}
	t := a.newSortKeys()
	held, spilled := map[int]reg.VecVirtual{}, map[int]bool{}
	place := func(row int) Mem { return Mem{Base: spill, Disp: row * a.width()} }
	fetch := func(row, now int) {
		if held[row] != nil {
			return
		}
		if len(free) == 1 {
			last, when := 0, -1
			for r := range n {
				if held[r] != nil && r != list[now].i && r != list[now].j && next(r, now) > when {
					last, when = r, next(r, now)
				}
			}
			a.store(held[last], place(last))
			spilled[last] = true
			free = append(free, held[last])
			delete(held, last)
		}
		held[row] = take()
		if spilled[row] {
			a.VMOVUPS(place(row), held[row])
		} else {
			t.pack(held[row], Mem{Base: from, Disp: 64 * row}, row)
		}
	}
	for now, e := range list {
		fetch(e.i, now)
		fetch(e.j, now)
		low := take()
		a.VMINPD(held[e.j], held[e.i], low)
		a.VMAXPD(held[e.j], held[e.i], held[e.j])
		free = append(free, held[e.i])
		held[e.i] = low
	}
	for row := range n {
		key := held[row]
		if key == nil {
			key = take()
			a.VMOVUPS(place(row), key)
			free = append(free, key)
		}
		t.unpack(key)
		a.VPADDD(Mem{Base: lanes}, t.number, t.number)
		a.VMOVUPS(t.value, Mem{Base: values, Disp: 64 * row})
		a.VMOVUPS(t.number, Mem{Base: places, Disp: 64 * row})
	}
	for _, p := range pointers {
		a.ADDQ(Imm(uint64(a.width()/2)), p)
	}
	a.DECQ(parts)
	a.JNZ(LabelRef(again))
}

// laneNumbers are 0 … 15.
func (a *asm) laneNumbers() Mem {
	var numbers []uint32
	for l := range uint32(16) {
		numbers = append(numbers, l)
	}
	return a.table("lanes", numbers...)
}

// gather gives the values of base at a place for each lane.
func (a *asm) gather(base reg.Register, places reg.VecVirtual) reg.VecVirtual {
	v, m := a.bits(0), Mem{Base: base, Index: places, Scale: 4} // not to depend on what the register held
	if a.wide {
		all, k := a.GP32(), a.K()
		a.MOVL(U32(0xffff), all)
		a.KMOVW(all, k)
		a.VGATHERDPS(m, k, v)
		return v
	}
	a.VGATHERDPS(a.load(a.shared(0xffffffff)), m, v)
	return v
}

func (a *asm) copyOf(p reg.GPVirtual) reg.GPVirtual {
	c := a.GP64()
	a.MOVQ(p, c)
	return c
}

// sortKeys packs values and rows into keys and unpacks them. value and number are half a register of lanes, as many as
// keys fit a whole one.
type sortKeys struct {
	*asm
	value, number, half reg.Register
	whole               reg.VecVirtual // half is its lower half
}

func (a *asm) newSortKeys() *sortKeys {
	v, n, t := a.vec(), a.vec(), a.vec()
	if a.wide {
		return &sortKeys{a, v.AsY(), n.AsY(), t.AsY(), t}
	}
	return &sortKeys{a, v.AsX(), n.AsX(), t.AsX(), t}
}

// pack makes the key of the values in memory, which come from a row. Zeros become equal.
func (t *sortKeys) pack(key reg.VecVirtual, m Mem, row int) {
	t.VMOVUPS(m, t.value)
	t.VADDPS(t.shared(0), t.value, t.value)
	t.VPSRAD(Imm(31), t.value, t.number)
	t.VCVTPS2PD(t.value, key)
	if t.wide {
		t.VPXORD(t.shared(uint32(row)), t.number, t.number)
		t.VPANDD(t.shared(31), t.number, t.number)
		t.VPMOVZXDQ(t.number, t.whole)
		t.VPORQ(t.whole, key, key)
		return
	}
	t.VPXOR(t.shared(uint32(row)), t.number, t.number)
	t.VPAND(t.shared(31), t.number, t.number)
	t.VPMOVZXDQ(t.number, t.whole)
	t.VPOR(t.whole, key, key)
}

// unpack leaves value and 16 times the row of a key.
func (t *sortKeys) unpack(key reg.VecVirtual) {
	if t.wide {
		t.VCVTPD2PS(key, t.value)
		t.VPMOVQD(key, t.number)
		t.VPSRAD(Imm(31), t.value, t.half)
		t.VPXORD(t.half, t.number, t.number)
		t.VPANDD(t.shared(31), t.number, t.number)
	} else {
		t.VCVTPD2PSY(key, t.value)
		t.VEXTRACTF128(Imm(1), key, t.half)
		t.VSHUFPS(Imm(0x88), t.half, key.AsX(), t.number)
		t.VPSRAD(Imm(31), t.value, t.half)
		t.VPXOR(t.half, t.number, t.number)
		t.VPAND(t.shared(31), t.number, t.number)
	}
	t.VPSLLD(Imm(4), t.number, t.number)
}
