//go:build !purego

package kernel

// decode runs a kernel over whole blocks of size bytes with elems values. It reports false where there is no kernel.
func decode(dst []float32, src []byte, elems, size int, kernel func(dst *float32, src *byte, blocks int)) bool {
	n := len(src) / size
	if n == 0 || tier == Plain {
		return false
	}
	dst = dst[:n*elems]
	kernel(&dst[0], &src[0], n)
	return true
}

// decodeWith is decode with a table.
func decodeWith[T any](dst []float32, src []byte, table []T, elems, size int, kernel func(dst *float32, src *byte, blocks int, table *T)) bool {
	return decode(dst, src, elems, size, func(dst *float32, src *byte, blocks int) { kernel(dst, src, blocks, &table[0]) })
}

// The functions that follow give the values of whole blocks of a type.

func DecodeQ4_0(dst []float32, src []byte) bool {
	return decode(dst, src, 32, 18, decodeQ4_0NEON)
}

func DecodeQ4_1(dst []float32, src []byte) bool {
	return decode(dst, src, 32, 20, decodeQ4_1NEON)
}

func DecodeQ5_0(dst []float32, src []byte) bool {
	return decode(dst, src, 32, 22, decodeQ5_0NEON)
}

func DecodeQ5_1(dst []float32, src []byte) bool {
	return decode(dst, src, 32, 24, decodeQ5_1NEON)
}

func DecodeQ8_0(dst []float32, src []byte) bool {
	return decode(dst, src, 32, 34, decodeQ8_0NEON)
}

func DecodeQ2_K(dst []float32, src []byte) bool {
	return decode(dst, src, 256, 84, decodeQ2_KNEON)
}

func DecodeQ3_K(dst []float32, src []byte) bool {
	return decode(dst, src, 256, 110, decodeQ3_KNEON)
}

func DecodeQ4_K(dst []float32, src []byte) bool {
	return decode(dst, src, 256, 144, decodeQ4_KNEON)
}

func DecodeQ5_K(dst []float32, src []byte) bool {
	return decode(dst, src, 256, 176, decodeQ5_KNEON)
}

func DecodeQ6_K(dst []float32, src []byte) bool {
	return decode(dst, src, 256, 210, decodeQ6_KNEON)
}

func DecodeIQ4_NL(dst []float32, src []byte) bool {
	return decode(dst, src, 32, 18, decodeIQ4_NLNEON)
}

func DecodeIQ4_XS(dst []float32, src []byte) bool {
	return decode(dst, src, 256, 136, decodeIQ4_XSNEON)
}

func DecodeTQ1_0(dst []float32, src []byte) bool {
	return decode(dst, src, 256, 54, decodeTQ1_0NEON)
}

func DecodeTQ2_0(dst []float32, src []byte) bool {
	return decode(dst, src, 256, 66, decodeTQ2_0NEON)
}

func DecodeQ1_0(dst []float32, src []byte) bool {
	return decode(dst, src, 128, 18, decodeQ1_0NEON)
}

func DecodeQ2_0(dst []float32, src []byte) bool {
	return decode(dst, src, 64, 18, decodeQ2_0NEON)
}

// DecodeMXFP4 takes the scales that a byte stands for.
func DecodeMXFP4(dst []float32, src []byte, scales *[256]float32) bool {
	return decodeWith(dst, src, scales[:], 32, 17, decodeMXFP4NEON)
}

// DecodeNVFP4 takes the scales that a byte stands for.
func DecodeNVFP4(dst []float32, src []byte, scales *[256]float32) bool {
	return decodeWith(dst, src, scales[:], 64, 36, decodeNVFP4NEON)
}

func DecodeIQ2_XXS(dst []float32, src []byte, grid GridTable) bool {
	return decodeWith(dst, src, grid, 256, 66, decodeIQ2_XXSNEON)
}

func DecodeIQ2_XS(dst []float32, src []byte, grid GridTable) bool {
	return decodeWith(dst, src, grid, 256, 74, decodeIQ2_XSNEON)
}

func DecodeIQ2_S(dst []float32, src []byte, grid GridTable) bool {
	return decodeWith(dst, src, grid, 256, 82, decodeIQ2_SNEON)
}

func DecodeIQ3_XXS(dst []float32, src []byte, grid GridTable) bool {
	return decodeWith(dst, src, grid, 256, 98, decodeIQ3_XXSNEON)
}

func DecodeIQ3_S(dst []float32, src []byte, grid GridTable) bool {
	return decodeWith(dst, src, grid, 256, 110, decodeIQ3_SNEON)
}

func DecodeIQ1_S(dst []float32, src []byte, grid GridTable) bool {
	return decodeWith(dst, src, grid, 256, 50, decodeIQ1_SNEON)
}

func DecodeIQ1_M(dst []float32, src []byte, grid GridTable) bool {
	return decodeWith(dst, src, grid, 256, 56, decodeIQ1_MNEON)
}
