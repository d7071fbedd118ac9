//go:build unix

package kerneltest

import (
	"testing"

	"golang.org/x/sys/unix"
)

// Guarded gives n bytes that end (or begin, if front) exactly at a page that cannot be read or written: one byte too
// far ends the process.
func Guarded(t testing.TB, n int, front bool) []byte {
	page := unix.Getpagesize()
	size := (n + page - 1) / page * page
	m, err := unix.Mmap(-1, 0, size+2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(m) })
	for _, guard := range [][]byte{m[:page], m[page+size:]} {
		if err := unix.Mprotect(guard, unix.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	if front {
		return m[page:][:n:n]
	}
	return m[page+size-n:][:n:n]
}
