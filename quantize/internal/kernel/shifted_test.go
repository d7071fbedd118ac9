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
