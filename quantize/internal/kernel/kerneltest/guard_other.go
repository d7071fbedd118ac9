//go:build !unix

package kerneltest

import "testing"

// Guarded gives n bytes; this system has no guard pages that tests could use.
func Guarded(_ testing.TB, n int, _ bool) []byte { return make([]byte, n) }
