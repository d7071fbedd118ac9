package kernel

// GridTable is what kernels look up to decode types that store numbers of points: 256 patterns of eight signs, each
// sign a byte 1 or -1, and then the points, each eight signed bytes of which types with four values a point use four.
type GridTable []uint64

// NewGridTable makes a table. signs gives the pattern, first value in bit 0, that a stored one stands for. Of each code
// of codes has eight levels of two bits or four of three, and value gives what a level stands for.
func NewGridTable(codes []uint16, bits uint, signs func(stored uint8) uint8, value func(level uint16) int8) GridTable {
	n := uint(8)
	if bits == 3 {
		n = 4
	}
	t := make(GridTable, 0, 256+len(codes))
	for s := range 256 {
		var b uint64
		for i, negative := 0, signs(uint8(s)); i < 8; i++ {
			b |= uint64(uint8(1-int8(negative>>i&1<<1))) << (8 * i)
		}
		t = append(t, b)
	}
	for _, c := range codes {
		var b uint64
		for i := range n {
			b |= uint64(uint8(value(c>>(bits*i)&(1<<bits-1)))) << (8 * i)
		}
		t = append(t, b)
	}
	return t
}
