//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

// Compiled tells that there are kernels beside plain Go for this architecture.
const Compiled = true

//go:generate go run -C _asm .

// Available lists the tiers that this processor runs, plain Go first.
func Available() []Tier {
	t := []Tier{Plain}
	if cpu.X86.HasAVX2 && cpu.X86.HasF16C {
		t = append(t, AVX2)
	}
	if cpu.X86.HasAVX2 && cpu.X86.HasF16C && cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VBMI {
		t = append(t, AVX512)
	}
	return t
}
