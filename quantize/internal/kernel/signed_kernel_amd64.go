//go:build !purego

package kernel

func (s *SignedSearch) search(x, w []float32, n int) {
	if tier == AVX512 {
		searchSignedAVX512(&x[0], &w[0], &s.wx[0], n, &s.factors[0], float32(s.nmax), &s.Scale[0])
		return
	}
	searchSignedAVX2(&x[0], &w[0], &s.wx[0], n, &s.factors[0], float32(s.nmax), &s.Scale[0])
}

func (s *SignedSearch) refine(x []float32, n int) {
	if tier == AVX512 {
		refineSignedAVX512(&x[0], &s.squares[0], &s.wx[0], &s.codes[0], n, float32(s.nmax), &s.Scale[0])
		return
	}
	refineSignedAVX2(&x[0], &s.squares[0], &s.wx[0], &s.codes[0], n, float32(s.nmax), &s.Scale[0])
}
