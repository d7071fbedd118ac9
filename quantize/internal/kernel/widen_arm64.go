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
func stream[D, S any](dst []D, src []S, n int, kernel func(dst *D, src *S, n int)) int {
	n = whole(n, streamValues)
	if n > 0 {
		kernel(&dst[0], &src[0], n)
	}
	return n
}

func copyF32(dst, src []byte) int {
	return stream(dst, src, min(len(dst), len(src))/4, copyF32NEON)
}

func widenBF16(dst []float32, src []byte) int {
	return stream(dst, src, len(dst), widenBF16NEON)
}

func widenF16(dst []float32, src []byte) int {
	return stream(dst, src, len(dst), widenF16NEON)
}

func narrowF64(dst []float32, src []byte) int {
	return stream(dst, src, len(dst), narrowF64NEON)
}

func roundF16(dst []byte, src []float32) int {
	return stream(dst, src, len(src), roundF16NEON)
}

func roundBF16(dst []byte, src []float32) int {
	return stream(dst, src, len(src), roundBF16NEON)
}

func widenE4M3(dst []float32, src []byte) int {
	return stream(dst, src, len(dst), widenE4M3NEON)
}

func widenE5M2(dst []float32, src []byte) int {
	return stream(dst, src, len(dst), widenE5M2NEON)
}

func scaleE4M3(dst []float32, src []byte, scale float32) int {
	n := whole(len(dst), streamValues)
	if n > 0 {
		scaleE4M3NEON(&dst[0], &src[0], n, scale)
	}
	return n
}

func scaleE5M2(dst []float32, src []byte, scale float32) int {
	n := whole(len(dst), streamValues)
	if n > 0 {
		scaleE5M2NEON(&dst[0], &src[0], n, scale)
	}
	return n
}

func within32(x []byte, most uint32) (done int) {
	if n := whole(len(x), scanBytes); n > 0 {
		scanF32NEON(&done, &x[0], n, int(most))
	}
	return done
}

func within16(x []byte, most uint16) (done int) {
	if n := whole(len(x), scanBytes); n > 0 {
		scan16NEON(&done, &x[0], n, int(most))
	}
	return done
}

// bytesOf sees float32 as the bytes that they are in memory, which on this architecture are those of files.
func bytesOf(x []float32) []byte {
	if len(x) == 0 || tier == Plain {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), 4*len(x))
}
