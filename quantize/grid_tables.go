package quantize

import (
	"sync"

	"github.com/qconv/qconv/quantize/internal/kernel"
)

// Tables for the kernels that decode grids, made when a type is first decoded.
var (
	tableIQ2XXS = sync.OnceValue(func() kernel.GridTable { return kernel.NewGridTable(codesIQ2XXS[:], 2, eighthSign, levelIQ2) })
	tableIQ2XS  = sync.OnceValue(func() kernel.GridTable { return kernel.NewGridTable(codesIQ2XS[:], 2, eighthSign, levelIQ2) })
	tableIQ2S   = sync.OnceValue(func() kernel.GridTable { return kernel.NewGridTable(codesIQ2S[:], 2, allSigns, levelIQ2) })
	tableIQ3XXS = sync.OnceValue(func() kernel.GridTable {
		return kernel.NewGridTable(codesIQ3XXS[:], 3, eighthSign, func(l uint16) int8 { return int8(valuesIQ3XXS[l]) })
	})
	tableIQ3S = sync.OnceValue(func() kernel.GridTable {
		return kernel.NewGridTable(codesIQ3S[:], 3, allSigns, func(l uint16) int8 { return int8(2*l + 1) })
	})
	tableIQ1 = sync.OnceValue(func() kernel.GridTable { // eight times the levels, so that an eighth can be added
		return kernel.NewGridTable(codesIQ1[:], 2, allSigns, func(l uint16) int8 { return 8 * (int8(l) - 1) })
	})
)

// allSigns are those of types that store all eight.
func allSigns(stored uint8) uint8 { return stored }

// levelIQ2 is what a level of the IQ2 types stands for; there is no fourth level.
func levelIQ2(l uint16) int8 { return [4]int8{8, 25, 43}[l] }

// What decodeFast of the types is.
func decodeIQ2XXSFast(dst []float32, src []byte) bool {
	return kernel.DecodeIQ2_XXS(dst, src, tableIQ2XXS())
}
func decodeIQ2XSFast(dst []float32, src []byte) bool {
	return kernel.DecodeIQ2_XS(dst, src, tableIQ2XS())
}
func decodeIQ2SFast(dst []float32, src []byte) bool { return kernel.DecodeIQ2_S(dst, src, tableIQ2S()) }
func decodeIQ3XXSFast(dst []float32, src []byte) bool {
	return kernel.DecodeIQ3_XXS(dst, src, tableIQ3XXS())
}
func decodeIQ3SFast(dst []float32, src []byte) bool { return kernel.DecodeIQ3_S(dst, src, tableIQ3S()) }
func decodeIQ1SFast(dst []float32, src []byte) bool { return kernel.DecodeIQ1_S(dst, src, tableIQ1()) }
func decodeIQ1MFast(dst []float32, src []byte) bool { return kernel.DecodeIQ1_M(dst, src, tableIQ1()) }
