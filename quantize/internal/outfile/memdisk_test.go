package outfile

import (
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// memDisk is a file system that knows what was synced. It stops after a number of operations, as a
// machine without power does, and gives the disk that the next start finds.
type memDisk struct {
	mu      sync.Mutex
	names   map[string]*inode
	durable map[string]*inode
	pending []rename // since the directory was synced
	ops     int
	stopAt  int // the operation that fails, and all after it; 0 never
}

// rename is one change of the directory: a name goes, or a name now means a file, or both.
type rename struct {
	from, to string
	file     *inode
}

type inode struct {
	data, durable []byte
	pending       []change // since the file was synced
	holder        *memFile
}

// change is one write, or one new length.
type change struct {
	off  int64
	data []byte // nil: the file gets the length off
}

type memFile struct {
	d *memDisk
	*inode
}

// memStat is the identity and size of a file.
type memStat struct {
	*inode
	size int64
}

func (m memStat) Name() string       { return "" }
func (m memStat) Size() int64        { return m.size }
func (m memStat) Mode() os.FileMode  { return 0o644 }
func (m memStat) ModTime() time.Time { return time.Time{} }
func (m memStat) IsDir() bool        { return false }
func (m memStat) Sys() any           { return m.inode }

func newMemDisk() *memDisk {
	return &memDisk{names: map[string]*inode{}, durable: map[string]*inode{}}
}

func (c change) apply(b []byte) []byte {
	need := c.off
	if c.data != nil {
		need += int64(len(c.data))
	} else if need < int64(len(b)) {
		return b[:need]
	}
	if need > int64(len(b)) {
		b = append(b, make([]byte, need-int64(len(b)))...)
	}
	copy(b[c.off:], c.data)
	return b
}

func (m rename) apply(names map[string]*inode) {
	if m.from != "" {
		delete(names, m.from)
	}
	if m.to != "" {
		names[m.to] = m.file
	}
}

// step counts an operation; the lock is held after it unless it fails.
func (d *memDisk) step() error {
	d.mu.Lock()
	if d.ops++; d.stopAt > 0 && d.ops >= d.stopAt {
		d.mu.Unlock()
		return errInjected
	}
	return nil
}

func (d *memDisk) move(m rename) {
	m.apply(d.names)
	d.pending = append(d.pending, m)
}

func (d *memDisk) open(path string, how opening) (file, error) {
	if err := d.step(); err != nil {
		return nil, err
	}
	defer d.mu.Unlock()
	ino := d.names[path]
	switch {
	case how == openNew && ino != nil:
		return nil, fs.ErrExist
	case how == openNew:
		ino = &inode{}
		d.move(rename{to: path, file: ino})
	case ino == nil:
		return nil, fs.ErrNotExist
	}
	return &memFile{d, ino}, nil
}

func (d *memDisk) lock(f file) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	m := f.(*memFile)
	if m.holder != nil {
		return errHeld
	}
	m.holder = m
	return nil
}

func (d *memDisk) reserve(f file, size int64) error {
	m := f.(*memFile)
	if fi, _ := m.Stat(); fi.Size() >= size {
		return nil
	}
	return m.Truncate(size)
}

func (d *memDisk) stat(path string) (os.FileInfo, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if ino := d.names[path]; ino != nil {
		return memStat{ino, int64(len(ino.data))}, nil
	}
	return nil, fs.ErrNotExist
}

func (d *memDisk) same(a, b os.FileInfo) bool { return a.Sys() == b.Sys() }

func (d *memDisk) rename(from, to string, replace bool) error {
	if err := d.step(); err != nil {
		return err
	}
	defer d.mu.Unlock()
	switch ino := d.names[from]; {
	case ino == nil:
		return fs.ErrNotExist
	case d.names[to] != nil && !replace:
		return fs.ErrExist
	default:
		d.move(rename{from, to, ino})
	}
	return nil
}

func (d *memDisk) remove(path string) error {
	if err := d.step(); err != nil {
		return err
	}
	defer d.mu.Unlock()
	if d.names[path] == nil {
		return fs.ErrNotExist
	}
	d.move(rename{from: path})
	return nil
}

func (d *memDisk) syncDir(string) error {
	if err := d.step(); err != nil {
		return err
	}
	defer d.mu.Unlock()
	d.durable, d.pending = maps.Clone(d.names), nil
	return nil
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if off >= int64(len(f.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) change(c change) error {
	err := f.d.step()
	if err == nil {
		defer f.d.mu.Unlock()
		f.data = c.apply(f.data)
	} else {
		f.d.mu.Lock()
		defer f.d.mu.Unlock()
		if f.d.ops > f.d.stopAt {
			return err
		}
	}
	f.pending = append(f.pending, c) // the one that the power cut may have got there in part
	return err
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.change(change{off, slices.Clone(p)}); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (f *memFile) Truncate(size int64) error { return f.change(change{off: size}) }

func (f *memFile) Sync() error {
	if err := f.d.step(); err != nil {
		return err
	}
	defer f.d.mu.Unlock()
	f.durable, f.pending = slices.Clone(f.data), nil
	return nil
}

func (f *memFile) Stat() (os.FileInfo, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return memStat{f.inode, int64(len(f.data))}, nil
}

func (f *memFile) Close() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.holder == f {
		f.holder = nil
	}
	return nil
}

// loss says what of the unsynced changes a crash leaves.
type loss uint8

const (
	processOnly loss = iota // kill -9: nothing is lost
	allUnsynced             // only what was synced is there
	anyUnsynced             // each change may be there, in part, or not
)

// restart gives the disk after a crash.
func (d *memDisk) restart(l loss, r *rand.Rand) *memDisk {
	n := newMemDisk()
	if l == processOnly {
		n.names = maps.Clone(d.names)
	} else {
		n.names = maps.Clone(d.durable)
		for _, m := range d.pending {
			if l == anyUnsynced && r.IntN(2) == 0 {
				m.apply(n.names)
			}
		}
	}
	moved := map[*inode]*inode{}
	for name, ino := range n.names {
		if moved[ino] == nil {
			moved[ino] = &inode{data: ino.after(l, r)}
			moved[ino].durable = slices.Clone(moved[ino].data)
		}
		n.names[name] = moved[ino]
	}
	n.durable = maps.Clone(n.names)
	return n
}

// after is what a file holds after a crash. A torn write is cut at 512 bytes.
func (ino *inode) after(l loss, r *rand.Rand) []byte {
	if l == processOnly {
		return slices.Clone(ino.data)
	}
	b := slices.Clone(ino.durable)
	for _, c := range ino.pending {
		if l != anyUnsynced {
			break
		}
		switch r.IntN(3) {
		case 0:
			b = c.apply(b)
		case 1:
			if n := len(c.data) / 2 &^ 511; n > 0 {
				b = change{c.off, c.data[:n]}.apply(b)
			}
		}
	}
	return b
}

// list gives the names.
func (d *memDisk) list() []string {
	var names []string
	for n := range d.names {
		names = append(names, filepath.Base(n))
	}
	slices.Sort(names)
	return names
}
