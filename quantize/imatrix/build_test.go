package imatrix

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
)

const fileName = "importance"

// tensor is one tensor of an importance file.
type tensor struct {
	name   string
	typ    gguf.Type
	shape  []int64
	values []float32
}

func sums(name string, columns, matrices int64, v ...float32) tensor {
	return tensor{name + ".in_sum2", gguf.TypeF32, []int64{columns, matrices}, v}
}

func counts(name string, v ...float32) tensor {
	return tensor{name + ".counts", gguf.TypeF32, []int64{1, int64(len(v))}, v}
}

// keysOf are the keys that llama-imatrix writes.
func keysOf() []gguf.KV {
	return []gguf.KV{{Key: "general.type", Value: "imatrix"}, {Key: "imatrix.datasets", Value: []string{"calibration.txt"}},
		{Key: "imatrix.chunk_count", Value: uint32(7)}, {Key: "imatrix.chunk_size", Value: uint32(512)}}
}

// ggufFile writes a file of any keys and tensors.
func ggufFile(t testing.TB, kvs []gguf.KV, list ...tensor) []byte {
	t.Helper()
	tensors := make([]gguf.Tensor, len(list))
	for i, x := range list {
		tensors[i] = gguf.Tensor{Name: x.name, Type: x.typ, Shape: x.shape}
	}
	l, err := gguf.NewLayout(kvs, tensors, gguf.DefaultAlignment)
	if err != nil {
		t.Fatal(err)
	}
	b := append([]byte(nil), l.Header...)
	b = append(b, make([]byte, l.Size-int64(len(b)))...)
	for i, x := range list {
		at := b[l.DataStart+l.Tensors[i].Offset:]
		for k, v := range x.values {
			binary.LittleEndian.PutUint32(at[4*k:], math.Float32bits(v))
		}
	}
	return b
}

// dat writes the legacy form field by field, right or wrong: int32, string without its length, float32.
func dat(fields ...any) (b []byte) {
	for _, f := range fields {
		switch f := f.(type) {
		case int:
			b = binary.LittleEndian.AppendUint32(b, uint32(int32(f)))
		case string:
			b = append(b, f...)
		case float32:
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
		case float64:
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(f)))
		}
	}
	return b
}

func open(b []byte) (*Matrix, error) {
	return Open(bytes.NewReader(b), int64(len(b)), fileName, DefaultLimits())
}

func opened(t *testing.T, b []byte) *Matrix {
	t.Helper()
	m, err := open(b)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// refused asserts what every fault promises: the kind, one line that begins with the file and says all of parts, no
// matrix, and memory in proportion to the input.
func refused(t *testing.T, b []byte, kind fault.Kind, parts ...string) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	m, err := open(b)
	runtime.ReadMemStats(&after)
	var e *fault.Error
	if !errors.As(err, &e) || m != nil {
		t.Fatalf("accepted, or no fault: %v", err)
	}
	if e.Kind != kind {
		t.Errorf("kind %d, want %d: %v", e.Kind, kind, err)
	}
	text := err.Error()
	if !strings.HasPrefix(text, fileName+": ") || strings.ContainsAny(text, "\n\x00") {
		t.Errorf("not one line with the file: %q", text)
	}
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q does not say %q", text, p)
		}
	}
	if got, limit := after.TotalAlloc-before.TotalAlloc, uint64(4*len(b)+2<<20); got > limit {
		t.Errorf("allocated %d bytes for %d of input, limit %d", got, len(b), limit)
	}
}
