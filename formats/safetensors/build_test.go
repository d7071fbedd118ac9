package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
)

// raw builds a file of a header text and n bytes of data.
func raw(header string, n int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, n)...)
}

// withLength builds the first bytes of a file by its length field alone.
func withLength(n uint64, rest string) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, n), rest...)
}

const fileName = "shard.safetensors"

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
	var e *fault.Error
	if !errors.As(err, &e) {
		t.Fatalf("no fault: %v", err)
	}
	if f != nil {
		t.Error("a file comes with the fault")
	}
	if e.Kind != kind {
		t.Errorf("kind %d, want %d: %v", e.Kind, kind, err)
	}
	if !strings.HasPrefix(err.Error(), fileName+": ") || !strings.Contains(err.Error(), field) {
		t.Errorf("message does not name the file and %q: %v", field, err)
	}
	if got, limit := after.TotalAlloc-before.TotalAlloc, uint64(2*len(b)+1<<20); got > limit {
		t.Errorf("allocated %d bytes for %d of input, limit %d", got, len(b), limit)
	}
}

// accepted asserts that every tensor lies inside the file and that their sizes sum up to the data.
func accepted(t *testing.T, b []byte) *File {
	t.Helper()
	f, err := open(b)
	if err != nil {
		t.Fatal(err)
	}
	holds(t, f, int64(len(b)))
	return f
}

func holds(t *testing.T, f *File, size int64) {
	t.Helper()
	if f.HeaderBytes < 8 || f.HeaderBytes > size {
		t.Fatalf("header of %d bytes in a file of %d", f.HeaderBytes, size)
	}
	sum := f.HeaderBytes
	for i, x := range f.Tensors {
		if x.Off < f.HeaderBytes || x.Bytes < 0 || x.Off > size || x.Bytes > size-x.Off {
			t.Fatalf("%q: %d bytes at %d, file of %d", x.Name, x.Bytes, x.Off, size)
		}
		if i > 0 && f.Tensors[i-1].Name >= x.Name {
			t.Fatalf("%q follows %q", x.Name, f.Tensors[i-1].Name)
		}
		bits, ok := x.Dtype.Bits()
		if !ok {
			t.Fatalf("%q: dtype %q", x.Name, x.Dtype)
		}
		for _, d := range x.Shape {
			if d != 0 && bits > math.MaxInt64/d {
				t.Fatalf("%q: shape %v overflows", x.Name, x.Shape)
			}
			bits *= d
		}
		if bits != 8*x.Bytes {
			t.Fatalf("%q: %v %s holds %d bits, section %d bytes", x.Name, x.Shape, x.Dtype, bits, x.Bytes)
		}
		sum += x.Bytes
	}
	if sum != size {
		t.Fatalf("header and tensors are %d bytes, file %d", sum, size)
	}
}

// asked records the largest end of any read.
type asked struct {
	io.ReaderAt
	end int64
}

func (a *asked) ReadAt(p []byte, off int64) (int, error) {
	a.end = max(a.end, off+int64(len(p)))
	return a.ReaderAt.ReadAt(p, off)
}

// good is a file with a bit of everything, of about 400 bytes of header.
func good(t testing.TB) []byte {
	ts := []Tensor{
		{Name: "b.weight", Dtype: "F16", Shape: []int64{2, 3}},
		{Name: "a.weight", Dtype: "F32", Shape: []int64{2}},
		{Name: "scalar", Dtype: "BF16"},
		{Name: "empty", Dtype: "I64", Shape: []int64{0, 7}},
		{Name: "packed", Dtype: "F4", Shape: []int64{3, 2}},
	}
	head, err := WriteHeader(ts, map[string]string{"format": "pt", "note": "ä\n"})
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 12+8+2+0+3)
	for i := range data {
		data[i] = byte(i + 1)
	}
	return append(head, data...)
}
