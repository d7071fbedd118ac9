//go:build !linux && !darwin && !windows

package cpu

// Memory is not known here.
func Memory() int64 { return 0 }
