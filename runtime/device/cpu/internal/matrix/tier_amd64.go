//go:build !purego

package matrix

import "golang.org/x/sys/cpu"

//go:generate go run -C _asm .

// tiers lists what this processor runs, plain Go first. AVX-512 without VNNI counts as AVX2: it would save nothing but
// loads.
func tiers() []tier {
	t := []tier{plain}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA && cpu.X86.HasF16C {
		t = append(t, avx2)
	}
	if len(t) == 2 && cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VNNI {
		t = append(t, avx512)
	}
	return t
}

// compiled tells that there are kernels beside plain Go for this architecture.
const compiled = true
