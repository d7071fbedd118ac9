package tokenizer

// symbol is a part of a piece of text that merging works on: piece[start:end].
type symbol struct {
	start, end int32
	id         int32 // of the token, -1 when it is none
	prev, next int32 // neighbours, by index; -1 at the ends. Used by mergeHeap
}

// ranker says what two neighbours merge to. The lowest rank goes first; of equal ranks, the leftmost.
// The result's text is longer than either, so merging ends.
type ranker interface {
	rank(piece string, l, r *symbol) (rank, id int32, ok bool)
}

// candidate is a pair that may merge.
type candidate struct {
	rank, left int32
	id         int32
	end        int32 // of the right symbol: tells whether both are still what they were
	start      int32
}

func (c candidate) before(d candidate) bool {
	return c.rank < d.rank || c.rank == d.rank && c.left < d.left
}

// scratch is memory that one call of Encode reuses for its pieces.
type scratch struct {
	symbols []symbol
	ranks   []candidate
	text    []byte
}

// fewSymbols is up to where looking at all pairs is faster than a heap.
const fewSymbols = 32

// merge merges sc.symbols until no pair has a rank.
func (sc *scratch) merge(piece string, r ranker) {
	if len(sc.symbols) <= fewSymbols {
		sc.mergeFew(piece, r)
	} else {
		sc.mergeHeap(piece, r)
	}
}

// mergeFew keeps the candidate of each symbol with its right neighbour beside the symbols.
func (sc *scratch) mergeFew(piece string, r ranker) {
	const none = 1<<31 - 1
	s, c := sc.symbols, sc.ranks[:0]
	look := func(i int) (out candidate) {
		out.rank = none
		if i+1 < len(s) {
			if rank, id, ok := r.rank(piece, &s[i], &s[i+1]); ok {
				out.rank, out.id = rank, id
			}
		}
		return out
	}
	for i := range s {
		c = append(c, look(i))
	}
	for {
		best := -1
		for i := range c {
			if c[i].rank != none && (best < 0 || c[i].rank < c[best].rank) {
				best = i
			}
		}
		if best < 0 {
			break
		}
		s[best].end, s[best].id = s[best+1].end, c[best].id
		s = append(s[:best+1], s[best+2:]...)
		c = append(c[:best+1], c[best+2:]...)
		c[best] = look(best)
		if best > 0 {
			c[best-1] = look(best - 1)
		}
	}
	sc.symbols, sc.ranks = s, c
}

// mergeHeap keeps all candidates in a heap and the symbols in a list: n log n for n symbols.
func (sc *scratch) mergeHeap(piece string, r ranker) {
	s, heap := sc.symbols, sc.ranks[:0]
	look := func(i, j int32) (out candidate, ok bool) {
		if i < 0 || j < 0 {
			return out, false
		}
		rank, id, ok := r.rank(piece, &s[i], &s[j])
		return candidate{rank: rank, left: i, id: id, start: s[i].start, end: s[j].end}, ok
	}
	for i := range s {
		s[i].prev, s[i].next = int32(i)-1, int32(i)+1
	}
	s[len(s)-1].next = -1
	for i := range s {
		if c, ok := look(int32(i), s[i].next); ok {
			heap = append(heap, c)
		}
	}
	for i := len(heap)/2 - 1; i >= 0; i-- {
		sink(heap, i)
	}
	for len(heap) > 0 {
		c := heap[0]
		heap[0] = heap[len(heap)-1]
		heap = heap[:len(heap)-1]
		sink(heap, 0)
		left := &s[c.left]
		if left.next < 0 || left.start != c.start || left.end < 0 || s[left.next].end != c.end {
			continue // one of the two has merged since
		}
		right := &s[left.next]
		left.end, left.id, left.next = right.end, c.id, right.next
		right.end = -1 // dead
		if left.next >= 0 {
			s[left.next].prev = c.left
		}
		if n, ok := look(left.prev, c.left); ok {
			heap = rise(append(heap, n))
		}
		if n, ok := look(c.left, left.next); ok {
			heap = rise(append(heap, n))
		}
	}
	out := s[:0]
	for _, x := range s {
		if x.end >= 0 {
			out = append(out, x)
		}
	}
	sc.symbols, sc.ranks = out, heap
}

func sink(heap []candidate, i int) {
	for {
		k := 2*i + 1
		if k >= len(heap) {
			return
		}
		if k+1 < len(heap) && heap[k+1].before(heap[k]) {
			k++
		}
		if !heap[k].before(heap[i]) {
			return
		}
		heap[i], heap[k] = heap[k], heap[i]
		i = k
	}
}

func rise(heap []candidate) []candidate {
	for i := len(heap) - 1; i > 0; {
		up := (i - 1) / 2
		if !heap[i].before(heap[up]) {
			break
		}
		heap[i], heap[up] = heap[up], heap[i]
		i = up
	}
	return heap
}
