package matrix

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/qconv/qconv/quantize"
)

// inTurn is what Weave runs with here.
func inTurn(n int, f func(i int)) {
	for i := range n {
		f(i)
	}
}

// TestWeave holds that woven rows can be had back as they were, alone and in pieces, and that Weave does as it says.
func TestWeave(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		for _, c := range quantize.List() {
			elems, size, _ := c.Type.Block()
			const rows = 35
			cols := 5 * max(int(elems), 32)
			blocks := make([]byte, rows*cols/int(elems)*int(size))
			r := rand.New(rand.NewPCG(3, uint64(c.Type)))
			for i := range blocks {
				blocks[i] = byte(r.Uint32())
			}
			w, err := NewWeight(c.Type, rows, cols, slices.Clone(blocks))
			if err != nil {
				t.Fatal(err)
			}
			w.Weave(inTurn)
			if w.woven > 0 {
				// The first 32 bits behind what is in front: those of rows 0 and 1 are neighbours.
				lead, at := w.format.bytes%4, w.rowBytes
				if !halfFirst(c.Type) {
					lead = 0
				}
				if b := w.Blocks[weavers*lead:]; !bytes.Equal(b[:4], blocks[lead:][:4]) || !bytes.Equal(b[4:8], blocks[at+lead:][:4]) {
					t.Errorf("%s: rows do not lie side by side", c.Type)
				}
			}
			var u unwoven
			for i := range rows {
				want := blocks[i*w.rowBytes:][:w.rowBytes]
				if !bytes.Equal(w.Row(nil, i), want) {
					t.Errorf("%s: row %d is not what it was", c.Type, i)
				}
				a, e := cols/5, cols/5*4
				if got := u.blocks(w, i, a, e); !bytes.Equal(got, want[len(want)/5:len(want)/5*4]) {
					t.Errorf("%s: columns %d to %d of row %d are not what they were", c.Type, a, e, i)
				}
			}
		}
	})
}
