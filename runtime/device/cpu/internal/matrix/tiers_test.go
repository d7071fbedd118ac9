package matrix

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// expectedTiers tells by what Linux says of the processor, not by the package's own detection, which tiers there must be.
func expectedTiers(t *testing.T) (names []string) {
	b, err := os.ReadFile("/proc/cpuinfo")
	if !compiled {
		return nil
	}
	if runtime.GOARCH == "arm64" {
		names = append(names, "neon")
	}
	if err != nil {
		return names
	}
	for line := range strings.Lines(string(b)) {
		name, list, _ := strings.Cut(line, ":")
		if strings.TrimSpace(name) == "Features" && slices.Contains(strings.Fields(list), "asimddp") {
			names = append(names, "dotprod")
			break
		}
		if strings.TrimSpace(name) != "flags" || runtime.GOARCH != "amd64" {
			continue
		}
		flags := strings.Fields(list)
		has := func(names ...string) bool {
			return !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(flags, n) })
		}
		if has("avx2", "fma", "f16c") {
			names = append(names, "avx2")
			if has("avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512_vnni") {
				names = append(names, "avx512")
			}
		}
		break
	}
	return names
}
