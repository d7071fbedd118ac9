//go:build purego || !(amd64 || arm64)

package matrix

// Without kernels there is only plain Go, which needs neither tiles nor lanes.

func (a *Activations) round(r *record, x []float32) { a.roundPlain(r, x) }

func (s *Scratch) multiplyInts(dst []float32, stride int, a *Activations, w *Weight, row0, row1 int) {
	s.multiplyPlain(dst, stride, a, w, row0, row1)
}

func widen(_ tier, f *format, dst []float32, src []byte) { f.widen(dst, src) }

func streamRows([]float32, *Activations, *Weight, int) int { return 0 }

func floatProduct(sums []float32, rows *[floatRows * chunk]float32, a *Activations, c, steps int) {
	floatProductPlain(sums, rows, a, c, steps)
}

func foldSums(_ tier, dst, sums []float32) { foldSumsPlain(dst, sums) }

// lanes are what kernels need.
type lanes struct{}
