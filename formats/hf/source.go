// Package hf reads a Hugging Face checkpoint: which file holds which tensor, config.json, the model
// card and the tokenizer files.
package hf

import (
	"io"

	"github.com/qconv/qconv/formats/fault"
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
// than limit bytes is a fault of kind Limit.
func ReadFile(src Source, name string, limit int64) (data []byte, found bool, err error) {
	return nil, false, fault.New(fault.Unsupported, name, "pending")
}
