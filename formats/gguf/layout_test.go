package gguf

import (
	"bytes"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
)

func TestNewLayout(t *testing.T) {
	kvs := []KV{{"k", "v"}, {"empty", []string{}}}
	ts := []Tensor{
		{Name: "a", Type: TypeF32, Shape: []int64{3}},
		{Name: "b", Type: TypeQ8_0, Shape: []int64{32, 3}},
		{Name: "c", Type: TypeI8, Shape: []int64{1, 1, 1, 1}},
	}
	l, err := NewLayout(kvs, ts, 32)
	if err != nil {
		t.Fatal(err)
	}
	want := file(3, 2).kv("k", ValueString).str("v").arr("empty", ValueString, 0).
		tensor("a", TypeF32, 0, 3).tensor("b", TypeQ8_0, 32, 32, 3).tensor("c", TypeI8, 160, 1, 1, 1, 1).data(32, 0)
	if !bytes.Equal(l.Header, want) {
		t.Errorf("header %x\nwant   %x", l.Header, want)
	}
	if l.DataStart != int64(len(want)) || l.Size != l.DataStart+192 || l.Align != 32 {
		t.Errorf("data start %d, size %d", l.DataStart, l.Size)
	}
	if ts[1].Offset != 0 {
		t.Error("the caller's tensors were changed")
	}
	accepted(t, append(l.Header, make([]byte, 192)...))
}

func TestLayoutWithoutTensors(t *testing.T) {
	l, err := NewLayout(nil, nil, 32)
	if err != nil || len(l.Header) != 32 || l.Size != 32 {
		t.Fatalf("%+v, %v", l, err)
	}
}

func TestLayoutRefuses(t *testing.T) {
	shape := func(dims ...int64) []Tensor { return []Tensor{{Name: "w", Type: TypeF32, Shape: dims}} }
	named := func(name string) []Tensor { return []Tensor{{Name: name, Type: TypeF32, Shape: []int64{8}}} }
	good := shape(8)
	for _, c := range []struct {
		name  string
		kvs   []KV
		ts    []Tensor
		align int64
		kind  fault.Kind
		field string
	}{
		{"name of 64 bytes", nil, named(strings.Repeat("n", 64)), 32, unsupported, "name is longer than 63 bytes"},
		{"empty name", nil, named(""), 32, unsupported, "name is empty"},
		{"zero byte in a name", nil, named("a\x00b"), 32, unsupported, "name holds a zero byte"},
		{"no dimension", nil, shape(), 32, unsupported, "has 0 dimensions, GGUF holds 1 to 4"},
		{"five dimensions", nil, shape(1, 1, 1, 1, 1), 32, unsupported, "has 5 dimensions"},
		{"negative dimension", nil, shape(-8), 32, malformed, "shape [-8]"},
		{"row is no multiple of the block", nil, []Tensor{{Name: "w", Type: TypeQ4_K, Shape: []int64{2880}}}, 32, malformed, "rows of 2880 do not fit Q4_K"},
		{"retired type", nil, []Tensor{{Name: "w", Type: 4, Shape: []int64{32}}}, 32, unsupported, "type 4 was retired"},
		{"too large", nil, []Tensor{{Name: "w", Type: TypeI8, Shape: []int64{1<<63 - 1}}}, 32, malformed, "larger than any file"},
		{"too large together", nil, []Tensor{{Name: "v", Type: TypeI8, Shape: []int64{1 << 62}}, {Name: "w", Type: TypeI8, Shape: []int64{1 << 62}}}, 32, malformed, "larger than any file"},
		{"duplicate tensor", nil, append(named("w"), good...), 32, malformed, "name is given twice"},
		{"duplicate key", []KV{{"k", uint8(1)}, {"k", uint8(2)}}, good, 32, malformed, `key "k" is given twice`},
		{"empty key", []KV{{"", uint8(1)}}, good, 32, malformed, "is empty"},
		{"key beyond ASCII", []KV{{"ä", uint8(1)}}, good, 32, malformed, "is not printable ASCII"},
		{"value of type int", []KV{{"k", 1}}, good, 32, malformed, "a value of Go type int has no GGUF type"},
		{"value nil", []KV{{"k", nil}}, good, 32, malformed, "Go type <nil>"},
		{"array of arrays", []KV{{"k", [][]uint8{{1}}}}, good, 32, malformed, "Go type [][]uint8"},
		{"alignment 0", nil, good, 0, malformed, "alignment 0 is no power of two"},
		{"alignment 48", nil, good, 48, malformed, "alignment 48 is no power of two"},
		{"alignment that no key says", nil, good, 64, mismatch, "data aligned to 64, but general.alignment says 32"},
		{"alignment that the key denies", []KV{{keyAlignment, uint32(64)}}, good, 32, mismatch, "data aligned to 32, but general.alignment says 64"},
		{"alignment key of another type", []KV{{keyAlignment, uint64(32)}}, good, 32, malformed, "Go type uint64, expected uint32"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := NewLayout(c.kvs, c.ts, c.align)
			if l != nil || fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.field) {
				t.Errorf("got %v, want kind %d with %q", err, c.kind, c.field)
			}
		})
	}
}
