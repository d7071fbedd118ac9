package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/qconv/qconv/formats/hf"
)

// witness is a directory that remembers which of its files were opened: they are the inputs, and no
// output may be one of them. Others may, so that an output can lie beside the checkpoint it came from.
type witness struct {
	hf.Source
	dir  string
	mu   sync.Mutex
	seen map[string]os.FileInfo
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
	return b, nil
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
