// Package gguf reads and lays out GGUF files, versions 2 and 3, little-endian: header, key-values,
// tensor infos, then the tensors' bytes, aligned and without gaps.
//
// A File exists only if every rule of the format held and all data lie inside the file. No tensor
// byte is read or written here.
package gguf

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/wire"
)

// File is a valid header.
type File struct {
	Name      string // base name
	Version   uint32
	KVs       []KV     // in file order
	Tensors   []Tensor // in file order, which is the order of their data
	Align     int64
	HeaderEnd int64 // of keys and tensor infos; padding follows up to DataStart
	DataStart int64
	DataEnd   int64 // of the last tensor's padding; what follows up to Size belongs to nothing
	Size      int64

	r      io.ReaderAt
	byName map[string]int
}

// headerBytes is magic, version, tensor count and key-value count.
const headerBytes = 24

// minTensor is the bytes of the shortest tensor info: name length, one byte of name, n_dims, type, offset.
const minTensor = 8 + 1 + 4 + 4 + 8

// Open reads and checks the header of a file of size bytes. name is the base name for messages. Strings
// are taken as they are; only keys must be ASCII. Faults are Malformed, Mismatch, Limit, Unsupported or IO.
// Rows of no element and tensors of no dimension are accepted, as the reference does.
func Open(r io.ReaderAt, size int64, name string, lim Limits) (*File, error) {
	f := &File{Name: name, Size: size, Align: DefaultAlignment, r: r}
	c := newCursor(r, size, name)
	nKV, nTensors, err := f.open(c, lim)
	if err != nil {
		return nil, err
	}
	if f.KVs, err = c.keyValues(nKV, lim); err != nil {
		return nil, err
	}
	f.byName = make(map[string]int, len(f.KVs))
	for i := range f.KVs {
		f.byName[f.KVs[i].Key] = i
	}
	if err := f.alignment(lim); err != nil {
		return nil, err
	}
	if err := f.infos(c, nTensors); err != nil {
		return nil, err
	}
	if err := f.place(c); err != nil {
		return nil, err
	}
	if err := f.plausible(lim); err != nil {
		return nil, err
	}
	return f, nil
}

// open reads the fixed header.
func (f *File) open(c *cursor, lim Limits) (nKV, nTensors int64, err error) {
	if head := c.buf[:min(8, max(c.size, 0))]; len(head) >= 4 {
		b, err := c.take(len(head), "magic")
		if err != nil {
			return 0, 0, err
		}
		if string(b[:4]) != magic {
			c.pos = 0
			return 0, 0, c.fail(fault.Malformed, "magic is %q, expected %q%s", b[:4], magic, lookalike(b))
		}
	}
	if c.size < headerBytes {
		return 0, 0, fault.New(fault.Malformed, c.file, "%d bytes, header needs %d; the file may be incomplete", max(c.size, 0), headerBytes)
	}
	c.pos = 4
	if f.Version, err = c.u32("version"); err != nil {
		return 0, 0, err
	}
	if nTensors, err = c.count("tensor count"); err == nil {
		nKV, err = c.count("key count")
	}
	switch v := f.Version; {
	case v == 1:
		return 0, 0, fault.New(fault.Unsupported, c.file, "version 1 is no longer read: make the file again with a current version of its program").At(4)
	case v&0xffff == 0 && v != 0:
		return 0, 0, fault.New(fault.Malformed, c.file, "version %#x has its bytes swapped: the file is big-endian, expected little-endian", v).At(4)
	case v == 0 || v > latestVersion:
		return 0, 0, fault.New(fault.Malformed, c.file, "version is %d, expected 2 or %d", v, latestVersion).At(4)
	case err != nil:
		return 0, 0, err
	case nTensors > lim.Tensors:
		return 0, 0, c.fail(fault.Limit, "tensor count %d exceeds the limit of %d", nTensors, lim.Tensors)
	case nKV > lim.KVs:
		return 0, 0, c.fail(fault.Limit, "key count %d exceeds the limit of %d", nKV, lim.KVs)
	}
	if err := c.room(nTensors, minTensor, "tensor count"); err != nil {
		return 0, 0, err
	}
	return nKV, nTensors, c.room(nKV, minKV, "key count")
}

// lookalike says what a file is that is no GGUF.
func lookalike(head []byte) string {
	switch {
	case string(head) == "version ":
		return ": it looks like a Git-LFS pointer, not the file itself: run git lfs pull"
	case string(head[:4]) == "FUGG":
		return ": the file is big-endian, expected little-endian"
	case string(head[:4]) == "tjgg" || string(head[:4]) == "lmgg" || string(head[:4]) == "fmgg":
		return ": it looks like GGML, the format before GGUF"
	case len(head) == 8 && binary.LittleEndian.Uint64(head)-1 < 100_000_000:
		return ": it looks like safetensors"
	}
	return ""
}

func (f *File) alignment(lim Limits) error {
	v, ok := f.Get(keyAlignment)
	if !ok {
		return nil
	}
	n, ok := v.(uint32)
	if !ok {
		return f.wrongType(keyAlignment, "u32")
	}
	f.Align = int64(n)
	if _, ok := wire.Align(0, f.Align); !ok {
		return fault.New(fault.Malformed, f.Name, "key %q is %d, expected a power of two", keyAlignment, n)
	}
	if f.Align < lim.MinAlignment || f.Align > lim.MaxAlignment {
		return fault.New(fault.Limit, f.Name, "key %q is %d, the limits are %d to %d", keyAlignment, n, lim.MinAlignment, lim.MaxAlignment)
	}
	return nil
}

// Keys gives key-values the form of a file without tensors, for what is to be read from keys that are not written yet.
func Keys(name string, kvs []KV) *File {
	f := &File{Name: name, Version: latestVersion, KVs: kvs, Align: DefaultAlignment, byName: make(map[string]int, len(kvs))}
	for i := range kvs {
		f.byName[kvs[i].Key] = i
	}
	return f
}

// Get gives the value of a key.
func (f *File) Get(key string) (v any, ok bool) {
	i, ok := f.byName[key]
	if !ok {
		return nil, false
	}
	return f.KVs[i].Value, true
}

// Value gives the value of a key when it is of Go type T, one of those that KV lists.
func Value[T any](f *File, key string) (T, bool) {
	v, _ := f.Get(key)
	t, ok := v.(T)
	return t, ok
}

// Int gives an integer value of any width; ok is false when the key is absent, of another type or
// does not fit.
func (f *File) Int(key string) (n int64, ok bool) {
	v, _ := f.Get(key)
	switch v := v.(type) {
	case uint8:
		return int64(v), true
	case int8:
		return int64(v), true
	case uint16:
		return int64(v), true
	case int16:
		return int64(v), true
	case uint32:
		return int64(v), true
	case int32:
		return int64(v), true
	case int64:
		return v, true
	case uint64:
		return wire.Int(v)
	}
	return 0, false
}

// Section gives the place of a tensor of f: the absolute offset of its first byte, and its bytes.
func (f *File) Section(t *Tensor) (off, n int64) { return f.DataStart + t.Offset, t.Bytes() }

// ReadAt fills p from byte off of tensor t's data. It may be called from several goroutines when the
// reader under f allows that.
func (f *File) ReadAt(t *Tensor, p []byte, off int64) error {
	start, n := f.Section(t)
	if off < 0 || off > n || int64(len(p)) > n-off {
		return fault.New(fault.Malformed, f.Name, "bytes %d to %d lie outside the tensor's %d", off, off+int64(len(p)), n).In(t.Name)
	}
	got, err := f.r.ReadAt(p, start+off)
	if got == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fault.New(fault.IO, f.Name, "reading data: %w", err).In(t.Name).At(start + off + int64(got))
}
