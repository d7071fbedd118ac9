// Package imatrix has importance matrices: for each weight matrix of a model, how much every column matters. A value
// is the mean square of the activations that the column was multiplied with while the model read some text.
//
// Both forms of the reference (llama-imatrix) are read and written, GGUF and the legacy .dat. A Matrix is what quantizers
// want of a file: its values are those that llama-quantize v0.5.0 computes, bit for bit. Sums are what a file is made of:
// they can be merged, written and described.
package imatrix

import (
	"cmp"
	"io"
	"slices"
	"strings"

	"github.com/qconv/qconv/formats/fault"
)

// Matrix is what a file says about a model.
type Matrix struct {
	File     string   // base name
	Datasets []string // names of the texts; may be empty
	Chunks   int64    // pieces of text that were read; 0 when the file does not say
	Entries  []Entry  // by name, bytewise; at least one
}

// Entry is the importance of one tensor.
type Entry struct {
	Name     string
	Values   []float32 // one a column, matrix after matrix; finite, from 0 to MaxValue
	Largest  float32   // of Values
	Matrices int       // how many parts of Values were counted on their own; 1, or one an expert
	Empty    int       // how many of these saw no data: their values are 1
}

// MaxValue is the largest importance that is accepted. No activation comes near its square root, and far above it the
// quantizers' sums would overflow.
const MaxValue = 1e20

// Limits bound what a file may ask for.
type Limits struct {
	Bytes   int64 // size of the file, which bounds the memory that its values take
	Entries int64
}

// DefaultLimits gives the documented limits.
func DefaultLimits() Limits { return Limits{Bytes: 16 << 30, Entries: 1 << 20} }

// Open reads a file of size bytes, all of it; name is its base name for messages. A file that begins as GGUF does is GGUF,
// any other is taken for the legacy form. Faults are Malformed, Limit, Unsupported or IO, and name the entry.
func Open(r io.ReaderAt, size int64, name string, lim Limits) (*Matrix, error) {
	m := &Matrix{File: name}
	h, err := read(r, size, name, lim, func(e *raw) error {
		entry, err := e.means(name)
		m.Entries = append(m.Entries, entry)
		return err
	})
	if err != nil {
		return nil, err
	}
	m.Datasets, m.Chunks = h.datasets, h.chunks
	slices.SortFunc(m.Entries, func(a, b Entry) int { return cmp.Compare(a.Name, b.Name) })
	return m, nil
}

// head is what a file says besides its entries.
type head struct {
	datasets  []string
	chunks    int64
	chunkSize int64 // 0: the legacy form does not say
}

// raw is an entry as a file has it. The values are finite and not negative, and belong to who gets it.
type raw struct {
	name   string
	values []float32 // sums of squares; of the legacy form, means times the number of calls
	counts []float32 // whole numbers: rows that each matrix saw; of the legacy form, the number of calls
	legacy bool
}

// read gives each entry of a file to use, in the file's order.
func read(r io.ReaderAt, size int64, name string, lim Limits, use func(*raw) error) (h head, err error) {
	if size > lim.Bytes {
		return h, fault.New(fault.Limit, name, "holds %d bytes, the limit for importance matrices is %d", size, lim.Bytes)
	}
	first := make([]byte, min(max(size, 0), int64(len(lfsPointer))))
	if n, err := r.ReadAt(first, 0); n < len(first) {
		return h, fault.New(fault.IO, name, "reading: %w", unexpected(err))
	}
	switch {
	case strings.HasPrefix(string(first), "GGUF"):
		return readGGUF(r, size, name, lim, use)
	case string(first) == lfsPointer:
		return h, fault.New(fault.Malformed, name, "is a Git-LFS pointer, not the file itself: run git lfs pull")
	}
	return readLegacy(r, size, name, lim, use)
}

const lfsPointer = "version https://git-lfs."

// Find gives the entry of a tensor, nil when there is none.
func (m *Matrix) Find(tensor string) *Entry {
	i, ok := slices.BinarySearchFunc(m.Entries, tensor, func(e Entry, name string) int { return cmp.Compare(e.Name, name) })
	if !ok {
		return nil
	}
	return &m.Entries[i]
}

// Filter gives the matrix with only the entries whose name contains one of the parts, or with only the others. The
// result shares the values and may have no entry.
func (m *Matrix) Filter(parts []string, others bool) *Matrix {
	f := *m
	f.Entries = nil
	for _, e := range m.Entries {
		if slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(e.Name, p) }) != others {
			f.Entries = append(f.Entries, e)
		}
	}
	return &f
}

// Bytes is the memory that the values take.
func (m *Matrix) Bytes() (n int64) {
	for i := range m.Entries {
		n += 4 * int64(len(m.Entries[i].Values))
	}
	return n
}

// checkName refuses what no tensor is called.
func checkName(name string) string {
	switch {
	case name == "":
		return "is empty"
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "has a control character"
	}
	return ""
}
