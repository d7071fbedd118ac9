package cpu

import (
	"math"

	"github.com/qconv/qconv/runtime/device"
	"github.com/qconv/qconv/runtime/device/cpu/internal/vector"
)

// partial is what some keys give to the rows of a tile.
type partial struct {
	most, sum []float64
	values    vector.Matrix // weighted by exp(score - most)
}

func (p *partial) room(rows, cols int) {
	if cap(p.most) < rows {
		p.most, p.sum = make([]float64, rows), make([]float64, rows)
	}
	p.most, p.sum = p.most[:rows], p.sum[:rows]
	p.values = grown(p.values.Values, rows, cols)
}

func (p *partial) set(o *partial) {
	p.room(len(o.most), o.values.Stride)
	copy(p.most, o.most)
	copy(p.sum, o.sum)
	copy(p.values.Values, o.values.Values)
}

// grown makes rows of cols values, of those given if they suffice.
func grown(values []float32, rows, cols int) vector.Matrix {
	if cap(values) < rows*cols {
		values = make([]float32, rows*cols)
	}
	return vector.Matrix{Values: values[:rows*cols], Stride: cols}
}

// attendWorker is a thread's tile, and room for it.
type attendWorker struct {
	*attention
	tile *tile

	queries, scores vector.Matrix // rows of the tile
	packed          [2][]float32  // keys and values of a chunk, if their dimensions are no whole groups
	part, total     partial
}

func (w *attendWorker) rows() int { return w.tile.kvs * w.tile.shared() }

// place gives the query of a row, as a row of the batch, and its head.
func (w *attendWorker) place(row int) (query, head int) {
	x := w.tile
	kv, row := row/x.shared(), row%x.shared()
	return x.First + x.query + row/x.heads, (x.kv+kv)*(w.Heads/w.HeadsKV) + x.head + row%x.heads
}

// sees gives the keys of a row, among those from first to end-1.
func (w *attendWorker) sees(row, first, end int) (int, int) {
	from, to := w.attention.sees(w.tile.Span, w.tile.query+row%w.tile.shared()/w.tile.heads)
	return min(max(first, from), end), max(min(end, to), first)
}

// begin brings the tile's queries together, times the scale.
func (w *attendWorker) begin(t *attention, x *tile) {
	w.attention, w.tile = t, x
	w.queries = grown(w.queries.Values, w.rows(), t.keyDim)
	w.scores = grown(w.scores.Values, w.rows(), chunkKeys)
	for r := range w.rows() {
		query, head := w.place(r)
		in := row(t.q, query)[head*t.KeyDim:][:t.KeyDim]
		out := w.queries.Row(r, t.keyDim)
		for i, v := range in {
			out[i] = float32(float64(v) * t.Scale)
		}
		clear(out[t.KeyDim:])
	}
}

// rowsOf gives rows first … end-1 of keys or values for the tile's heads, each in whole groups.
func (w *attendWorker) rowsOf(v device.View, dim, first, end, slot int) vector.Matrix {
	m := vector.Matrix{Values: floats(v.Buffer)[v.At+first*v.Stride+w.tile.kv*dim:], Stride: v.Stride}
	if dim%vector.Group == 0 {
		return m
	}
	p := grown(w.packed[slot], end-first, w.tile.kvs*groups(dim))
	for t := range end - first {
		from, to := m.Row(t, w.tile.kvs*dim), p.Row(t, p.Stride)
		for len(to) > 0 {
			clear(to[copy(to, from[:dim]):groups(dim)])
			from, to = from[dim:], to[groups(dim):]
		}
	}
	w.packed[slot] = p.Values
	return p
}

// chunk computes what chunk c gives.
func (w *attendWorker) chunk(c int, p *partial) {
	p.room(w.rows(), w.valueDim)
	first, _ := w.attention.sees(w.tile.Span, w.tile.query)
	_, end := w.attention.sees(w.tile.Span, w.tile.query+w.tile.queries-1)
	first, end = max(first, c*chunkKeys), min(end, (c+1)*chunkKeys)
	k := w.rowsOf(w.tile.K, w.KeyDim, first, end, 0)
	w.runs(k, w.keyDim, first, end, func(row, kv, t, last int) { w.score(k.From(0, kv*w.keyDim), row, first, t, last) })
	for r := range w.rows() {
		from, to := w.sees(r, first, end)
		p.most[r], p.sum[r] = exponentials(w.scores.Row(r, chunkKeys), from-first, to-first)
	}
	clear(p.values.Values)
	v := w.rowsOf(w.tile.V, w.ValueDim, first, end, 1)
	w.runs(v, w.valueDim, first, end, func(row, kv, t, last int) {
		w.mix(p.values, v.From(0, kv*w.valueDim), row, first, t, last)
	})
}

// runs does the rows of each head of keys, from the given one on, with keys t … last-1, run after run. Where there are few
// rows, memory is what takes time, and the run is read for all heads at once first.
func (w *attendWorker) runs(m vector.Matrix, dim, first, end int, do func(row, kv, t, last int)) {
	for t := first; t < end; t += runKeys {
		last := min(t+runKeys, end)
		if w.tile.shared() <= fewRows {
			vector.Touch(m.From(t-first, 0), last-t, w.tile.kvs*dim)
		}
		for kv := range w.tile.kvs {
			do(kv*w.tile.shared(), kv, t, last)
		}
	}
}

// score multiplies queries and keys t … last-1: of four rows at a time the keys that any of them sees.
func (w *attendWorker) score(k vector.Matrix, row, first, t, last int) {
	for r := row; r < row+w.tile.shared(); r += quad {
		n := min(quad, row+w.tile.shared()-r)
		from, _ := w.sees(r, t, last)
		_, to := w.sees(r+n-1, t, last)
		if from < to {
			vector.Dots(w.scores.From(r, from-first), w.queries.From(r, 0), k.From(from-first, 0), n, to-from, w.keyDim)
		}
	}
}

// exponentials makes exp(score - most) of scores from … to-1 of a row, and zeros behind them up to a whole group.
func exponentials(scores []float32, from, to int) (most, sum float64) {
	if from >= to {
		return math.Inf(-1), 0
	}
	m := vector.Max(scores[from:to])
	most = float64(m)
	if math.IsInf(most, -1) {
		m = 0 // all are -Inf, or NaN
	}
	// Whole groups, then the rest in a group of its own, for there may be no room.
	whole := from + (to-from)/vector.Group*vector.Group
	sum = vector.ExpSum(scores[from:whole], m)
	if whole < to {
		var rest [vector.Group]float32
		n := copy(rest[:], scores[whole:to])
		for i := n; i < len(rest); i++ {
			rest[i] = float32(math.Inf(-1))
		}
		sum += vector.ExpSum(rest[:], m)
		copy(scores[whole:to], rest[:n])
	}
	return most, sum
}

// mix adds weighted values of keys t … last-1: keys that four rows see for all of them, the others row by row. What a row
// does not see is not touched, for it may be NaN.
func (w *attendWorker) mix(out, v vector.Matrix, row, first, t, last int) {
	for r := row; r < row+w.tile.shared(); r += quad {
		n := min(quad, row+w.tile.shared()-r)
		from, _ := w.sees(r+n-1, t, last)
		_, to := w.sees(r, t, last)
		if from >= to {
			from, to = last, last // none in common
		}
		for i := r; i < r+n; i++ {
			own, ownEnd := w.sees(i, t, last)
			w.mixRows(out, v, i, 1, own-first, min(from, ownEnd)-first)
		}
		w.mixRows(out, v, r, n, from-first, to-first)
		for i := r; i < r+n; i++ {
			_, ownEnd := w.sees(i, t, last)
			w.mixRows(out, v, i, 1, to-first, ownEnd-first)
		}
	}
}

func (w *attendWorker) mixRows(out, v vector.Matrix, row, n, from, to int) {
	if from < to {
		vector.Mix(out.From(row, 0), w.scores.From(row, from), v.From(from, 0), n, to-from, w.valueDim)
	}
}

// join adds a part to the total.
func (w *attendWorker) join(p *partial) {
	s := &w.total
	for r := range w.rows() {
		keep, add := 1.0, 1.0
		if most := p.most[r]; most > s.most[r] {
			keep, s.most[r] = below(s.most[r]-most), most
		} else {
			add = below(most - s.most[r])
		}
		s.sum[r] = float64(s.sum[r]*keep) + float64(p.sum[r]*add)
		vector.Blend(s.values.Row(r, w.valueDim), p.values.Row(r, w.valueDim), float32(keep), float32(add))
	}
}

// below is e^x for x ≤ 0, and 0 where float32 would be. Both sides may be -Inf, and then x is NaN: there is nothing to
// add, but what there is may be NaN.
func below(x float64) float64 {
	switch {
	case math.IsNaN(x):
		return 1
	case x < -104:
		return 0
	}
	return vector.Exp(x)
}

// finish writes the results.
func (w *attendWorker) finish() {
	for r := range w.rows() {
		query, head := w.place(r)
		out := row(w.dst, query)[head*w.ValueDim:][:w.ValueDim]
		vector.Times(out, w.total.values.Row(r, w.ValueDim), float32(1/w.total.sum[r]))
	}
}
