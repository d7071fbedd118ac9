package gguf

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/qconv/qconv/formats/fault"
)

// Set is a model in one file or in several that were split.
type Set struct {
	First   *File
	Files   []*File  // in order of split.no
	KVs     []KV     // of the first file, split keys included
	Tensors []Tensor // of all files, in order; Offset counts from the start of its own file's data

	part []int32
}

// OpenSet opens first and, when its split.count says so, the parts after it, whose names follow from
// first's. open may give an error that satisfies errors.Is(err, fs.ErrNotExist); closing what it opened
// is the caller's part. Faults are those of Open, Mismatch when parts are missing or contradict each
// other, and Unsupported when first is a later part.
func OpenSet(open func(name string) (io.ReaderAt, int64, error), first string, lim Limits) (*Set, error) {
	f, err := openPart(open, first, lim)
	if err != nil {
		return nil, err
	}
	s := &Set{First: f, KVs: f.KVs}
	names, err := f.partNames(first, lim)
	if err != nil {
		return nil, err
	}
	s.add(f)
	var missing []string
	for no := 1; no < len(names); no++ {
		f, err := openPart(open, names[no], lim)
		if errors.Is(err, fs.ErrNotExist) {
			missing = append(missing, filepath.Base(names[no]))
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := f.isPart(no, len(names)); err != nil {
			return nil, err
		}
		s.add(f)
	}
	if len(missing) > 0 {
		const shown = 5
		list := strings.Join(missing[:min(shown, len(missing))], ", ")
		if len(missing) > shown {
			list += ", ..."
		}
		return nil, fault.New(fault.Mismatch, s.First.Name, "%s is %d, but %d of the parts are missing: %s", keySplitCount, len(names), len(missing), fault.Printable(list))
	}
	if err := s.whole(len(names)); err != nil {
		return nil, err
	}
	return s, nil
}

func openPart(open func(name string) (io.ReaderAt, int64, error), name string, lim Limits) (*File, error) {
	r, size, err := open(name)
	if err != nil {
		var known *fault.Error
		if errors.As(err, &known) {
			return nil, err
		}
		return nil, fault.New(fault.IO, filepath.Base(name), "%w", err)
	}
	return Open(r, size, filepath.Base(name), lim)
}

// partNames gives the names of all parts, or of f alone when it is no part.
func (f *File) partNames(name string, lim Limits) ([]string, error) {
	prefix, no, count, named := ParseSplit(name)
	n, found := f.Int(keySplitCount)
	if _, there := f.Get(keySplitCount); there && (!found || n < 0) {
		return nil, f.wrongType(keySplitCount, "a count")
	}
	if n > lim.Parts {
		return nil, fault.New(fault.Limit, f.Name, "key %q is %d, the limit is %d", keySplitCount, n, lim.Parts)
	}
	if named && count > 1 && int64(count) != n {
		return nil, fault.New(fault.Mismatch, f.Name, "its name says %d parts, key %q says %d", count, keySplitCount, n)
	}
	if n < 2 {
		return []string{name}, nil
	}
	at, ok := f.Int(keySplitNo)
	switch {
	case !ok:
		return nil, fault.New(fault.Malformed, f.Name, "key %q is missing or no integer", keySplitNo)
	case !named:
		return nil, fault.New(fault.Mismatch, f.Name, "it is part %d of %d, but is not named like one: expected %s", at+1, n, fault.Printable(SplitName("NAME", int(at)+1, int(n))))
	case at != int64(no-1):
		return nil, fault.New(fault.Mismatch, f.Name, "key %q is %d, but its name says %d", keySplitNo, at, no-1)
	case at != 0:
		return nil, fault.New(fault.Unsupported, f.Name, "key %q is %d: give the first part, %s", keySplitNo, at, fault.Printable(filepath.Base(SplitName(prefix, 1, count))))
	}
	names := make([]string, n)
	for i := range names {
		names[i] = SplitName(prefix, i+1, count)
	}
	return names, nil
}

// isPart checks that f is part no (from 0) of count.
func (f *File) isPart(no, count int) error {
	for _, want := range [...]struct {
		key string
		n   int
	}{{keySplitNo, no}, {keySplitCount, count}} {
		n, ok := f.Int(want.key)
		if !ok {
			return fault.New(fault.Malformed, f.Name, "key %q is missing or no integer", want.key)
		}
		if n != int64(want.n) {
			return fault.New(fault.Mismatch, f.Name, "key %q is %d, expected %d", want.key, n, want.n)
		}
	}
	return nil
}

func (s *Set) add(f *File) {
	for range f.Tensors {
		s.part = append(s.part, int32(len(s.Files)))
	}
	s.Tensors = append(s.Tensors, f.Tensors...)
	s.Files = append(s.Files, f)
}

// whole checks what only all parts together can tell.
func (s *Set) whole(parts int) error {
	if parts < 2 {
		return nil
	}
	n, ok := s.First.Int(keySplitTensors)
	if !ok {
		return fault.New(fault.Malformed, s.First.Name, "key %q is missing or no integer", keySplitTensors)
	}
	if n != int64(len(s.Tensors)) {
		return fault.New(fault.Mismatch, s.First.Name, "key %q is %d, but the %d parts hold %d tensors", keySplitTensors, n, parts, len(s.Tensors))
	}
	if a, b, found := twice(len(s.Tensors), func(i int) string { return s.Tensors[i].Name }); found {
		return fault.New(fault.Mismatch, s.FileOf(b), "name is given in %s too", fault.Printable(s.FileOf(a))).In(s.Tensors[a].Name)
	}
	return nil
}

// FileOf gives the name of the file that holds Tensors[i].
func (s *Set) FileOf(i int) string { return s.Files[s.part[i]].Name }

// Section gives the place of Tensors[i]: index into Files, absolute offset there, and bytes.
func (s *Set) Section(i int) (part int, off, n int64) {
	off, n = s.Files[s.part[i]].Section(&s.Tensors[i])
	return int(s.part[i]), off, n
}

// ReadAt fills p from byte off of the data of Tensors[i].
func (s *Set) ReadAt(i int, p []byte, off int64) error {
	return s.Files[s.part[i]].ReadAt(&s.Tensors[i], p, off)
}
