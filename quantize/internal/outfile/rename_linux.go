package outfile

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// renameFile moves a name. Without replace it fails where the new name exists, in one step with the
// move where the file system can do that.
func renameFile(from, to string, replace bool) error {
	if replace {
		return os.Rename(from, to)
	}
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, errors.ErrUnsupported):
		return linkFile(from, to)
	}
	return &os.LinkError{Op: "renameat2", Old: from, New: to, Err: err}
}
