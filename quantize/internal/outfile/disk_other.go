//go:build !linux && !darwin && !freebsd && !windows

package outfile

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

func openFile(path string, how opening) (*os.File, error) {
	switch how {
	case openNew:
		return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	case openExisting:
		return os.OpenFile(path, os.O_RDWR, 0)
	}
	return os.Open(path)
}

// lockFile cannot be had on this system: the caller has to say that no other run writes here.
func lockFile(*os.File) error { return fmt.Errorf("%w on this system", errNoLocks) }

func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}

// writable is not told beforehand here; Begin finds out.
func writable(string) error { return nil }

func allocated(os.FileInfo) int64 { return 0 }

func volume(string) (id string, free int64, ok bool) { return "", 0, false }

func interrupted(err error) bool { return errors.Is(err, syscall.EINTR) }

func noSpace(err error) bool { return errors.Is(err, syscall.ENOSPC) }

func linkLoop(err error) bool { return errors.Is(err, syscall.ELOOP) }
