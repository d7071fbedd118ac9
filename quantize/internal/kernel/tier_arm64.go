//go:build !purego

package kernel

// Compiled tells that there are kernels beside plain Go for this architecture.
const Compiled = true

//go:generate env GOOS= GOARCH= go run -C _neon .

// Available lists the tiers that this processor runs, plain Go first. Every arm64 has NEON.
func Available() []Tier { return []Tier{Plain, NEON} }
