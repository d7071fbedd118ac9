package outfile

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// reserveFile makes f size bytes long and takes the blocks for them, so that a full disk shows before
// the work. A file system without that call only gets the length.
func reserveFile(f *os.File, size int64) error {
	err := control(f, func(fd int) error { return unix.Fallocate(fd, 0, 0, size) })
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, unix.ENODEV) {
		return growFile(f, size)
	}
	return err
}

func freeBytes(dir string) (int64, bool) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, false
	}
	unit := int64(st.Frsize)
	if unit <= 0 {
		unit = int64(st.Bsize)
	}
	return saturate(st.Bavail, unit)
}
