//go:build !purego

package kernel

// decode runs a kernel over whole blocks of size bytes with elems values. It reports false where there is no kernel.
func decode(dst []float32, src []byte, elems, size int, avx2, avx512 func(dst *float32, src *byte, blocks int)) bool {
	n := len(src) / size
	if n == 0 || tier == Plain {
		return false
	}
	dst = dst[:n*elems]
	if tier == AVX512 {
		avx512(&dst[0], &src[0], n)
	} else {
		avx2(&dst[0], &src[0], n)
	}
	return true
}

// decodeWith is decode with a table.
func decodeWith[T any](dst []float32, src []byte, table []T, elems, size int, avx2, avx512 func(dst *float32, src *byte, blocks int, table *T)) bool {
	return decode(dst, src, elems, size,
		func(dst *float32, src *byte, blocks int) { avx2(dst, src, blocks, &table[0]) },
		func(dst *float32, src *byte, blocks int) { avx512(dst, src, blocks, &table[0]) })
}

// The functions that follow give the values of whole blocks of a type.

func DecodeQ4_0(dst []float32, src []byte) bool {
	return decode(dst, src, 32, 18, decodeQ4_0AVX2, decodeQ4_0AVX512)
}

func DecodeQ4_1(dst []float32, src []byte) bool {
	return decode(dst, src, 32, 20, decodeQ4_1AVX2, decodeQ4_1AVX512)
}

func DecodeQ5_0(dst []float32, src []byte) bool {
	return decode(dst, src, 32, 22, decodeQ5_0AVX2, decodeQ5_0AVX512)
}

func DecodeQ5_1(dst []float32, src []byte) bool {
	return decode(dst, src, 32, 24, decodeQ5_1AVX2, decodeQ5_1AVX512)
}

func DecodeQ8_0(dst []float32, src []byte) bool {
	return decode(dst, src, 32, 34, decodeQ8_0AVX2, decodeQ8_0AVX512)
}

func DecodeQ2_K(dst []float32, src []byte) bool {
	return decode(dst, src, 256, 84, decodeQ2_KAVX2, decodeQ2_KAVX512)
}

func DecodeQ3_K(dst []float32, src []byte) bool {
	return decode(dst, src, 256, 110, decodeQ3_KAVX2, decodeQ3_KAVX512)
}

func DecodeQ4_K(dst []float32, src []byte) bool {
	return decode(dst, src, 256, 144, decodeQ4_KAVX2, decodeQ4_KAVX512)
}

func DecodeQ5_K(dst []float32, src []byte) bool {
	return decode(dst, src, 256, 176, decodeQ5_KAVX2, decodeQ5_KAVX512)
}

func DecodeQ6_K(dst []float32, src []byte) bool {
	return decode(dst, src, 256, 210, decodeQ6_KAVX2, decodeQ6_KAVX512)
}

func DecodeIQ4_NL(dst []float32, src []byte) bool {
	return decode(dst, src, 32, 18, decodeIQ4_NLAVX2, decodeIQ4_NLAVX512)
}

func DecodeIQ4_XS(dst []float32, src []byte) bool {
	return decode(dst, src, 256, 136, decodeIQ4_XSAVX2, decodeIQ4_XSAVX512)
}

func DecodeTQ1_0(dst []float32, src []byte) bool {
	return decode(dst, src, 256, 54, decodeTQ1_0AVX2, decodeTQ1_0AVX512)
}

func DecodeTQ2_0(dst []float32, src []byte) bool {
	return decode(dst, src, 256, 66, decodeTQ2_0AVX2, decodeTQ2_0AVX512)
}

func DecodeQ1_0(dst []float32, src []byte) bool {
	return decode(dst, src, 128, 18, decodeQ1_0AVX2, decodeQ1_0AVX512)
}

func DecodeQ2_0(dst []float32, src []byte) bool {
	return decode(dst, src, 64, 18, decodeQ2_0AVX2, decodeQ2_0AVX512)
}

// DecodeMXFP4 takes the scales that a byte stands for.
func DecodeMXFP4(dst []float32, src []byte, scales *[256]float32) bool {
	return decodeWith(dst, src, scales[:], 32, 17, decodeMXFP4AVX2, decodeMXFP4AVX512)
}

// DecodeNVFP4 takes the scales that a byte stands for.
func DecodeNVFP4(dst []float32, src []byte, scales *[256]float32) bool {
	return decodeWith(dst, src, scales[:], 64, 36, decodeNVFP4AVX2, decodeNVFP4AVX512)
}

func DecodeIQ2_XXS(dst []float32, src []byte, grid GridTable) bool {
	return decodeWith(dst, src, grid, 256, 66, decodeIQ2_XXSAVX2, decodeIQ2_XXSAVX512)
}

func DecodeIQ2_XS(dst []float32, src []byte, grid GridTable) bool {
	return decodeWith(dst, src, grid, 256, 74, decodeIQ2_XSAVX2, decodeIQ2_XSAVX512)
}

func DecodeIQ2_S(dst []float32, src []byte, grid GridTable) bool {
	return decodeWith(dst, src, grid, 256, 82, decodeIQ2_SAVX2, decodeIQ2_SAVX512)
}

func DecodeIQ3_XXS(dst []float32, src []byte, grid GridTable) bool {
	return decodeWith(dst, src, grid, 256, 98, decodeIQ3_XXSAVX2, decodeIQ3_XXSAVX512)
}

func DecodeIQ3_S(dst []float32, src []byte, grid GridTable) bool {
	return decodeWith(dst, src, grid, 256, 110, decodeIQ3_SAVX2, decodeIQ3_SAVX512)
}

func DecodeIQ1_S(dst []float32, src []byte, grid GridTable) bool {
	return decodeWith(dst, src, grid, 256, 50, decodeIQ1_SAVX2, decodeIQ1_SAVX512)
}

func DecodeIQ1_M(dst []float32, src []byte, grid GridTable) bool {
	return decodeWith(dst, src, grid, 256, 56, decodeIQ1_MAVX2, decodeIQ1_MAVX512)
}
