//go:build !unix

package vector

// atEdge gives n values; this system has no guard pages that tests could use.
func atEdge(n int) []float32 { return make([]float32, n) }
