package stream

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/qconv/qconv/formats/fault"
)

// State is how far a run through the layers has come. Its file has numbers behind it, such as residual streams: their order
// and how many there are is what the run knows. The file, little-endian:
//
//	magic | u32 length, digest | i64 layer | u32 length, JSON | numbers … | SHA-256 of everything before
//
// A file that is not whole, or of another run, is worth nothing and is not used.
type State struct {
	Digest string // identity of the run: inputs, options, version
	Layer  int    // the next one
	JSON   []byte // what else the run wants to know
}

const stateMagic = "qconv state v1\n\x00"

// stateFresh is behind the name of a state while it is written.
const stateFresh = ".new"

// StateWriter takes the numbers of a state.
type StateWriter struct {
	w     *bufio.Writer
	bytes []byte
}

// Floats writes float32 values.
func (w *StateWriter) Floats(values []float32) error {
	return put(w, values, 4, func(b []byte, v float32) { binary.LittleEndian.PutUint32(b, math.Float32bits(v)) })
}

// Doubles writes float64 values.
func (w *StateWriter) Doubles(values []float64) error {
	return put(w, values, 8, func(b []byte, v float64) { binary.LittleEndian.PutUint64(b, math.Float64bits(v)) })
}

// Ints writes whole numbers.
func (w *StateWriter) Ints(values []int64) error {
	return put(w, values, 8, func(b []byte, v int64) { binary.LittleEndian.PutUint64(b, uint64(v)) })
}

func put[T any](w *StateWriter, values []T, size int, one func([]byte, T)) error {
	for len(values) > 0 {
		n := min(len(values), len(w.bytes)/size)
		for i, v := range values[:n] {
			one(w.bytes[i*size:], v)
		}
		if _, err := w.w.Write(w.bytes[:n*size]); err != nil {
			return err
		}
		values = values[n:]
	}
	return nil
}

// stateBuffer is how many bytes are encoded, written or read at a time.
const stateBuffer = 256 << 10

// SaveState writes a state with the numbers that numbers gives. The file appears under its name when it is whole and on the
// disk; until then the one before is there.
func SaveState(path string, s State, numbers func(*StateWriter) error) (err error) {
	fresh := path + stateFresh
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return stateFault(fresh, err)
	}
	f, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return stateFault(fresh, err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(fresh)
			err = stateFault(fresh, err)
		}
	}()
	h := sha256.New()
	w := &StateWriter{bufio.NewWriterSize(io.MultiWriter(f, h), stateBuffer), make([]byte, stateBuffer)}
	w.w.WriteString(stateMagic) // errors stay until Flush
	w.w.Write(field(nil, []byte(s.Digest)))
	w.w.Write(binary.LittleEndian.AppendUint64(nil, uint64(s.Layer)))
	w.w.Write(field(nil, s.JSON))
	if err := numbers(w); err != nil {
		return err
	}
	if err := w.w.Flush(); err != nil {
		return err
	}
	if _, err := f.Write(h.Sum(nil)); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}

func field(b, value []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(value))), value...)
}

func stateFault(path string, err error) error {
	if fault.KindOf(err) != 0 || err == nil {
		return err
	}
	return fault.New(fault.IO, filepath.Base(path), "saving what is done: %w", fault.Cause(err))
}

// RemoveState removes the state of a run that is done. What never was a state stays.
func RemoveState(path string) {
	for _, name := range []string{path + stateFresh, path} {
		if isState(name) {
			os.Remove(name)
		}
	}
}

// isState tells whether a file begins as a state does, or is the beginning of one.
func isState(path string) bool {
	if st, err := os.Lstat(path); err != nil || !st.Mode().IsRegular() {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, len(stateMagic))
	n, err := io.ReadFull(f, head)
	return (err == nil || err == io.EOF || err == io.ErrUnexpectedEOF) && strings.HasPrefix(stateMagic, string(head[:n]))
}

// SavedState is a state that was read; its numbers follow in the order in which they were written.
type SavedState struct {
	State
	Left int64 // bytes of numbers that were not read yet
	file *os.File
	r    *bufio.Reader
}

// LoadState reads the state of a run. Without one, or with one that is of no use, it gives none; notice then says why, if
// there is anything to say. What is there and was never a state is left alone: a fault of kind Busy.
func LoadState(path, digest string) (s *SavedState, notice string, err error) {
	name := filepath.Base(path)
	failed := func(err error) (*SavedState, string, error) {
		return nil, "", fault.New(fault.IO, name, "reading what an interrupted run did: %w", fault.Cause(err))
	}
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil
	}
	if err != nil {
		return failed(err)
	}
	if !st.Mode().IsRegular() {
		return nil, "", notState(name)
	}
	f, err := os.Open(path)
	if err != nil {
		return failed(err)
	}
	defer func() {
		if s == nil {
			f.Close()
		}
	}()
	magic := make([]byte, len(stateMagic))
	if _, err := io.ReadFull(f, magic); err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return failed(err)
	}
	if string(magic) != stateMagic {
		return nil, "", notState(name)
	}
	read := &SavedState{file: f, r: bufio.NewReaderSize(f, stateBuffer), Left: st.Size() - int64(len(stateMagic)) - sha256.Size}
	switch ok, err := whole(f, st.Size()); {
	case err != nil:
		return failed(err)
	case !ok || !read.head():
		return nil, fault.Printable(name) + " is damaged and is not used: the run starts anew", nil
	case read.Digest != digest:
		return nil, fault.Printable(name) + " is of another model, text, version or options and is not used: the run starts anew", nil
	}
	return read, "", nil
}

func notState(name string) error {
	return fault.New(fault.Busy, name, "what is done would be kept here, and this is something else: move it, or give another output name")
}

// whole tells whether a file of size bytes ends with the hash of what is before, and leaves it behind the magic.
func whole(f *os.File, size int64) (bool, error) {
	n := size - sha256.Size
	if n < int64(len(stateMagic)) {
		return false, nil
	}
	h := sha256.New()
	if _, err := io.CopyBuffer(h, io.NewSectionReader(f, 0, n), make([]byte, stateBuffer)); err != nil {
		return false, err
	}
	sum := make([]byte, sha256.Size)
	if _, err := f.ReadAt(sum, n); err != nil {
		return false, err
	}
	_, err := f.Seek(int64(len(stateMagic)), io.SeekStart)
	return bytes.Equal(sum, h.Sum(nil)), err
}

// head reads what is before the numbers. A length is only believed when the file has as much.
func (s *SavedState) head() bool {
	digest, ok := s.field()
	if !ok {
		return false
	}
	s.Digest = string(digest)
	var layer [1]int64
	if s.Ints(layer[:]) != nil || layer[0] < 0 || layer[0] > math.MaxInt32 {
		return false
	}
	s.Layer = int(layer[0])
	s.JSON, ok = s.field()
	return ok
}

func (s *SavedState) field() ([]byte, bool) {
	b := make([]byte, 4)
	if s.read(b) != nil {
		return nil, false
	}
	n := int64(binary.LittleEndian.Uint32(b))
	if n > s.Left {
		return nil, false
	}
	b = make([]byte, n)
	return b, s.read(b) == nil
}

// errState is the answer where there are fewer numbers than the run wants, or other ones than it can use.
var errState = errors.New("the state does not fit the run")

func (s *SavedState) read(b []byte) error {
	if int64(len(b)) > s.Left {
		return errState
	}
	s.Left -= int64(len(b))
	_, err := io.ReadFull(s.r, b)
	return err
}

// Floats reads float32 values.
func (s *SavedState) Floats(dst []float32) error {
	return get(s, dst, 4, func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) })
}

// Doubles reads float64 values.
func (s *SavedState) Doubles(dst []float64) error {
	return get(s, dst, 8, func(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) })
}

// Ints reads whole numbers.
func (s *SavedState) Ints(dst []int64) error {
	return get(s, dst, 8, func(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) })
}

func get[T any](s *SavedState, dst []T, size int, one func([]byte) T) error {
	buf := make([]byte, min(len(dst)*size, stateBuffer))
	for len(dst) > 0 {
		n := min(len(dst), len(buf)/size)
		if err := s.read(buf[:n*size]); err != nil {
			return err
		}
		for i := range n {
			dst[i] = one(buf[i*size:])
		}
		dst = dst[n:]
	}
	return nil
}

// Close ends the reading.
func (s *SavedState) Close() error { return s.file.Close() }
