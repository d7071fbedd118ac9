package imatrix

import (
	"bufio"
	"encoding/binary"
	"io"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
)

// The legacy form, little-endian, without magic:
//
//	i32 entries, at least 1
//	  each: i32 length, name | i32 calls | i32 values | f32 value·calls …
//	i32 chunks | i32 length, dataset        (may be absent)
//
// leastEntry is the bytes of the shortest entry.
const leastEntry = 4 + 1 + 4 + 4 + 4

// maxDataset bounds the name of the dataset; the reference writes 127 bytes of it.
const maxDataset = 64 << 10

// legacy walks through the file. No number of the file allocates before the bytes that it stands for are known to be there.
type legacy struct {
	r    *bufio.Reader
	file string
	size int64
	pos  int64
	n    int32  // entry that is read, from 1; 0 outside of them
	name string // of that entry, once read
}

func readLegacy(r io.ReaderAt, size int64, name string, lim Limits, use func(*raw) error) (h head, err error) {
	l := &legacy{r: bufio.NewReaderSize(io.NewSectionReader(r, 0, size), readBytes), file: name, size: size}
	n, err := l.i32("number of entries")
	if err != nil {
		return h, err
	}
	if n < 1 || int64(n) > (size-l.pos)/leastEntry {
		return h, l.fail(fault.Malformed, "begins with %d as the number of entries, expected 1 to %d in a file of %d bytes: it is no importance matrix, neither GGUF nor .dat, or incomplete", n, max((size-l.pos)/leastEntry, 1), size)
	}
	if int64(n) > lim.Entries {
		return h, l.fail(fault.Limit, "has %d entries, the limit is %d", n, lim.Entries)
	}
	seen := map[string]int32{}
	for l.n = 1; l.n <= n; l.n++ {
		e, err := l.entry()
		if err != nil {
			return h, err
		}
		if first := seen[e.name]; first > 0 {
			return h, l.fail(fault.Malformed, "is there twice, as entry %d and %d", first, l.n)
		}
		seen[e.name] = l.n
		if err := use(e); err != nil {
			return h, err
		}
	}
	l.n, l.name = 0, ""
	return h, l.trailer(&h)
}

func (l *legacy) entry() (e *raw, err error) {
	l.name = ""
	if l.name, err = l.text("name", 1, gguf.MaxName); err != nil {
		return e, err
	}
	if msg := checkName(l.name); msg != "" {
		name := l.name
		l.name = ""
		return e, l.fail(fault.Malformed, "the name %q %s", name, msg)
	}
	calls, err := l.i32("number of calls")
	if err != nil {
		return e, err
	}
	if calls < 0 {
		return e, l.fail(fault.Malformed, "the number of calls is %d, expected a count", calls)
	}
	n, err := l.i32("number of values")
	if err != nil {
		return e, err
	}
	if n < 1 {
		return e, l.fail(fault.Malformed, "the number of values is %d, expected at least 1", n)
	}
	if err := l.room(4*int64(n), "values"); err != nil {
		return e, err
	}
	e = &raw{name: l.name, values: make([]float32, n), counts: []float32{float32(calls)}, legacy: true}
	return e, readFloats(e.values, l.read)
}

// trailer reads what newer files have behind the entries.
func (l *legacy) trailer(h *head) error {
	if l.pos == l.size {
		return nil
	}
	chunks, err := l.i32("number of chunks")
	if err != nil {
		return err
	}
	if chunks < 0 {
		return l.fail(fault.Malformed, "the number of chunks is %d, expected a count", chunks)
	}
	dataset, err := l.text("dataset", 0, maxDataset)
	if err != nil {
		return err
	}
	if l.pos != l.size {
		return l.fail(fault.Malformed, "%d bytes are left behind the dataset, where the file should end", l.size-l.pos)
	}
	h.chunks = int64(chunks)
	if dataset != "" {
		h.datasets = []string{dataset}
	}
	return nil
}

func (l *legacy) i32(field string) (int32, error) {
	var b [4]byte
	if err := l.room(4, field); err != nil {
		return 0, err
	}
	if err := l.read(b[:]); err != nil {
		return 0, err
	}
	return int32(binary.LittleEndian.Uint32(b[:])), nil
}

func (l *legacy) text(field string, least, most int32) (string, error) {
	n, err := l.i32("length of the " + field)
	if err != nil {
		return "", err
	}
	if n < least || n > most {
		return "", l.fail(fault.Malformed, "the %s has %d bytes, expected %d to %d", field, n, least, most)
	}
	if err := l.room(int64(n), field); err != nil {
		return "", err
	}
	b := make([]byte, n)
	if err := l.read(b); err != nil {
		return "", err
	}
	return string(b), nil
}

// room makes sure that n more bytes are there.
func (l *legacy) room(n int64, field string) error {
	if n > l.size-l.pos {
		return l.fail(fault.Malformed, "the %s should have %d bytes, %d are left; the file may be incomplete", field, n, l.size-l.pos)
	}
	return nil
}

func (l *legacy) read(b []byte) error {
	n, err := io.ReadFull(l.r, b)
	l.pos += int64(n)
	if err != nil {
		return l.fail(fault.IO, "reading: %w", unexpected(err))
	}
	return nil
}

// fail names the entry and the byte.
func (l *legacy) fail(kind fault.Kind, format string, args ...any) error {
	if l.n > 0 && l.name == "" {
		format, args = "entry %d: "+format, append([]any{l.n}, args...)
	}
	return fault.New(kind, l.file, format, args...).In(l.name).At(l.pos)
}
