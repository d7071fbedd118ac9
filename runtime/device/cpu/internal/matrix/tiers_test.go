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
	if err != nil || runtime.GOARCH != "amd64" || !compiled {
		return nil
	}
	for line := range strings.Lines(string(b)) {
		name, list, _ := strings.Cut(line, ":")
		if strings.TrimSpace(name) != "flags" {
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
