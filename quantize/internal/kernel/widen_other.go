//go:build purego || (!amd64 && !arm64)

package kernel

func widenBF16(dst []float32, src []byte) int                { return 0 }
func widenF16(dst []float32, src []byte) int                 { return 0 }
func narrowF64(dst []float32, src []byte) int                { return 0 }
func roundF16(dst []byte, src []float32) int                 { return 0 }
func roundBF16(dst []byte, src []float32) int                { return 0 }
func widenE4M3(dst []float32, src []byte) int                { return 0 }
func widenE5M2(dst []float32, src []byte) int                { return 0 }
func scaleE4M3(dst []float32, src []byte, scale float32) int { return 0 }
func scaleE5M2(dst []float32, src []byte, scale float32) int { return 0 }
func within32(x []byte, most uint32) int                     { return 0 }
func within16(x []byte, most uint16) int                     { return 0 }
func copyF32(dst, src []byte) int                            { return 0 }
func bytesOf(x []float32) []byte                             { return nil }
