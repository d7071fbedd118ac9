package cpu

import (
	"math/rand/v2"
	"testing"
)

// TestPool takes and gives at random: no two buffers in use share memory, and what is held never exceeds what was in use
// together.
func TestPool(t *testing.T) {
	var p pool
	r := rand.New(rand.NewPCG(1, 1))
	var held [][]float32
	reused, used, most := 0, 0, 0
	for i := range 3000 {
		if len(held) > 20 || len(held) > 0 && r.IntN(2) == 0 {
			j := r.IntN(len(held))
			for _, v := range held[j] {
				if v != held[j][0] {
					t.Fatal("two buffers share memory")
				}
			}
			if cap(held[j]) >= small {
				used -= cap(held[j])
			}
			p.give(held[j])
			held = append(held[:j], held[j+1:]...)
			continue
		}
		n := 1 + r.IntN(5*small)
		before := p.size
		v := p.take(n)
		if len(v) != n || cap(v) > 2*n+1 && n >= small {
			t.Fatalf("asked for %d values, got %d of %d", n, len(v), cap(v))
		}
		for k := range v {
			v[k] = float32(i)
		}
		held = append(held, v)
		if n >= small {
			used += cap(v)
			most = max(most, used)
		}
		if p.size < before {
			reused++
		}
		if p.used != used || p.used+p.size > most {
			t.Fatalf("%d values used and %d kept, of at most %d", p.used, p.size, most)
		}
	}
	if reused < 100 {
		t.Errorf("reused %d buffers", reused)
	}
}
