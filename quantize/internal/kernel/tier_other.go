//go:build purego || (!amd64 && !arm64)

package kernel

// Available lists the tiers that this processor runs: plain Go only.
func Available() []Tier { return []Tier{Plain} }

// Compiled tells that there are kernels beside plain Go for this architecture.
const Compiled = false
