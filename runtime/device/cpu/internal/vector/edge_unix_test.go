//go:build unix

package vector

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// edges are memory that ends at pages that cannot be touched, of which a test uses a few at a time.
var edges = make([][]byte, 8)

var edge int

// atEdge gives n values that end at such a page.
func atEdge(n int) []float32 {
	const size = 1 << 18
	edge = (edge + 1) % len(edges)
	if edges[edge] == nil {
		m, err := unix.Mmap(-1, 0, size+unix.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err == nil {
			err = unix.Mprotect(m[size:], unix.PROT_NONE)
		}
		if err != nil {
			panic(err)
		}
		edges[edge] = m[:size]
	}
	b := edges[edge][size-4*n:]
	return unsafe.Slice((*float32)(unsafe.Pointer(&b[0])), n)
}
