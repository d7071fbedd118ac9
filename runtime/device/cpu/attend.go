package cpu

import (
	"slices"

	"github.com/qconv/qconv/runtime/device"
	"github.com/qconv/qconv/runtime/device/cpu/internal/vector"
)

// Attention works on tiles: some heads that share keys, of some queries that follow each other, are rows; keys pass by in
// chunks, and within a chunk in runs that stay in the nearest cache. A chunk gives, for each row, the largest score, the
// sum of exponentials and the weighted sum of values; chunks are joined in order. Chunks begin at fixed keys, and all else
// is done row by row in order of keys, so that a result depends on nothing but its query, its head, and what they see.
const (
	tileRows  = 48 // about how many rows a tile has
	chunkKeys = 512
	runKeys   = 64
	quad      = 4 // rows that kernels take at once
	fewRows   = 8 // of a head of keys

	productsAValue = 8 // in the time in which a value is read, added and written
)

// attention is one call of Attend.
type attention struct {
	*device.Attention
	dst, q           device.View
	keyDim, valueDim int // rounded up to whole groups
	tiles            []tile
}

// tile is some heads of some queries. Rows are ordered by head of keys, then by query, then by head.
type tile struct {
	*device.Span
	query, queries int // of the span
	kv, kvs        int // heads of keys
	head, heads    int // of those that share a head of keys
}

// shared is how many rows share a head of keys.
func (x *tile) shared() int { return x.queries * x.heads }

// Attend gives each thread tiles, or chunks of tiles when there are few.
func (d *Device) Attend(dst, q device.View, spans []device.Span, a *device.Attention) {
	t := &attention{Attention: a, dst: dst, q: q, keyDim: groups(a.KeyDim), valueDim: groups(a.ValueDim)}
	chunks, work := 0, 0
	for i := range spans {
		chunks += t.cut(&spans[i], 2*d.threads)
		work += spans[i].Count * (spans[i].Past + spans[i].Count)
	}
	switch {
	case work*a.Heads*(a.KeyDim+a.ValueDim) < productsAValue*smallWork:
		t.each(d.alone())
	case len(t.tiles) < 2*d.threads && chunks > len(t.tiles):
		t.inChunks(d)
	default:
		t.each(d)
	}
}

func groups(n int) int { return (n + vector.Group - 1) / vector.Group * vector.Group }

// cut makes tiles of a span, the longest first so that threads end together, and tells how many chunks they have. Tiles of
// few queries and long pasts have several heads of keys, whose rows lie side by side in memory.
func (t *attention) cut(s *device.Span, enough int) (chunks int) {
	shared := t.Heads / t.HeadsKV
	heads := min(shared, tileRows)
	queries := min(max(1, tileRows/heads), s.Count)
	kvs := 1
	if rows := heads * queries; rows <= fewRows && s.Past/chunkKeys >= enough {
		kvs = min(tileRows/rows, t.HeadsKV)
	}
	for end := s.Count; end > 0; end -= queries {
		first := max(0, end-queries)
		for kv := 0; kv < t.HeadsKV; kv += kvs {
			for h := 0; h < shared; h += heads {
				x := tile{s, first, end - first, kv, min(kvs, t.HeadsKV-kv), h, min(heads, shared-h)}
				from, to := t.chunks(&x)
				chunks += to - from
				t.tiles = append(t.tiles, x)
			}
		}
	}
	return chunks
}

// sees gives the keys that a query sees.
func (t *attention) sees(s *device.Span, query int) (first, end int) {
	end = s.Past + query + 1
	if t.Window > 0 {
		first = max(0, end-t.Window)
	}
	return first, end
}

// chunks gives the chunks that a tile sees.
func (t *attention) chunks(x *tile) (from, to int) {
	first, _ := t.sees(x.Span, x.query)
	_, end := t.sees(x.Span, x.query+x.queries-1)
	return first / chunkKeys, (end + chunkKeys - 1) / chunkKeys
}

// each does a tile at a time.
func (t *attention) each(d *Device) {
	d.run(len(t.tiles), func(worker, i int) {
		w := &d.workers[worker].attend
		w.begin(t, &t.tiles[i])
		from, to := t.chunks(&t.tiles[i])
		w.chunk(from, &w.total)
		for c := from + 1; c < to; c++ {
			w.chunk(c, &w.part)
			w.join(&w.part)
		}
		w.finish()
	})
}

// inChunks does a chunk at a time, and joins those of each tile afterwards.
func (t *attention) inChunks(d *Device) {
	type unit struct{ tile, chunk int }
	var units []unit
	for i := range t.tiles {
		from, to := t.chunks(&t.tiles[i])
		for c := from; c < to; c++ {
			units = append(units, unit{i, c})
		}
	}
	parts := make([]partial, len(units))
	d.run(len(units), func(worker, i int) {
		w := &d.workers[worker].attend
		x := &t.tiles[units[i].tile]
		if w.tile != x || w.attention != t {
			w.begin(t, x)
		}
		w.chunk(units[i].chunk, &parts[i])
	})
	d.run(len(t.tiles), func(worker, i int) {
		w := &d.workers[worker].attend
		w.begin(t, &t.tiles[i])
		first := slices.IndexFunc(units, func(u unit) bool { return u.tile == i })
		w.total.set(&parts[first])
		for j := first + 1; j < len(units) && units[j].tile == i; j++ {
			w.join(&parts[j])
		}
		w.finish()
	})
}
