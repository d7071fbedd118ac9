package outfile

import (
	"errors"
	"os"
	"sync"
	"testing"

	"github.com/qconv/qconv/formats/fault"
)

var errInjected = errors.New("injected")

func refusedBusy(t *testing.T, err error) {
	t.Helper()
	refused(t, err, fault.Busy)
}

// brokenDisk is the machine's file system with faults. fail is asked before each operation; before runs
// ahead of it; write, where set, takes the place of WriteAt.
type brokenDisk struct {
	osDisk
	mu     sync.Mutex
	seen   []string
	fail   func(op, path string) error
	before func(op, path string)
	write  func(f *os.File, p []byte, off int64) (int, error)
}

type brokenFile struct {
	*os.File
	d *brokenDisk
}

func (d *brokenDisk) step(op, path string) error {
	d.mu.Lock()
	d.seen = append(d.seen, op)
	d.mu.Unlock()
	if d.before != nil {
		d.before(op, path)
	}
	if d.fail != nil {
		return d.fail(op, path)
	}
	return nil
}

func (d *brokenDisk) open(path string, how opening) (file, error) {
	if err := d.step("open", path); err != nil {
		return nil, err
	}
	f, err := openFile(path, how)
	if err != nil {
		return nil, err
	}
	return brokenFile{f, d}, nil
}

func (d *brokenDisk) lock(f file) error {
	if err := d.step("lock", ""); err != nil {
		return err
	}
	return lockFile(f.(brokenFile).File)
}

func (d *brokenDisk) reserve(f file, size int64) error {
	if err := d.step("reserve", ""); err != nil {
		return err
	}
	return d.osDisk.reserve(f.(brokenFile).File, size)
}

func (d *brokenDisk) rename(from, to string, replace bool) error {
	if err := d.step("rename", to); err != nil {
		return err
	}
	return renameFile(from, to, replace)
}

func (d *brokenDisk) remove(path string) error {
	if err := d.step("remove", path); err != nil {
		return err
	}
	return os.Remove(path)
}

func (d *brokenDisk) syncDir(path string) error {
	if err := d.step("syncdir", path); err != nil {
		return err
	}
	return syncDirectory(path)
}

func (f brokenFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.d.step("write", f.Name()); err != nil {
		return 0, err
	}
	if f.d.write != nil {
		return f.d.write(f.File, p, off)
	}
	return f.File.WriteAt(p, off)
}

func (f brokenFile) Sync() error {
	if err := f.d.step("sync", f.Name()); err != nil {
		return err
	}
	return f.File.Sync()
}

// nth fails the n-th operation of a kind, counted from 1.
func nth(kind string, n int, err error) func(op, path string) error {
	var mu sync.Mutex
	return func(op, _ string) error {
		mu.Lock()
		defer mu.Unlock()
		if op == kind {
			if n--; n == 0 {
				return err
			}
		}
		return nil
	}
}

func (d *brokenDisk) count(op string) (n int) {
	for _, o := range d.seen {
		if o == op {
			n++
		}
	}
	return n
}
