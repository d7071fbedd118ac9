package hf

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/qconv/qconv/formats/fault"
)

// memory is a Source of files held as strings; files may be followed by zeros that take no memory.
type memory struct {
	name   string
	files  map[string]string
	size   map[string]int64 // of files that are larger than their string
	opened *[]string        // every name that was asked for, when not nil
	fail   map[string]int64 // ReadAt beyond this offset fails
}

var errDisk = errors.New("input/output error")

func (m memory) Name() string { return m.name }

func (m memory) List() ([]string, error) { return slices.Sorted(maps.Keys(m.files)), nil }

func (m memory) Open(name string) (Blob, error) {
	if m.opened != nil {
		*m.opened = append(*m.opened, name)
	}
	if err := CheckName(name); err != nil {
		return nil, err
	}
	data, ok := m.files[name]
	if !ok {
		return nil, fault.New(fault.IO, name, "does not exist: %w", fs.ErrNotExist)
	}
	b := &memoryBlob{Reader: strings.NewReader(data), head: int64(len(data)), size: int64(len(data)), failAt: -1}
	if n, ok := m.size[name]; ok {
		b.size = n
	}
	if at, ok := m.fail[name]; ok {
		b.failAt = at
	}
	return b, nil
}

type memoryBlob struct {
	*strings.Reader
	head, size int64
	failAt     int64
	mu         sync.Mutex
	closed     bool
}

func (b *memoryBlob) Size() int64      { return b.size }
func (b *memoryBlob) Unchanged() error { return nil }

func (b *memoryBlob) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return nil
}

func (b *memoryBlob) ReadAt(p []byte, off int64) (int, error) {
	if b.failAt >= 0 && off+int64(len(p)) > b.failAt {
		return 0, errDisk
	}
	if off >= b.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), b.size-off))
	clear(p[:n])
	if off < b.head {
		if _, err := b.Reader.ReadAt(p[:n], off); err != nil && err != io.EOF {
			return 0, err
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
