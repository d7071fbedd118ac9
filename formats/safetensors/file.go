// Package safetensors reads the header of one safetensors file: an 8-byte length, a JSON object that
// names the tensors, then their bytes.
//
// A File exists only if every rule of the format held: UTF-8, no duplicate name, known dtypes, shapes
// that agree with their byte ranges, ranges that cover the data without overlap, hole or rest. No
// tensor byte is read.
package safetensors

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"strings"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/wire"
)

// Tensor is one tensor of a file.
type Tensor struct {
	Name  string
	Dtype Dtype
	Shape []int64 // outermost dimension first; empty for a scalar
	Off   int64   // of its first byte, from the start of the file
	Bytes int64
}

// File is a valid header. Its strings share memory with the header's text.
type File struct {
	Tensors      []Tensor // sorted by name, bytewise
	Metadata     map[string]string
	HeaderBytes  int64    // the length field and the JSON: the data start here
	HeaderSHA256 [32]byte // of those bytes
}

// Limits bound what a header may ask for.
type Limits struct {
	Header  int64 // bytes of JSON; never more than 2^31-1
	Tensors int
	Name    int // bytes
	Dims    int
}

// DefaultLimits gives the documented limits; 100,000,000 bytes is also the reference's.
func DefaultLimits() Limits {
	return Limits{Header: 100_000_000, Tensors: 1 << 20, Name: 1024, Dims: 8}
}

// lengthBytes is the size of the length field that a file starts with.
const lengthBytes = 8

// Open reads and checks the header of a file of size bytes. name is the base name for messages.
// Faults are Malformed, Limit, Unsupported (a dtype that the format does not know) or IO.
func Open(r io.ReaderAt, size int64, name string, lim Limits) (*File, error) {
	if size < lengthBytes {
		return nil, fault.New(fault.Malformed, name, "%d bytes, header length needs %d; the file may be incomplete", max(size, 0), lengthBytes)
	}
	var field [lengthBytes]byte
	if err := readFull(r, field[:], 0, name, "header length"); err != nil {
		return nil, err
	}
	n, err := headerLength(field[:], size, name, lim)
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	sum.Write(field[:])
	var text strings.Builder
	text.Grow(int(n))
	for buf := make([]byte, min(n, 1<<18)); int64(text.Len()) < n; {
		p := buf[:min(int64(len(buf)), n-int64(text.Len()))]
		if err := readFull(r, p, lengthBytes+int64(text.Len()), name, "header"); err != nil {
			return nil, err
		}
		sum.Write(p)
		text.Write(p)
	}
	h := header{file: name, lim: lim, data: lengthBytes + n}
	if err := h.parse(text.String()); err != nil {
		// A length that happens to fit hides what the file really is.
		if kind := lookalike(field[:]); kind != "" {
			return nil, fault.New(fault.Malformed, name, "header length and text are not safetensors; %s", kind).At(0)
		}
		return nil, err
	}
	if err := h.cover(size); err != nil {
		return nil, err
	}
	h.sort()
	f := &File{Tensors: h.tensors, Metadata: h.metadata, HeaderBytes: h.data}
	sum.Sum(f.HeaderSHA256[:0])
	return f, nil
}

// headerLength checks the length field against the limit and the file before anything more is read.
func headerLength(field []byte, size int64, name string, lim Limits) (int64, error) {
	u := binary.LittleEndian.Uint64(field)
	n, ok := wire.Int(u)
	limit := min(lim.Header, math.MaxInt32)
	tooLong := !ok || n > limit
	if tooLong || n > size-lengthBytes {
		if kind := lookalike(field); kind != "" {
			return 0, fault.New(fault.Malformed, name, "header length is no number that fits; %s", kind).At(0)
		}
	}
	switch {
	case tooLong:
		return 0, fault.New(fault.Limit, name, "header length %d exceeds the limit of %d bytes", u, limit).At(0)
	case n > size-lengthBytes:
		return 0, fault.New(fault.Malformed, name, "header length %d, but only %d bytes follow; the file may be incomplete", n, size-lengthBytes).At(0)
	case n == 0:
		return 0, fault.New(fault.Malformed, name, "header length is 0; the file may never have been written").At(0)
	}
	return n, nil
}

// readFull fills p from off. size was checked before, so too few bytes mean that the file changed.
func readFull(r io.ReaderAt, p []byte, off int64, name, field string) error {
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fault.New(fault.IO, name, "reading the %s: %w", field, err).At(off + int64(n))
}
