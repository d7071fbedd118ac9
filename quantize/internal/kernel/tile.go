package kernel

import (
	"sync"
	"unsafe"
)

// Lanes is the width of a tile on every tier.
const Lanes = 16

// Row is one value of each lane.
type Row [Lanes]float32

// laneSet is a set of lanes: those whose number is not 0.
type laneSet [Lanes]uint32

func (s *laneSet) empty() bool { return *s == laneSet{} }

func (s *laneSet) fill() {
	for l := range s {
		s[l] = 1
	}
}

// Tile holds up to 16 blocks side by side, one a lane: value i of lane l is at 16·i + l. Every lane goes through the
// operations of the plain version in its order, which is what keeps the bytes the same on every tier.
//
// It is large and meant to be used again: see NewTile and Free. All arrays begin at multiples of 64 bytes.
type Tile struct {
	X          [256 * Lanes]float32 // values
	Importance [256 * Lanes]float32 // of each value's column
	W          [maxGroup * Lanes]float32
	Codes      [256 * Lanes]uint8
	Block      [maxBlock * Lanes]uint8 // the blocks to be, byte by byte

	Offset   OffsetSearch
	Signed   SignedSearch
	Positive PositiveSearch
	Levels   LevelSearch
	Shifted  ShiftedSearch

	Scales, Offsets, Sums [16 * Lanes]float32 // of each group of a lane's block
	Sigma2                Row

	from [Lanes]int // byte offsets of the lanes' runs
}

// maxBlock is the size of the largest block that is made in a tile, Q6_K, and what aligns the next array.
const maxBlock = 212

// tiles are those in no use.
var tiles = sync.Pool{New: func() any {
	const cacheLine = 64
	b := make([]uint64, (unsafe.Sizeof(Tile{})+cacheLine)/8)
	at := -uintptr(unsafe.Pointer(&b[0])) % cacheLine
	return (*Tile)(unsafe.Add(unsafe.Pointer(&b[0]), at))
}}

// NewTile gives a tile with arbitrary contents.
func NewTile() *Tile { return tiles.Get().(*Tile) }

// Free gives the tile back.
func (t *Tile) Free() { tiles.Put(t) }

// Load puts n runs of elems values, which follow each other in src, into the lanes, and their importance when there
// is any: importance has one value a column, and src begins at column 0. Lanes without a run repeat the first.
func (t *Tile) Load(src []float32, n, elems int) { t.load(&t.X, src, n, elems, 0, len(src)) }

// LoadImportance puts the importance of the same runs into the lanes; the first run begins at a column.
func (t *Tile) LoadImportance(importance []float32, n, elems, column int) {
	t.load(&t.Importance, importance, n, elems, column, len(importance))
}

// load reads run l at (start + l·elems) mod period; start is below period, which elems divides or src ends with.
func (t *Tile) load(dst *[256 * Lanes]float32, src []float32, n, elems, start, period int) {
	at := start
	for l := range Lanes {
		_ = src[at : at+elems]
		t.from[l] = 4 * at
		if at += elems; at >= period {
			at -= period
		}
		if l+1 >= n {
			at = start
		}
	}
	spread(dst[:Lanes*elems], src, &t.from)
}

// Store writes the first size bytes of each of the first n lanes of Block one after another.
func (t *Tile) Store(dst []byte, n, size int) {
	dst = dst[:n*size]
	if n == Lanes {
		collect(dst, t.Block[:Lanes*size])
		return
	}
	var all [maxBlock * Lanes]byte
	collect(all[:Lanes*size], t.Block[:Lanes*size])
	copy(dst, all[:])
}

// RowAt is row i of rows.
func RowAt(rows []float32, i int) *Row { return (*Row)(rows[Lanes*i:]) }

// Gather copies the first n values of a lane.
func Gather(dst, rows []float32, lane, n int) {
	for i := range n {
		dst[i] = rows[Lanes*i+lane]
	}
}

// Scatter puts codes into a lane of rows of bytes.
func Scatter(rows, codes []uint8, lane int) {
	for i, c := range codes {
		rows[Lanes*i+lane] = c
	}
}
