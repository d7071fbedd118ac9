package outfile

import (
	"math"
	"math/bits"
	"os"
)

// growFile makes f at least size bytes long; new bytes read as zero.
func growFile(f *os.File, size int64) error {
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	if fi.Size() >= size {
		return nil
	}
	return f.Truncate(size)
}

// saturate is blocks*unit, at most the largest int64; false where the file system gave nonsense.
func saturate(blocks uint64, unit int64) (int64, bool) {
	if unit <= 0 {
		return 0, false
	}
	hi, lo := bits.Mul64(blocks, uint64(unit))
	if hi != 0 || lo > math.MaxInt64 {
		return math.MaxInt64, true
	}
	return int64(lo), true
}
