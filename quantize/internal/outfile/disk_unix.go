//go:build linux || darwin || freebsd

package outfile

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

func openFile(path string, how opening) (*os.File, error) {
	flags := unix.O_NOFOLLOW
	switch how {
	case openNew:
		flags |= os.O_RDWR | os.O_CREATE | os.O_EXCL
	case openExisting:
		flags |= os.O_RDWR
	default:
		flags |= os.O_RDONLY
	}
	return os.OpenFile(path, flags, 0o666)
}

// control runs one system call on f's descriptor, again when a signal cuts it short.
func control(f *os.File, call func(fd int) error) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	err = c.Control(func(fd uintptr) {
		for {
			if inner = call(int(fd)); inner != unix.EINTR {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	return inner
}

// lockFile takes the exclusive lock of f, which ends with its descriptor, or with the process.
func lockFile(f *os.File) error {
	err := control(f, func(fd int) error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EWOULDBLOCK):
		return errHeld
	case errors.Is(err, unix.ENOLCK), errors.Is(err, unix.EINVAL), errors.Is(err, errors.ErrUnsupported):
		return fmt.Errorf("%w (%w)", errNoLocks, err)
	}
	return err
}

// syncDirectory makes the names in a directory durable. Some network file systems have no such call.
func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

// writable says why no file can be made in a directory, or why it cannot be synced afterwards.
func writable(dir string) error {
	return unix.Faccessat(unix.AT_FDCWD, dir, unix.R_OK|unix.W_OK|unix.X_OK, unix.AT_EACCESS)
}

// allocated is the space that a file already takes.
func allocated(fi os.FileInfo) int64 {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512
	}
	return 0
}

// volume gives a name for the file system that holds dir, and the bytes that we may still take there.
// ok is false where that cannot be told.
func volume(dir string) (id string, free int64, ok bool) {
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return "", 0, false
	}
	free, ok = freeBytes(dir)
	return fmt.Sprint(st.Dev), free, ok
}

func interrupted(err error) bool { return errors.Is(err, unix.EINTR) }

func noSpace(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

func linkLoop(err error) bool { return errors.Is(err, unix.ELOOP) || errors.Is(err, unix.EMLINK) }
