package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/qconv/qconv/formats/hf"
)

// witness is a directory that remembers which of its files were opened: they are the inputs, and no
// output may be one of them. Others may, so that an output can lie beside the checkpoint it came from.
type witness struct {
	hf.Source
	dir  string
	mu   sync.Mutex
	seen map[string]os.FileInfo
	read atomic.Int64 // bytes
}

// counted is a file of which it is known how much was read.
type counted struct {
	hf.Blob
	read *atomic.Int64
}

func (c counted) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.Blob.ReadAt(p, off)
	c.read.Add(int64(n))
	return n, err
}

func newWitness(dir string, follow bool) *witness {
	return &witness{Source: hf.Dir(dir, follow), dir: dir, seen: map[string]os.FileInfo{}}
}

// Open implements hf.Source.
func (w *witness) Open(name string) (hf.Blob, error) {
	b, err := w.Source.Open(name)
	if err != nil {
		return nil, err
	}
	st, err := os.Stat(filepath.Join(w.dir, name))
	if err != nil {
		b.Close()
		return nil, ioFault(filepath.Join(w.dir, name), err, "")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[name] = st
	return counted{b, &w.read}, nil
}

// inputs gives the files that were opened, by name.
func (w *witness) inputs() []os.FileInfo {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []os.FileInfo
	for _, name := range slices.Sorted(maps.Keys(w.seen)) {
		list = append(list, w.seen[name])
	}
	return list
}
