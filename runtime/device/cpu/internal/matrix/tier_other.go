//go:build purego || !(amd64 || arm64)

package matrix

// tiers lists what this processor runs: plain Go only.
func tiers() []tier { return []tier{plain} }

// compiled tells that there are kernels beside plain Go for this architecture.
const compiled = false
