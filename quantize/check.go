package quantize

import "fmt"

// checkScales refuses a row with a half-precision scale that is infinite or NaN. at holds the scales'
// offsets in a block of size bytes, which stands for elems columns.
func checkScales(row []byte, size, elems int, at ...int) error {
	if len(row)%size != 0 {
		return fmt.Errorf("%d bytes are no whole blocks of %d", len(row), size)
	}
	for b := 0; b < len(row); b += size {
		for _, o := range at {
			if get16(row[b+o:])&0x7c00 == 0x7c00 {
				col := b / size * elems
				return fmt.Errorf("the scale of columns %d to %d is %v", col, col+elems-1, getF16(row[b+o:]))
			}
		}
	}
	return nil
}
