//go:build purego || (!amd64 && !arm64)

package kernel

func spreadFast(dst, src []float32, from *[Lanes]int) bool                  { return false }
func collectFast(dst, src []byte) bool                                      { return false }
func addSquaresFast(sum *Row, x []float32) bool                             { return false }
func squaresFast(w, x []float32) bool                                       { return false }
func weighMagnitudeFast(w, x []float32, mean *Row) bool                     { return false }
func weighImportanceFast(w, x, importance []float32, sigma2, sum *Row) bool { return false }
func requantizeFast(codes []uint8, x []float32, scale, offset *Row, low, high, bias int32) bool {
	return false
}
func (s *SignedSearch) search(x, w []float32, n int) bool               { return false }
func (s *SignedSearch) refine(x []float32, n int) bool                  { return false }
func (s *PositiveSearch) search(x, w []float32, n int, nmax int32) bool { return false }
func (s *OffsetSearch) run(x, w []float32, n int) bool                  { return false }
func codesFast(codes []uint8, x []float32, inverse, from *Row, low, high, bias int32) bool {
	return false
}
func packNibblesFast(dst, low, high []byte) bool                { return false }
func packPairsFast(dst, a, b, c, d []byte, shift uint) bool     { return false }
func packBitsFast(dst, codes []byte, stride int, bit uint) bool { return false }
func peaksFast(top *Row, x []float32) bool                      { return false }
