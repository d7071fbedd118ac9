package safetensors

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
)

func TestOpenGood(t *testing.T) {
	b := good(t)
	f := accepted(t, b)
	want := []Tensor{
		{"a.weight", "F32", []int64{2}, 12, 8},
		{"b.weight", "F16", []int64{2, 3}, 0, 12},
		{"empty", "I64", []int64{0, 7}, 22, 0},
		{"packed", "F4", []int64{3, 2}, 22, 3},
		{"scalar", "BF16", nil, 20, 2},
	}
	if len(f.Tensors) != len(want) {
		t.Fatalf("%d tensors", len(f.Tensors))
	}
	for i, w := range want {
		g := f.Tensors[i]
		if g.Name != w.Name || g.Dtype != w.Dtype || !slices.Equal(g.Shape, w.Shape) || g.Off != f.HeaderBytes+w.Off || g.Bytes != w.Bytes {
			t.Errorf("tensor %d: %+v, want %+v plus %d", i, g, w, f.HeaderBytes)
		}
	}
	if !maps.Equal(f.Metadata, map[string]string{"format": "pt", "note": "ä\n"}) {
		t.Errorf("metadata %v", f.Metadata)
	}
	if f.HeaderSHA256 != sha256.Sum256(b[:f.HeaderBytes]) {
		t.Error("header digest is not that of the bytes before the data")
	}
}

func TestAccepted(t *testing.T) {
	one := `{"test":{"dtype":"I32","shape":[2,2],"data_offsets":[0,16]}}`
	for _, c := range []struct {
		name string
		file []byte
		n    int // tensors
	}{
		{"A7 padded at the end (reference vector)", raw(one+"    ", 16), 1},
		{"A7 padded at the start", raw("  \n\t"+one, 16), 1},
		{"A7 padded between", raw("{ \"test\" : { \"dtype\" : \"I32\" ,\n\"shape\" : [ 2 , 2 ] , \"data_offsets\" : [ 0 , 16 ] } }\r\n", 16), 1},
		{"A7 empty object (reference vector)", raw("{}", 0), 0},
		{"A7 metadata only", raw(`{"__metadata__":{}}`, 0), 0},
		{"A7 metadata null", raw(`{"__metadata__":null}`, 0), 0},
		{"A9 case variants beside the fields", raw(`{"w":{"DTYPE":"F64","dtype":"U8","Shape":0,"shape":[1],"data_offsets":[0,1]}}`, 1), 1},
		{"A11 unknown field", raw(`{"w":{"x":{"y":[1,null,{"dtype":"F64"}]},"dtype":"U8","shape":[1],"z":"t","data_offsets":[0,1]}}`, 1), 1},
		{"A11 fields in another order", raw(`{"w":{"data_offsets":[0,1],"shape":[1],"dtype":"U8"}}`, 1), 1},
		{"A19 F4 of 2x2", raw(`{"w":{"dtype":"F4","shape":[2,2],"data_offsets":[0,2]}}`, 2), 1},
		{"A19 F6 of 4", raw(`{"w":{"dtype":"F6_E3M2","shape":[4],"data_offsets":[0,3]}}`, 3), 1},
		{"A21 zero size (reference vector)", raw(`{"test":{"dtype":"I32","shape":[2,0],"data_offsets":[0, 0]}}`, 0), 1},
		{"A21 rank 0", raw(`{"w":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}`, 4), 1},
		{"A21 several at one place", raw(`{"c":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[1,1]}}`, 1), 3},
		{"A5 names beyond ASCII", raw(`{"wörter.\u4e16\ud83d\ude00":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1), 1},
		{"A9 an empty name", raw(`{"":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1), 1},
		{"A23 127 deep, in an ignored field", raw(`{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":`+strings.Repeat("[", 125)+strings.Repeat("]", 125)+`}}`, 1), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if f := accepted(t, c.file); len(f.Tensors) != c.n {
				t.Errorf("%d tensors, want %d", len(f.Tensors), c.n)
			}
		})
	}
}

func TestA11EveryDtype(t *testing.T) {
	for _, d := range dtypes {
		f := accepted(t, raw(fmt.Sprintf(`{"w":{"dtype":%q,"shape":[8],"data_offsets":[0,%d]}}`, d.name, d.bits), int(d.bits)))
		if f.Tensors[0].Dtype != d.name {
			t.Errorf("%s read as %s", d.name, f.Tensors[0].Dtype)
		}
	}
}

func TestLimits(t *testing.T) {
	lim := Limits{Header: 4096, Tensors: 3, Name: 10, Dims: 2}
	build := func(n int, name string, shape ...int64) []byte {
		ts := make([]Tensor, n)
		for i := range ts {
			ts[i] = Tensor{Name: fmt.Sprintf("%d%s", i, name), Dtype: "U8", Shape: shape}
		}
		head, err := WriteHeader(ts, nil)
		if err != nil {
			t.Fatal(err)
		}
		return append(head, make([]byte, n)...)
	}
	padded := func(n int) []byte { return raw("{}"+strings.Repeat(" ", n-2), 0) }
	for _, c := range []struct {
		name string
		file []byte
		ok   bool
	}{
		{"header at", padded(4096), true}, {"header over", padded(4097), false},
		{"tensors at", build(3, "", 1), true}, {"tensors over", build(4, "", 1), false},
		{"name at", build(1, "123456789", 1), true}, {"name over", build(1, "1234567890", 1), false},
		{"dims at", build(1, "", 1, 1), true}, {"dims over", build(1, "", 1, 1, 1), false},
	} {
		_, err := Open(bytes.NewReader(c.file), int64(len(c.file)), fileName, lim)
		if c.ok && err != nil || !c.ok && fault.KindOf(err) != fault.Limit {
			t.Errorf("%s the limit: %v", c.name, err)
		}
	}
}

// TestA22: one tensor more than the limit is refused, and the header costs memory in proportion.
func TestA22TensorCount(t *testing.T) {
	build := func(n int) []byte {
		var b bytes.Buffer
		b.Grow(n * 62)
		b.Write(make([]byte, 8))
		b.WriteByte('{')
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `"t%07d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`, i)
		}
		b.WriteByte('}')
		out := b.Bytes()
		copy(out, withLength(uint64(len(out)-8), ""))
		return out
	}
	b := build(1<<20 + 1)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f, err := open(b)
	runtime.ReadMemStats(&after)
	if f != nil || fault.KindOf(err) != fault.Limit || !strings.Contains(err.Error(), "more tensors than the limit of 1048576") {
		t.Fatalf("1,048,577 tensors: %v", err)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 250<<20 {
		t.Errorf("1,048,577 tensors: allocated %d MiB", got>>20)
	}
	lim := DefaultLimits()
	lim.Tensors = 50_000
	b = build(lim.Tensors)
	if f, err = Open(bytes.NewReader(b), int64(len(b)), fileName, lim); err != nil || len(f.Tensors) != lim.Tensors {
		t.Errorf("at a limit of %d: %v", lim.Tensors, err)
	}
}

// TestA26: any flipped bit of the header gives a fault or another valid header.
func TestA26BitFlips(t *testing.T) {
	b := good(t)
	end := int(accepted(t, b).HeaderBytes)
	if end < 350 || end > 600 {
		t.Fatalf("header of %d bytes, meant to be about 400", end)
	}
	var kept int
	for i := range 8 * end {
		b[i/8] ^= 1 << (i % 8)
		f, err := open(b)
		var e *fault.Error
		switch {
		case err == nil:
			kept++
			holds(t, f, int64(len(b)))
		case !errors.As(err, &e) || e.Kind != fault.Malformed && e.Kind != fault.Limit && e.Kind != fault.Unsupported:
			t.Fatalf("bit %d: %v", i, err)
		case !strings.HasPrefix(err.Error(), fileName+": "):
			t.Fatalf("bit %d: message does not name the file: %v", i, err)
		}
		b[i/8] ^= 1 << (i % 8)
	}
	if kept == 0 {
		t.Error("no flip renamed a tensor: the test does not reach valid headers")
	}
}

// fails gives an error, or too few bytes, from some offset on.
type fails struct {
	data []byte
	from int64
	err  error
}

func (f fails) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.from {
		return int(max(min(f.from-off, int64(len(p))), 0)), f.err
	}
	return copy(p, f.data[off:]), nil
}

func TestReadErrors(t *testing.T) {
	b := good(t)
	broken := errors.New("input/output error")
	for _, c := range []struct {
		from      int64
		err, want error
	}{{0, broken, broken}, {8, broken, broken}, {20, broken, broken}, {4, io.EOF, io.ErrUnexpectedEOF}, {20, io.EOF, io.ErrUnexpectedEOF}, {20, nil, io.ErrUnexpectedEOF}} {
		_, err := Open(fails{b, c.from, c.err}, int64(len(b)), fileName, DefaultLimits())
		if fault.KindOf(err) != fault.IO || !errors.Is(err, c.want) {
			t.Errorf("fails from %d with %v: %v", c.from, c.err, err)
		}
	}
}

func TestWriteHeaderRefuses(t *testing.T) {
	for _, ts := range [][]Tensor{
		{{Name: "w", Dtype: "F32", Shape: []int64{-1}}},
		{{Name: "w", Dtype: "F4", Shape: []int64{1}}},
		{{Name: "w", Dtype: "X", Shape: []int64{1}}},
		{{Name: "w\xff", Dtype: "U8", Shape: []int64{1}}},
		{{Name: "a", Dtype: "U8", Shape: []int64{1 << 59}}, {Name: "b", Dtype: "U8", Shape: []int64{1 << 60}}, {Name: "c", Dtype: "U64", Shape: []int64{1 << 57}}, {Name: "d", Dtype: "U8", Shape: []int64{1<<63 - 1}}},
	} {
		if _, err := WriteHeader(ts, nil); fault.KindOf(err) != fault.Malformed {
			t.Errorf("%v: %v", ts, err)
		}
	}
}
