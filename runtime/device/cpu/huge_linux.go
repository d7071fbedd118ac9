package cpu

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// inHugePages asks for pages of 2 MiB where whole ones fit: products with one vector go through all weights for every
// token, and with pages of 4 KiB each would have to be looked up. It is a wish; what comes of it shows in speed only.
func inHugePages(b []byte) {
	const page = 2 << 20
	if len(b) < 2*page {
		return
	}
	first := -uintptr(unsafe.Pointer(&b[0])) % page
	b = b[first:]
	_ = unix.Madvise(b[:len(b)/page*page], unix.MADV_HUGEPAGE)
}
