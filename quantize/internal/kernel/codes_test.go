package kernel

import (
	"math"
	"slices"
	"testing"
)

// Chunks cover all blocks, in registers full.
func TestChunks(t *testing.T) {
	for _, groups := range []int{1, 2, 4, 8} {
		for blocks := Lanes / groups; blocks < 300; blocks++ {
			made := make([]bool, blocks)
			for at, n := range Chunks(blocks, groups) {
				if n < 1 || n*groups%Lanes != 0 || n*groups > Chunk {
					t.Fatalf("a chunk of %d blocks of %d groups", n, groups)
				}
				for i := at; i < at+n; i++ {
					made[i] = true
				}
			}
			if slices.Contains(made, false) {
				t.Fatalf("%d blocks of %d groups are not all made", blocks, groups)
			}
		}
	}
}

// With the inverse of every scale that FP4 types have, kernels find the reference's codes next to all borders.
func TestBordersFP4(t *testing.T) {
	var scales []float32
	for e := -126; e < 125; e++ {
		scales = append(scales, float32(math.Ldexp(1, e)))
	}
	for m := 1; m < 16; m++ { // UE4M3
		for e := -13; e < 5; e++ {
			scales = append(scales, float32(math.Ldexp(float64(m), e)))
		}
	}
	for _, tr := range Available()[1:] {
		t.Run(tr.String(), func(t *testing.T) {
			defer Use(Use(tr))
			for _, s := range scales {
				var x [16 * 32]float32
				var inv [16]float32
				for i := range x {
					b := float32(bordersFP4[i/3%7]) * s
					v := []float32{math.Nextafter32(b, 0), b, math.Nextafter32(b, 2*b)}[i%3]
					if i%2 == 1 {
						v = -v
					}
					x[i] = v
				}
				for i := range inv {
					var ok bool
					if inv[i], ok = InverseFP4(s, Largest(x[:])); !ok {
						t.Fatalf("no inverse of %g", s)
					}
				}
				var got [16 * 17]byte
				CodesMXFP4(got[:], x[:], inv[:])
				for i, v := range x {
					c := got[i/32*17+1+i%16] >> (i % 32 / 16 * 4) & 15
					if want := searchFP4(v, s); c != want {
						t.Fatalf("scale %g: %g gets code %d, not %d", s, v, c, want)
					}
				}
			}
		})
	}
}
