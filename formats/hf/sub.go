package hf

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/qconv/qconv/formats/fault"
)

// Folder is a Source whose directories can be looked into.
type Folder interface {
	Sub(dir string) (sub Source, found bool, err error) // dir is one path element
}

// Sub gives a directory of a checkpoint. found is false when src has no such directory, or no
// directories at all.
func Sub(src Source, dir string) (sub Source, found bool, err error) {
	f, ok := src.(Folder)
	if !ok {
		return nil, false, nil
	}
	return f.Sub(dir)
}

// Sub is the directory dir of d. Links in it are judged as those of d are.
func (d *dirSource) Sub(dir string) (Source, bool, error) {
	if err := CheckName(dir); err != nil {
		return nil, false, err
	}
	if _, err := os.Lstat(filepath.Join(d.path, dir)); err != nil {
		return nil, false, nil
	}
	path, err := d.resolve(dir)
	if err != nil {
		return nil, false, err
	}
	st, err := os.Lstat(path)
	if err != nil {
		return nil, false, ioFault(dir, err)
	}
	return &subSource{d, dir}, st.IsDir(), nil
}

// subSource is a directory of a dirSource.
type subSource struct {
	top *dirSource
	dir string
}

func (s *subSource) Name() string { return s.dir }

func (s *subSource) List() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(s.top.path, s.dir))
	if err != nil {
		return nil, fault.New(fault.IO, s.dir, "cannot list the directory: %w", err)
	}
	var names []string
	for _, e := range entries {
		st, err := os.Stat(filepath.Join(s.top.path, s.dir, e.Name()))
		if e.Type().IsRegular() || e.Type()&fs.ModeSymlink != 0 && err == nil && st.Mode().IsRegular() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

func (s *subSource) Open(name string) (Blob, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	return s.top.open(filepath.Join(s.dir, name))
}
