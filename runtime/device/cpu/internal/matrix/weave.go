package matrix

import (
	"encoding/binary"

	"github.com/qconv/qconv/formats/gguf"
)

// weavers is how many rows are woven together.
const weavers = 8

// Weave puts the bytes of each eight rows into another order, in place, so that products with one vector, which wait for
// memory, read it from the beginning to the end and find the same bytes of eight rows side by side: of each block first
// the half in front, if it has one, of all eight rows; then the first 32 bits of the rest of all rows, then the next;
// then the half at the end. It does nothing where no kernel wants it. Rows behind the last eight stay as they are. run
// calls its function for 0 … n-1, on several threads if it likes.
func (w *Weight) Weave(run func(n int, f func(i int))) {
	if w.woven > 0 || w.format.exact || !wantsWoven(w.Type) {
		return
	}
	const together = 32 // eights for a call
	eights := w.Rows / weavers
	run((eights+together-1)/together, func(i int) {
		rows := make([]byte, weavers*w.rowBytes)
		for e := together * i; e < min(together*(i+1), eights); e++ {
			b := w.Blocks[e*len(rows):][:len(rows)]
			copy(rows, b)
			w.weaveRows(b, rows)
		}
	})
	w.woven = weavers * eights
}

// eachPlace visits the 16 or 32 bits of a row's blocks one after the other: size bytes, where they are in the row, and where
// those of the first of eight rows go to: see Weave.
func (w *Weight) eachPlace(visit func(size, at, to int)) {
	size, lead := w.format.bytes, w.format.bytes%4
	if !halfFirst(w.Type) {
		lead = 0
	}
	for b := 0; b < w.rowBytes; b += size {
		for at := 0; at < size; {
			n := 4
			if at < lead || at+4 > size {
				n = 2
			}
			visit(n, b+at, weavers*(b+at))
			at += n
		}
	}
}

// halfFirst tells types whose blocks begin with a half from those that end with one.
func halfFirst(t gguf.Type) bool { return t != gguf.TypeQ6_K }

func (w *Weight) weaveRows(dst, rows []byte) {
	w.eachPlace(func(size, at, to int) {
		for r := range weavers {
			copy(dst[to+size*r:][:size], rows[r*w.rowBytes+at:])
		}
	})
}

// Row gives the blocks of a row as they are in the file; room is where to put them, if they have to be.
func (w *Weight) Row(room []byte, r int) []byte {
	if r >= w.woven {
		return w.Blocks[r*w.rowBytes:][:w.rowBytes]
	}
	if cap(room) < w.rowBytes {
		room = make([]byte, w.rowBytes)
	}
	room = room[:w.rowBytes]
	eight := w.Blocks[r/weavers*weavers*w.rowBytes:][:weavers*w.rowBytes]
	w.eachPlace(func(size, at, from int) { copy(room[at:][:size], eight[from+size*(r%weavers):]) })
	return room
}

// unwoven is rows of a weight that had to be put back into order.
type unwoven struct {
	w        *Weight
	eight    int
	from, to int // columns
	rows     []byte
}

// blocks gives the blocks of columns from … to-1 of a row, woven or not. They are valid until the next call.
func (u *unwoven) blocks(w *Weight, r, from, to int) []byte {
	if r >= w.woven {
		return w.row(r, from, to)
	}
	size := w.format.bytes
	first, n := from/w.format.elems*size, (to-from)/w.format.elems*size
	if e := r / weavers; u.w != w || u.eight != e || u.from != from || u.to != to {
		u.w, u.eight, u.from, u.to = w, e, from, to
		if cap(u.rows) < weavers*n {
			u.rows = make([]byte, weavers*n)
		}
		u.rows = u.rows[:weavers*n]
		src := w.Blocks[weavers*(e*w.rowBytes+first):]
		for b := 0; b < n; b += size {
			w.unweaveBlock(u.rows[b:], n, src[weavers*b:][:weavers*size])
		}
	}
	return u.rows[r%weavers*n:][:n]
}

// unweaveBlock puts back a block of eight rows, pitch bytes apart.
func (w *Weight) unweaveBlock(dst []byte, pitch int, src []byte) {
	size, at := w.format.bytes, 0
	half := func() {
		for r := range weavers {
			copy(dst[r*pitch+at:][:2], src[weavers*at+2*r:])
		}
		at += 2
	}
	if size%4 > 0 && halfFirst(w.Type) {
		half()
	}
	if n := (size - at) / 16; now != plain {
		unweave(dst[at:], src[weavers*at:], pitch, n)
		at += 16 * n
	}
	for ; at+4 <= size; at += 4 {
		for r := range weavers {
			binary.LittleEndian.PutUint32(dst[r*pitch+at:], binary.LittleEndian.Uint32(src[weavers*at+4*r:]))
		}
	}
	if at < size {
		half()
	}
}
