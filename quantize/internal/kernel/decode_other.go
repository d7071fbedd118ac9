//go:build purego || (!amd64 && !arm64)

package kernel

func DecodeQ4_0(dst []float32, src []byte) bool                        { return false }
func DecodeQ4_1(dst []float32, src []byte) bool                        { return false }
func DecodeQ5_0(dst []float32, src []byte) bool                        { return false }
func DecodeQ5_1(dst []float32, src []byte) bool                        { return false }
func DecodeQ8_0(dst []float32, src []byte) bool                        { return false }
func DecodeQ2_K(dst []float32, src []byte) bool                        { return false }
func DecodeQ3_K(dst []float32, src []byte) bool                        { return false }
func DecodeQ4_K(dst []float32, src []byte) bool                        { return false }
func DecodeQ5_K(dst []float32, src []byte) bool                        { return false }
func DecodeQ6_K(dst []float32, src []byte) bool                        { return false }
func DecodeIQ4_NL(dst []float32, src []byte) bool                      { return false }
func DecodeIQ4_XS(dst []float32, src []byte) bool                      { return false }
func DecodeTQ1_0(dst []float32, src []byte) bool                       { return false }
func DecodeTQ2_0(dst []float32, src []byte) bool                       { return false }
func DecodeQ1_0(dst []float32, src []byte) bool                        { return false }
func DecodeQ2_0(dst []float32, src []byte) bool                        { return false }
func DecodeMXFP4(dst []float32, src []byte, scales *[256]float32) bool { return false }
func DecodeNVFP4(dst []float32, src []byte, scales *[256]float32) bool { return false }
func DecodeIQ2_XXS(dst []float32, src []byte, grid GridTable) bool     { return false }
func DecodeIQ2_XS(dst []float32, src []byte, grid GridTable) bool      { return false }
func DecodeIQ2_S(dst []float32, src []byte, grid GridTable) bool       { return false }
func DecodeIQ3_XXS(dst []float32, src []byte, grid GridTable) bool     { return false }
func DecodeIQ3_S(dst []float32, src []byte, grid GridTable) bool       { return false }
func DecodeIQ1_S(dst []float32, src []byte, grid GridTable) bool       { return false }
func DecodeIQ1_M(dst []float32, src []byte, grid GridTable) bool       { return false }
