package outfile

import (
	"math"
	"math/bits"
	"os"
	"path/filepath"
)

// Free tells how many bytes can still be taken in a directory, or in the nearest one above it that
// exists. known is false where the system does not say.
func Free(dir string) (bytes int64, known bool) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return 0, false
	}
	for {
		if _, err := os.Stat(dir); err == nil {
			_, bytes, known = volume(dir)
			return bytes, known
		}
		up := filepath.Dir(dir)
		if up == dir {
			return 0, false
		}
		dir = up
	}
}

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
