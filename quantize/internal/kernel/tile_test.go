package kernel

import (
	"testing"
	"unsafe"
)

// Loads of 64 bytes that cross a cache line take twice as long, so everything in a tile begins at one.
func TestTileIsAligned(t *testing.T) {
	tile := NewTile()
	defer tile.Free()
	for name, p := range map[string]unsafe.Pointer{
		"X": unsafe.Pointer(&tile.X), "Importance": unsafe.Pointer(&tile.Importance), "W": unsafe.Pointer(&tile.W), "Codes": unsafe.Pointer(&tile.Codes),
		"Block": unsafe.Pointer(&tile.Block), "Offset": unsafe.Pointer(&tile.Offset), "Offset.Scale": unsafe.Pointer(&tile.Offset.Scale),
		"Signed": unsafe.Pointer(&tile.Signed), "Signed.Scale": unsafe.Pointer(&tile.Signed.Scale), "Positive": unsafe.Pointer(&tile.Positive),
		"Positive.scale": unsafe.Pointer(&tile.Positive.scale), "Scales": unsafe.Pointer(&tile.Scales), "Sums": unsafe.Pointer(&tile.Sums),
	} {
		if uintptr(p)%64 != 0 {
			t.Errorf("%s begins %d bytes after a multiple of 64", name, uintptr(p)%64)
		}
	}
}
