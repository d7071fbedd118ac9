//go:build purego || !amd64

package kernel

// These report that there is no kernel.
func EncodeQ4_0(dst []byte, src []float32) bool { return false }
func EncodeQ4_1(dst []byte, src []float32) bool { return false }
func EncodeQ5_0(dst []byte, src []float32) bool { return false }
func EncodeQ5_1(dst []byte, src []float32) bool { return false }
func EncodeQ8_0(dst []byte, src []float32) bool { return false }
