package gguf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
)

const fileName = "model.gguf"

// bytesOf writes a file field by field, right or wrong.
type bytesOf struct{ b []byte }

func (w *bytesOf) u8(v byte) *bytesOf    { w.b = append(w.b, v); return w }
func (w *bytesOf) u32(v uint32) *bytesOf { w.b = binary.LittleEndian.AppendUint32(w.b, v); return w }
func (w *bytesOf) u64(v uint64) *bytesOf { w.b = binary.LittleEndian.AppendUint64(w.b, v); return w }
func (w *bytesOf) raw(s string) *bytesOf { w.b = append(w.b, s...); return w }
func (w *bytesOf) str(s string) *bytesOf { return w.u64(uint64(len(s))).raw(s) }

// file starts a version 3 file.
func file(tensors, kvs uint64) *bytesOf {
	return new(bytesOf).raw("GGUF").u32(3).u64(tensors).u64(kvs)
}

// kv writes a key and its type; the value follows.
func (w *bytesOf) kv(key string, t ValueType) *bytesOf { return w.str(key).u32(uint32(t)) }

// arr writes a key of an array; n elements follow.
func (w *bytesOf) arr(key string, elem ValueType, n uint64) *bytesOf {
	return w.kv(key, ValueArray).u32(uint32(elem)).u64(n)
}

// tensor writes one tensor info.
func (w *bytesOf) tensor(name string, t Type, off uint64, dims ...uint64) *bytesOf {
	w.str(name).u32(uint32(len(dims)))
	for _, d := range dims {
		w.u64(d)
	}
	return w.u32(uint32(t)).u64(off)
}

// data pads to align and adds n bytes.
func (w *bytesOf) data(align, n int) []byte {
	for len(w.b)%align != 0 {
		w.u8(0)
	}
	return append(w.b, make([]byte, n)...)
}

func open(b []byte) (*File, error) {
	return Open(bytes.NewReader(b), int64(len(b)), fileName, DefaultLimits())
}

// refused asserts what every fault promises: a fault of the kind, naming file and field, no file, and
// memory in proportion to the input.
func refused(t *testing.T, b []byte, kind fault.Kind, field string) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f, err := open(b)
	runtime.ReadMemStats(&after)
	if err == nil {
		t.Fatal("accepted")
	}
	if f != nil {
		t.Error("a file comes with the fault")
	}
	isFault(t, err, kind, field)
	if got, limit := after.TotalAlloc-before.TotalAlloc, uint64(2*len(b)+1<<20); got > limit {
		t.Errorf("allocated %d bytes for %d of input, limit %d", got, len(b), limit)
	}
}

func isFault(t *testing.T, err error, kind fault.Kind, field string) {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) {
		t.Fatalf("no fault: %v", err)
	}
	if e.Kind != kind {
		t.Errorf("kind %d, want %d: %v", e.Kind, kind, err)
	}
	if !strings.HasPrefix(err.Error(), fileName+": ") || !strings.Contains(err.Error(), field) {
		t.Errorf("message does not name the file and %q: %v", field, err)
	}
}

func accepted(t *testing.T, b []byte) *File {
	t.Helper()
	f, err := open(b)
	if err != nil {
		t.Fatal(err)
	}
	holds(t, f)
	return f
}

// holds asserts that the sections lie in the file, aligned, in order and without overlap.
func holds(t *testing.T, f *File) {
	t.Helper()
	end := f.DataStart
	if end < headerBytes || end > f.Size {
		t.Fatalf("data start at %d in a file of %d", end, f.Size)
	}
	for i := range f.Tensors {
		x := &f.Tensors[i]
		off, n := f.Section(x)
		if off < end || off-end >= f.Align || x.Offset%f.Align != 0 || n < 0 || off > f.Size || n > f.Size-off {
			t.Fatalf("%q: %d bytes at %d, previous end %d, file of %d", x.Name, n, off, end, f.Size)
		}
		block, size, ok := x.Type.Block()
		if !ok || size == 0 {
			t.Fatalf("%q: type %d", x.Name, x.Type)
		}
		elems := int64(1)
		for _, d := range x.Shape {
			if d != 0 && elems > math.MaxInt64/d {
				t.Fatalf("%q: shape %v overflows", x.Name, x.Shape)
			}
			elems *= d
		}
		if elems%block != 0 || elems/block*size != n || elems != x.Elems() {
			t.Fatalf("%q: %v %v has %d bytes", x.Name, x.Type, x.Shape, n)
		}
		if len(x.Shape) > 0 && x.Rows()*x.Shape[0] != elems {
			t.Fatalf("%q: %v has %d rows", x.Name, x.Shape, x.Rows())
		}
		end = off + n
	}
	if f.DataEnd < end || f.DataEnd > f.Size {
		t.Fatalf("data end at %d, last tensor at %d, file of %d", f.DataEnd, end, f.Size)
	}
}

// zeros is a reader of a head and zeros after it, as long as one claims.
type zeros struct{ head []byte }

func (z zeros) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	if off < int64(len(z.head)) {
		copy(p, z.head[off:])
	}
	return len(p), nil
}

// claimed opens a head as a file of size bytes.
func claimed(head []byte, size int64, lim Limits) (*File, error) {
	return Open(zeros{head}, size, fileName, lim)
}
