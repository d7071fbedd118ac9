package hf

import (
	"container/list"
	"io"
	"io/fs"
	"os"

	"github.com/qconv/qconv/formats/fault"
)

// dirBlob is a file of a directory. It has a descriptor only while the pool spares one.
type dirBlob struct {
	pool *pool
	name string
	link string // where the directory has it
	path string // what link led to when it was opened
	id   fs.FileInfo

	// guarded by pool.mu
	file   *os.File
	users  int
	closed bool
	at     *list.Element // in pool.idle while file is open and users is 0
}

func (b *dirBlob) Size() int64  { return b.id.Size() }
func (b *dirBlob) Close() error { b.pool.close(b); return nil }

// reopen opens the file and makes sure that it is still the one that was looked at first.
func (b *dirBlob) reopen() (*os.File, error) {
	f, err := os.OpenFile(b.path, openFlags, 0)
	if err != nil {
		return nil, ioFault(b.name, err)
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = notRegular(b.name, st.Mode())
	} else if err == nil {
		err = b.same(st)
	} else {
		err = ioFault(b.name, err)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (b *dirBlob) same(st fs.FileInfo) error {
	switch {
	case !os.SameFile(b.id, st):
		return fault.New(fault.IO, b.name, "changed while it was read: the file was replaced")
	case st.Size() != b.id.Size():
		return fault.New(fault.IO, b.name, "changed while it was read: it had %d bytes and has %d", b.id.Size(), st.Size())
	case !st.ModTime().Equal(b.id.ModTime()):
		return fault.New(fault.IO, b.name, "changed while it was read: it was written to")
	}
	return nil
}

// ReadAt never sees more than the size at opening; fewer bytes are a fault of kind IO.
func (b *dirBlob) ReadAt(p []byte, off int64) (int, error) {
	size := b.id.Size()
	if off < 0 || off >= size {
		if off == size && len(p) == 0 {
			return 0, nil
		}
		return 0, io.EOF
	}
	want := p[:min(int64(len(p)), size-off)]
	f, err := b.pool.acquire(b)
	if err != nil {
		return 0, err
	}
	defer b.pool.release(b)
	n, err := f.ReadAt(want, off)
	switch {
	case n == len(p):
		return n, nil
	case n == len(want):
		return n, io.EOF
	case err == io.EOF:
		return n, fault.New(fault.IO, b.name, "changed while it was read: it had %d bytes and ends early now", size).At(off + int64(n))
	}
	return n, fault.New(fault.IO, b.name, "cannot read: %w", err).At(off + int64(n))
}

// Unchanged looks at the file under its name again. It compares identity, size and modification
// time: bytes overwritten in place within one tick of the file system's clock go unnoticed.
func (b *dirBlob) Unchanged() error {
	st, err := os.Stat(b.link)
	if err != nil {
		return fault.New(fault.IO, b.name, "changed while it was read: %w", err)
	}
	return b.same(st)
}
