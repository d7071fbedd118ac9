package outfile

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// openFile lets others rename and remove the file while it is open, as the protocol does itself, and
// opens a link rather than what it points to.
func openFile(path string, how opening) (*os.File, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	access, mode := uint32(windows.GENERIC_READ|windows.GENERIC_WRITE), uint32(windows.OPEN_EXISTING)
	switch how {
	case openNew:
		mode = windows.CREATE_NEW
	case openRead:
		access = windows.GENERIC_READ
	}
	h, err := windows.CreateFile(name, access,
		windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, nil, mode,
		windows.FILE_ATTRIBUTE_NORMAL|windows.FILE_FLAG_OPEN_REPARSE_POINT, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(h), path), nil
}

// lockFile takes the exclusive lock of f. Locks here forbid access to the locked bytes, so the byte is
// one that no file has.
func lockFile(f *os.File) error {
	at := &windows.Overlapped{Offset: math.MaxUint32 - 1, OffsetHigh: math.MaxInt32}
	err := windows.LockFileEx(windows.Handle(f.Fd()),
		windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, at)
	switch err {
	case windows.ERROR_LOCK_VIOLATION, windows.ERROR_IO_PENDING:
		return errHeld
	case windows.ERROR_INVALID_FUNCTION, windows.ERROR_NOT_SUPPORTED:
		return fmt.Errorf("%w (%w)", errNoLocks, err)
	}
	return err
}

// renameFile moves a name and waits until the move is on the disk.
func renameFile(from, to string, replace bool) error {
	a, err := windows.UTF16PtrFromString(from)
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	b, err := windows.UTF16PtrFromString(to)
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	flags := uint32(windows.MOVEFILE_WRITE_THROUGH)
	if replace {
		flags |= windows.MOVEFILE_REPLACE_EXISTING
	}
	if err := windows.MoveFileEx(a, b, flags); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// syncDirectory has nothing to do: a directory cannot be synced here, and moves are written through.
func syncDirectory(string) error { return nil }

// writable cannot be told from a directory's attributes here; Begin finds out.
func writable(string) error { return nil }

// allocated is the space that a file already takes.
func allocated(fi os.FileInfo) int64 { return fi.Size() }

// volume gives a name for the file system that holds dir, and the bytes that we may still take there.
func volume(dir string) (id string, free int64, ok bool) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", 0, false
	}
	name, err := windows.UTF16PtrFromString(abs)
	if err != nil {
		return "", 0, false
	}
	var avail, total, all uint64
	if err := windows.GetDiskFreeSpaceEx(name, &avail, &total, &all); err != nil {
		return "", 0, false
	}
	free, ok = saturate(avail, 1)
	return filepath.VolumeName(abs), free, ok
}

func interrupted(error) bool { return false }

func noSpace(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}

func linkLoop(error) bool { return false }
