//go:build !linux

package cpu

func inHugePages([]byte) {}
