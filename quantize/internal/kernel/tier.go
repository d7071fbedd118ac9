package kernel

import (
	"os"
	"slices"
)

// Tier is a set of processor instructions that kernels are written for. Plain Go is always there and is the
// reference: every tier gives its bytes.
type Tier uint8

const (
	Plain Tier = iota
	AVX2
	AVX512
	NEON
)

func (t Tier) String() string { return [...]string{"go", "avx2", "avx512", "neon"}[t] }

// tier is what kernels use. It is set once at start, and by tests.
var tier = choose(os.Getenv("QCONV_CPU"))

// choose gives the tier that the environment names, for the reports of bugs, or the best one of the processor.
func choose(name string) Tier {
	if t, ok := ParseTier(name); ok && slices.Contains(Available(), t) {
		return t
	}
	return slices.Max(Available())
}

// Now is the tier in use.
func Now() Tier { return tier }

// Use changes the tier, which must be among Available, and gives the one that was in use. It is not for use while
// kernels run.
func Use(t Tier) (before Tier) {
	before, tier = tier, t
	return before
}

// ParseTier finds a tier by its name.
func ParseTier(name string) (Tier, bool) {
	for t := Plain; t <= NEON; t++ {
		if t.String() == name {
			return t, true
		}
	}
	return Plain, false
}
