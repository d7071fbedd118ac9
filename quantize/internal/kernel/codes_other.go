//go:build purego || (!amd64 && !arm64)

package kernel

// There are no kernels for these here: Chunked is false, so nobody calls them.

func EncodeQ4_0(dst []byte, src []float32) bool { return false }
func EncodeQ4_1(dst []byte, src []float32) bool { return false }
func EncodeQ5_0(dst []byte, src []float32) bool { return false }
func EncodeQ5_1(dst []byte, src []float32) bool { return false }
func EncodeQ8_0(dst []byte, src []float32) bool { return false }

func LargestEach(top, x []float32, size int)      { noKernel() }
func CodesMXFP4(dst []byte, x, inverse []float32) { noKernel() }
func CodesNVFP4(dst []byte, x, inverse []float32) { noKernel() }
func CodesTQ1_0(dst []byte, x, inverse []float32) { noKernel() }
func CodesTQ2_0(dst []byte, x, inverse []float32) { noKernel() }
func CodesQ2_0(dst []byte, x, inverse []float32)  { noKernel() }
func SignsQ1_0(dst []byte, x []float32, n int)    { noKernel() }
func SumMagnitudes(sum *Row, x []float32)         { noKernel() }

func noKernel() { panic("kernel: none for this processor") }
