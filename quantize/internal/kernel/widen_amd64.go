//go:build !purego

package kernel

import "unsafe"

const (
	streamValues = 32
	scanBytes    = 128
)

// whole is how many of n values, or bytes, kernels do that take step at a time.
func whole(n, step int) int {
	if tier == Plain {
		return 0
	}
	return n / step * step
}

// stream runs a kernel over n values, rounded down to what it takes, and gives how many these were.
func stream[D, S any](dst []D, src []S, n int, avx2, avx512 func(dst *D, src *S, n int)) int {
	n = whole(n, streamValues)
	switch {
	case n == 0:
	case tier == AVX512:
		avx512(&dst[0], &src[0], n)
	default:
		avx2(&dst[0], &src[0], n)
	}
	return n
}

func copyF32(dst, src []byte) int {
	return stream(dst, src, min(len(dst), len(src))/4, copyF32AVX2, copyF32AVX512)
}

func widenBF16(dst []float32, src []byte) int {
	return stream(dst, src, len(dst), widenBF16AVX2, widenBF16AVX512)
}

func widenF16(dst []float32, src []byte) int {
	return stream(dst, src, len(dst), widenF16AVX2, widenF16AVX512)
}

func narrowF64(dst []float32, src []byte) int {
	return stream(dst, src, len(dst), narrowF64AVX2, narrowF64AVX512)
}

func roundF16(dst []byte, src []float32) int {
	return stream(dst, src, len(src), roundF16AVX2, roundF16AVX512)
}

func roundBF16(dst []byte, src []float32) int {
	return stream(dst, src, len(src), roundBF16AVX2, roundBF16AVX512)
}

func widenE4M3(dst []float32, src []byte) int {
	return stream(dst, src, len(dst), widenE4M3AVX2, widenE4M3AVX512)
}

func widenE5M2(dst []float32, src []byte) int {
	return stream(dst, src, len(dst), widenE5M2AVX2, widenE5M2AVX512)
}

func scaleE4M3(dst []float32, src []byte, scale float32) int {
	n := whole(len(dst), streamValues)
	switch {
	case n == 0:
	case tier == AVX512:
		scaleE4M3AVX512(&dst[0], &src[0], n, scale)
	default:
		scaleE4M3AVX2(&dst[0], &src[0], n, scale)
	}
	return n
}

func scaleE5M2(dst []float32, src []byte, scale float32) int {
	n := whole(len(dst), streamValues)
	switch {
	case n == 0:
	case tier == AVX512:
		scaleE5M2AVX512(&dst[0], &src[0], n, scale)
	default:
		scaleE5M2AVX2(&dst[0], &src[0], n, scale)
	}
	return n
}

func within32(x []byte, most uint32) int {
	n := whole(len(x), scanBytes)
	switch {
	case n == 0:
		return 0
	case tier == AVX512:
		return scanF32AVX512(&x[0], n, int(most))
	}
	return scanF32AVX2(&x[0], n, int(most))
}

func within16(x []byte, most uint16) int {
	n := whole(len(x), scanBytes)
	switch {
	case n == 0:
		return 0
	case tier == AVX512:
		return scan16AVX512(&x[0], n, int(most))
	}
	return scan16AVX2(&x[0], n, int(most))
}

// bytesOf sees float32 as the bytes that they are in memory, which on this architecture are those of files.
func bytesOf(x []float32) []byte {
	if len(x) == 0 || tier == Plain {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), 4*len(x))
}
