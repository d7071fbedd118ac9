//go:build !purego

package matrix

import "golang.org/x/sys/cpu"

//go:generate env GOOS= GOARCH= go run -C ../../../../../quantize/internal/kernel/_neon . ../../../../runtime/device/cpu/internal/matrix

// tiers lists what this processor runs, plain Go first. Every arm64 has NEON.
func tiers() []tier {
	if cpu.ARM64.HasASIMDDP {
		return []tier{plain, neon, dotprod}
	}
	return []tier{plain, neon}
}

// compiled tells that there are kernels beside plain Go for this architecture.
const compiled = true
