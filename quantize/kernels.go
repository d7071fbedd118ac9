package quantize

import (
	"slices"

	"github.com/qconv/qconv/quantize/internal/kernel"
)

// Kernels names the instructions that encoding and decoding use: go, avx2, avx512 or neon. All give the same bytes. It is the
// best that the processor has, or what the environment variable QCONV_CPU names, for reports of bugs.
func Kernels() string { return kernel.Now().String() }

// AllKernels lists what this processor could use, plain Go first.
func AllKernels() (names []string) {
	for _, t := range slices.Sorted(slices.Values(kernel.Available())) {
		names = append(names, t.String())
	}
	return names
}
