package kernel_test

import (
	"testing"

	"github.com/qconv/qconv/quantize/internal/kernel"
	"github.com/qconv/qconv/quantize/internal/kernel/kerneltest"
)

func TestShiftedSearch(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T) {
		var s kernel.ShiftedSearch
		for n := 16; n <= 32; n += 16 {
			tiles(300, n, func(x, w []float32) {
				if n == 32 {
					s.Search(x, w)
				} else {
					s.SearchHalves(x, w)
				}
				for l := range kernel.Lanes {
					var codes, want [4]uint16
					scale, shift, ok := s.Found(codes[:n/8], l)
					xl := lane(x, l, n)
					if s.Largest[l] != kernel.Largest(xl) {
						t.Fatalf("largest of %v is %v", xl, s.Largest[l])
					}
					wantScale, wantShift, wantOk := float32(0), 0, false
					if n == 32 {
						wantScale, wantShift, wantOk = kernel.SearchShifted(&want, xl, lane(w, l, n))
					} else {
						wantScale, wantShift, wantOk = kernel.SearchShiftedHalves((*[2]uint16)(want[:]), xl, lane(w, l, n))
					}
					if ok != wantOk || ok && (codes != want || shift != wantShift || !same(scale, wantScale)) {
						t.Fatalf("%v, weights %v:\n%x %v %d %v, want %x %v %d %v", xl, lane(w, l, n), codes, scale, shift, ok, want, wantScale, wantShift, wantOk)
					}
				}
			})
		}
	})
}

// The sums go on from what they were, and each code has its own shift and each lane its factor.
func TestFitShiftedRows(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T) {
		tiles(100, 32, func(x, w []float32) {
			var codes [4][kernel.Lanes]uint32
			var factor kernel.Row
			var sums, want [2]kernel.Row
			for l := range kernel.Lanes {
				factor[l] = float32(2*l + 1)
				sums[0][l], sums[1][l] = x[l], w[l]
				want[0][l], want[1][l] = x[l], w[l]
				for k := range codes {
					shift := uint32(l+k) % 2
					codes[k][l] = shift << kernel.ShiftBit
					for i := range 8 {
						level := uint32(i+k*l) % 3
						codes[k][l] |= level << (2 * i)
						at := kernel.Lanes*(8*k+i) + l
						q := kernel.LevelsIQ1[shift][level] * factor[l]
						wq := w[at] * q
						want[0][l] += float32(wq * x[at])
						want[1][l] += float32(wq * q)
					}
				}
			}
			kernel.FitShiftedRows(&sums, x, w, codes[:], &factor)
			for l := range kernel.Lanes {
				if !same(sums[0][l], want[0][l]) || !same(sums[1][l], want[1][l]) {
					t.Fatalf("lane %d: sums %v and %v, want %v and %v", l, sums[0][l], sums[1][l], want[0][l], want[1][l])
				}
			}
		})
	})
}
