// Package hf reads a Hugging Face checkpoint: which file holds which tensor, config.json, the model
// card and the tokenizer files.
package hf

import (
	"bytes"
	"errors"
	"io"
	"io/fs"

	"github.com/qconv/qconv/formats/fault"
)

// Largest companion files that are read whole, in bytes.
const (
	ConfigLimit    = 8 << 20   // config.json, generation_config.json, tokenizer_config.json
	IndexLimit     = 64 << 20  // model.safetensors.index.json
	TokenizerLimit = 256 << 20 // tokenizer.json, tokenizer.model, *.tiktoken
	TemplateLimit  = 1 << 20   // chat_template.jinja
	CardLimit      = 16 << 20  // README.md
)

// Source is a place that holds a checkpoint's files: a local directory, or one over HTTP.
type Source interface {
	Name() string                   // what the place is called: the directory's base name, or the repository's
	List() ([]string, error)        // names of the regular files, sorted
	Open(name string) (Blob, error) // name is one path element, else an error; a missing file satisfies errors.Is(err, fs.ErrNotExist)
}

// Blob is one open file. ReadAt may be called from several goroutines.
type Blob interface {
	io.ReaderAt
	io.Closer
	Size() int64
	Unchanged() error // a fault of kind IO when the file was replaced, grew or shrank since it was opened
}

// ReadFile reads a small companion file whole; found is false when it does not exist. A file larger
// than limit bytes is a fault of kind Limit, one that ends early or fails to read is of kind IO; a Git-LFS pointer in its
// place is Malformed.
func ReadFile(src Source, name string, limit int64) (data []byte, found bool, err error) {
	b, err := src.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	defer b.Close()
	if b.Size() > limit {
		return nil, true, fault.New(fault.Limit, name, "holds %d bytes, the limit for this file is %d", b.Size(), limit)
	}
	data = make([]byte, b.Size())
	if err := readFull(b, data, 0, name); err != nil {
		return nil, true, err
	}
	if bytes.HasPrefix(data, []byte("version https://git-lfs.")) {
		return nil, true, fault.New(fault.Malformed, name, "is a Git-LFS pointer, not the file itself: run git lfs pull")
	}
	return data, true, nil
}

// readFull fills p from off, or fails: a blob that ends early gives a fault of kind IO, so no byte
// of p is ever left as it was.
func readFull(b Blob, p []byte, off int64, name string) error {
	n, err := b.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || err == io.EOF {
		return fault.New(fault.IO, name, "file ends %d bytes early; it changed while it was read, or is incomplete", len(p)-n).At(off + int64(n))
	}
	if fault.KindOf(err) == 0 {
		return fault.New(fault.IO, name, "cannot read: %w", err).At(off + int64(n))
	}
	return err
}
