// Package kerneltest runs one test body on every set of instructions that this machine has, and makes buffers whose
// neighbours cannot be touched.
package kerneltest

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/qconv/qconv/quantize/internal/kernel"
)

// Each runs f on every tier, plain Go included, as a subtest. A tier that the processor must have but that is not
// offered fails the test instead of going unnoticed.
func Each(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	for _, tier := range expected() {
		if !slices.Contains(kernel.Available(), tier) {
			t.Errorf("this machine has %v, the kernels do not offer it", tier)
		}
	}
	for _, tier := range kernel.Available() {
		t.Run(tier.String(), func(t *testing.T) {
			defer kernel.Use(kernel.Use(tier))
			f(t)
		})
	}
}

// EachBench is Each for benchmarks.
func EachBench(b *testing.B, f func(b *testing.B)) {
	for _, tier := range kernel.Available() {
		b.Run(tier.String(), func(b *testing.B) {
			defer kernel.Use(kernel.Use(tier))
			f(b)
		})
	}
}

// expected tells from sources other than the kernels' own detection which tiers there must be: what QCONV_CPU names,
// and what Linux says of the processor.
func expected() (tiers []kernel.Tier) {
	if name := os.Getenv("QCONV_CPU"); name != "" {
		if t, ok := kernel.ParseTier(name); ok {
			tiers = append(tiers, t)
		}
	}
	if !kernel.Compiled {
		return tiers
	}
	if runtime.GOARCH == "arm64" {
		return append(tiers, kernel.NEON)
	}
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil || runtime.GOARCH != "amd64" {
		return tiers
	}
	for line := range strings.Lines(string(b)) {
		name, flags, _ := strings.Cut(line, ":")
		if strings.TrimSpace(name) != "flags" {
			continue
		}
		has := func(names ...string) bool {
			for _, n := range names {
				if !slices.Contains(strings.Fields(flags), n) {
					return false
				}
			}
			return true
		}
		if has("avx2", "f16c") {
			tiers = append(tiers, kernel.AVX2)
		}
		if has("avx2", "f16c", "avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512vbmi") {
			tiers = append(tiers, kernel.AVX512)
		}
		break
	}
	return tiers
}
