//go:build unix

package matrix

import (
	"testing"

	"golang.org/x/sys/unix"
)

// guarded copies b to where it ends (or begins, if front) at a page that cannot be read.
func guarded(t *testing.T, b []byte, front bool) []byte {
	page := unix.Getpagesize()
	size := (len(b) + page - 1) / page * page
	m, err := unix.Mmap(-1, 0, size+2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(m) })
	at := page
	if !front {
		at += size - len(b)
	}
	copy(m[at:], b)
	for _, guard := range [][]byte{m[:page], m[page+size:]} {
		if err := unix.Mprotect(guard, unix.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	return m[at:][:len(b):len(b)]
}
