package quantize

import (
	"slices"

	"github.com/qconv/qconv/formats/gguf"
)

// Points gives the points of the IQ types whose blocks store numbers of points: the levels of a point are packed from
// the lowest bits on, eight of two bits (IQ1, IQ2) or four of three bits (IQ3). It is nil for other types. What a level
// stands for is said at the type. The slice is the caller's.
func Points(t gguf.Type) []uint16 {
	switch t {
	case gguf.TypeIQ1_S, gguf.TypeIQ1_M:
		return slices.Clone(codesIQ1[:])
	case gguf.TypeIQ2_XXS:
		return slices.Clone(codesIQ2XXS[:])
	case gguf.TypeIQ2_XS:
		return slices.Clone(codesIQ2XS[:])
	case gguf.TypeIQ2_S:
		return slices.Clone(codesIQ2S[:])
	case gguf.TypeIQ3_XXS:
		return slices.Clone(codesIQ3XXS[:])
	case gguf.TypeIQ3_S:
		return slices.Clone(codesIQ3S[:])
	}
	return nil
}
