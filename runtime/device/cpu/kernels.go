package cpu

import (
	"os"

	"github.com/qconv/qconv/runtime/device/cpu/internal/matrix"
	"github.com/qconv/qconv/runtime/device/cpu/internal/vector"
)

// The environment variable QCONV_CPU names the instructions to use, as for quantizers; the command refuses names that the
// processor does not have.
var _ = Use(os.Getenv("QCONV_CPU"))

// Kernels names the instructions that operations use: go, avx2, avx512, neon or dotprod. It is the best that the processor has, or what
// the environment variable QCONV_CPU names, for reports of bugs.
func Kernels() string { return vector.Kernels() }

// AllKernels lists what this processor could use, plain Go first.
func AllKernels() []string { return vector.AllKernels() }

// Use chooses instructions by a name of AllKernels, for all devices. It is not for use while operations run.
func Use(name string) error {
	if err := vector.Use(name); err != nil {
		return err
	}
	return matrix.Use(name)
}
