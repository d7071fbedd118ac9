package outfile

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/qconv/qconv/formats/fault"
)

// file is an open file; *os.File is one. Tests put a file system behind it that forgets what was not
// synced.
type file interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
	Sync() error
	Stat() (os.FileInfo, error)
	Close() error
}

// disk is what the protocol needs of a file system.
type disk interface {
	open(path string, how opening) (file, error)
	lock(f file) error                          // errHeld, errNoLocks
	reserve(f file, size int64) error           // the file has size bytes afterwards, with blocks where that can be had
	stat(path string) (os.FileInfo, error)      // of the name itself, links are not followed
	same(a, b os.FileInfo) bool                 // the same file
	rename(from, to string, replace bool) error // fs.ErrExist where to exists and replace is false
	remove(path string) error
	syncDir(path string) error
}

type opening uint8

const (
	openNew      opening = iota // read and write; fs.ErrExist where the name exists
	openExisting                // read and write; fs.ErrNotExist where it does not
	openRead
)

var (
	errHeld    = errors.New("locked by another process")
	errNoLocks = errors.New("locks are not supported")
)

// osDisk is the file system of the machine. Its files are *os.File; symbolic links are not followed.
type osDisk struct{}

func (osDisk) open(path string, how opening) (file, error) {
	f, err := openFile(path, how)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (osDisk) lock(f file) error { return lockFile(f.(*os.File)) }

func (osDisk) reserve(f file, size int64) error {
	if size == 0 {
		return nil
	}
	return reserveFile(f.(*os.File), size)
}

func (osDisk) stat(path string) (os.FileInfo, error) { return os.Lstat(path) }

func (osDisk) same(a, b os.FileInfo) bool { return os.SameFile(a, b) }

func (osDisk) rename(from, to string, replace bool) error { return renameFile(from, to, replace) }

func (osDisk) remove(path string) error { return os.Remove(path) }

func (osDisk) syncDir(path string) error { return syncDirectory(path) }

// removeOwn removes a name while it still belongs to f. A name that is gone, or that another run has
// taken since, is left alone.
func removeOwn(d disk, path string, f file) error {
	own, err := f.Stat()
	if err != nil {
		return err
	}
	named, err := d.stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !d.same(own, named) {
		return nil
	}
	if err != nil {
		return err
	}
	return d.remove(path)
}

// writeFull writes all of p. A write that stores less and says so is continued.
func writeFull(f file, p []byte, off int64) error {
	for len(p) > 0 {
		n, err := f.WriteAt(p, off)
		if n < 0 || n > len(p) {
			return io.ErrShortWrite
		}
		p, off = p[n:], off+int64(n)
		switch {
		case err != nil && !interrupted(err):
			return err
		case err == nil && n == 0:
			return io.ErrShortWrite
		}
	}
	return nil
}

// readFull fills p, or says why not. io.ErrUnexpectedEOF: the file ends before.
func readFull(f file, p []byte, off int64) error {
	for len(p) > 0 {
		n, err := f.ReadAt(p, off)
		p, off = p[n:], off+int64(n)
		switch {
		case len(p) == 0:
			return nil
		case err == io.EOF:
			return io.ErrUnexpectedEOF
		case err != nil && !interrupted(err):
			return err
		case err == nil && n == 0:
			return io.ErrNoProgress
		}
	}
	return nil
}

var zeros [64 << 10]byte

// writeZeros writes zeros to [off, end).
func writeZeros(f file, off, end int64) error {
	for off < end {
		n := min(end-off, int64(len(zeros)))
		if err := writeFull(f, zeros[:n], off); err != nil {
			return err
		}
		off += n
	}
	return nil
}

// ioFault is a failure of the system during an action such as "write"; nil where err is nil.
func ioFault(name string, err error, action string) error {
	if err == nil {
		return nil
	}
	hint := ""
	if noSpace(err) {
		hint = "; free some space and run again: finished work is kept"
	}
	return fault.New(fault.IO, name, "%s: %w%s", action, fault.Cause(err), hint)
}

// ioFaultAt is ioFault with a place.
func ioFaultAt(name string, err error, action string, off int64) error {
	if err == nil {
		return nil
	}
	return ioFault(name, err, action).(*fault.Error).At(off)
}
