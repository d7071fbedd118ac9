package quantize

import (
	"math"

	"github.com/qconv/qconv/quantize/internal/kernel"
)

// tiled encodes blocks 16 at a time, each in a lane of its own. It reports false where there are no kernels.
func tiled(dst []byte, src, weight []float32, elems, size int, encode func(t *kernel.Tile, weighted bool)) bool {
	if kernel.Now() == kernel.Plain {
		return false
	}
	t := kernel.NewTile()
	defer t.Free()
	column := 0
	for len(src) > 0 {
		n := min(len(src)/elems, kernel.Lanes)
		t.Load(src, n, elems)
		if len(weight) > 0 {
			t.LoadImportance(weight, n, elems, column)
			column = (column + n*elems) % len(weight)
		}
		encode(t, len(weight) > 0)
		t.Store(dst, n, size)
		src, dst = src[n*elems:], dst[n*size:]
	}
	return true
}

// twiceMeanSquare sets Sigma2 to twice the mean square of each lane's block of 256 values.
func twiceMeanSquare(t *kernel.Tile) {
	kernel.SumSquaresRows(&t.Sigma2, t.X[:])
	for l, s := range t.Sigma2 {
		t.Sigma2[l] = 2 * s / 256
	}
}

// putF16Rows stores a scale of each lane in rows at and at+1 of the blocks, and gives what was stored.
func putF16Rows(t *kernel.Tile, at int, x *kernel.Row) (stored kernel.Row) {
	var b [2]byte
	for l, v := range x {
		putF16(b[:], v)
		t.Block[kernel.Lanes*at+l], t.Block[kernel.Lanes*(at+1)+l] = b[0], b[1]
		stored[l] = getF16(b[:])
	}
	return stored
}

// recode makes the codes of group g by the plain search, in the lanes whose stored scale is zero: they keep what the
// search found. search gets the values and weights of a lane.
func recode(t *kernel.Tile, g, n int, scale *kernel.Row, w []float32, search func(codes []uint8, x, w []float32)) {
	var x, wl [32]float32
	var codes [32]uint8
	for l, s := range scale {
		if s != 0 {
			continue
		}
		kernel.Gather(x[:], t.X[kernel.Lanes*n*g:], l, n)
		if w != nil {
			kernel.Gather(wl[:], w, l, n)
		}
		search(codes[:n], x[:n], wl[:n])
		kernel.Scatter(t.Codes[kernel.Lanes*n*g:], codes[:n], l)
	}
}

// anyZero tells whether a lane is zero.
func anyZero(r *kernel.Row) bool {
	// A zero of either sign has no bits but the sign: what is left of the smallest is then nothing.
	least := uint32(math.MaxUint32)
	for _, v := range r {
		least = min(least, math.Float32bits(v)<<1)
	}
	return least == 0
}

// tileOffset makes the codes of a block type with scales and minima: groups of n values, codes 0 … nmax. finish
// stores d and dmin and the groups' small scales and minima, and puts the products that they stand for into Scales
// and Offsets.
func tileOffset(t *kernel.Tile, weighted bool, n int, nmax int32, s *kernel.Sweep, weigh func(w, x []float32), finish func()) {
	groups, size := 256/n, kernel.Lanes*n
	if weighted {
		s = &kernel.WeightedSweep
	}
	t.Offset.Init(nmax, s)
	w := t.W[:size]
	weights := func(g int) {
		x := t.X[size*g:][:size]
		if weighted {
			kernel.WeighImportanceRows(w, x, t.Importance[size*g:], &t.Sigma2, kernel.RowAt(t.Sums[:], g))
		} else {
			weigh(w, x)
		}
	}
	for g := range groups {
		weights(g)
		t.Offset.Run(t.X[size*g:], w, n)
		*kernel.RowAt(t.Scales[:], g) = t.Offset.Scale
		for l, v := range t.Offset.Low {
			t.Offsets[kernel.Lanes*g+l] = -v
		}
	}
	finish()
	for g := range groups {
		scale, offset := kernel.RowAt(t.Scales[:], g), kernel.RowAt(t.Offsets[:], g)
		if anyZero(scale) {
			weights(g)
			recode(t, g, n, scale, w, func(codes []uint8, x, w []float32) { kernel.SearchOffset(codes, x, w, nmax, s) })
		}
		kernel.RequantizeRows(t.Codes[size*g:][:size], t.X[size*g:][:size], scale, offset, 0, nmax, 0)
	}
}

// tiledRows encodes blocks of 32 whose weights depend on the squares of their whole row.
func tiledRows(dst []byte, src, weight []float32, size int, encode func(t *kernel.Tile)) bool {
	row, cols := 0, len(weight)
	sigma2 := make([]float32, len(src)/cols)
	kernel.SumSquaresEach(sigma2, src, cols)
	for i, s := range sigma2 {
		sigma2[i] = s / float32(cols)
	}
	return tiled(dst, src, weight, 32, size, func(t *kernel.Tile, _ bool) {
		for l := range t.Sigma2 {
			t.Sigma2[l] = sigma2[min((row+l)*32/cols, len(sigma2)-1)]
		}
		row += kernel.Lanes
		encode(t)
	})
}

// tileSigned searches a block of 32 signed codes in each lane and stores its scale.
func tileSigned(t *kernel.Tile, nmax int32) {
	const n = 32 * kernel.Lanes
	kernel.WeighImportanceRows(t.W[:], t.X[:n], t.Importance[:], &t.Sigma2, kernel.RowAt(t.Sums[:], 0))
	t.Signed.Init(nmax)
	t.Signed.Search(t.X[:], t.W[:], 32)
	t.Signed.Codes(t.Codes[:n], t.X[:], t.W[:], 32)
	putF16Rows(t, 0, &t.Signed.Scale)
}

// tileWithMinimum searches a block of 32 codes with an offset in each lane and stores scale and minimum.
func tileWithMinimum(t *kernel.Tile, nmax int32) {
	const n = 32 * kernel.Lanes
	kernel.WeighImportanceRows(t.W[:], t.X[:n], t.Importance[:], &t.Sigma2, kernel.RowAt(t.Sums[:], 0))
	t.Offset.Init(nmax, &kernel.WeightedSweep)
	t.Offset.Run(t.X[:], t.W[:], 32)
	t.Offset.Codes(t.Codes[:n], t.X[:], t.W[:], 32)
	putF16Rows(t, 0, &t.Offset.Scale)
	putF16Rows(t, 2, &t.Offset.Low)
}

// packHalves stores 32 codes of a lane as nibbles in 16 bytes from row at on, and fifth bits, when there are any, in
// the four rows before.
func packHalves(t *kernel.Tile, at int, five bool) {
	const n = 16 * kernel.Lanes
	kernel.PackNibbles(t.Block[kernel.Lanes*at:][:n], t.Codes[:], t.Codes[n:])
	if five {
		for b := range 4 {
			kernel.PackBits(t.Block[kernel.Lanes*(at-4+b):][:kernel.Lanes], t.Codes[8*kernel.Lanes*b:], kernel.Lanes, 4)
		}
	}
}
