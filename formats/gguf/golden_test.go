package gguf

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestReferenceValues reads what the reference's writer wrote (testdata/golden.py).
func TestReferenceValues(t *testing.T) {
	f := accepted(t, read(t, "testdata/all.gguf"))
	want := []KV{
		{"general.architecture", "golden"},
		{"general.alignment", uint32(64)},
		{"golden.scalar.uint8", uint8(255)}, {"golden.array.uint8", []uint8{255, 0, 255}},
		{"golden.scalar.int8", int8(-128)}, {"golden.array.int8", []int8{-128, 0, -128}},
		{"golden.scalar.uint16", uint16(65535)}, {"golden.array.uint16", []uint16{65535, 0, 65535}},
		{"golden.scalar.int16", int16(-32768)}, {"golden.array.int16", []int16{-32768, 0, -32768}},
		{"golden.scalar.uint32", uint32(math.MaxUint32)}, {"golden.array.uint32", []uint32{math.MaxUint32, 0, math.MaxUint32}},
		{"golden.scalar.int32", int32(math.MinInt32)}, {"golden.array.int32", []int32{math.MinInt32, 0, math.MinInt32}},
		{"golden.scalar.float32", float32(1.5)}, {"golden.array.float32", []float32{1.5, 0, 1.5}},
		{"golden.scalar.bool", true}, {"golden.array.bool", []bool{true, false, true}},
		{"golden.scalar.uint64", uint64(math.MaxUint64)}, {"golden.array.uint64", []uint64{math.MaxUint64, 0, math.MaxUint64}},
		{"golden.scalar.int64", int64(math.MinInt64)}, {"golden.array.int64", []int64{math.MinInt64, 0, math.MinInt64}},
		{"golden.scalar.float64", -0.1}, {"golden.array.float64", []float64{-0.1, 0, -0.1}},
		{"golden.scalar.string", "Grüße, 世界\n"},
		{"golden.array.string", []string{"a", "", strings.Repeat("ß", 300)}},
		{"golden.inferred.int", []int32{1, -2, 3}},
		{"golden.inferred.float", []float32{1, -2.5}},
		{"golden.inferred.bool", []bool{true, false}},
		{"golden.inferred.bytes", []uint8{0, 1, 255}},
	}
	if len(f.KVs) != len(want) {
		t.Fatalf("%d keys, want %d", len(f.KVs), len(want))
	}
	for i := range want {
		if !reflect.DeepEqual(f.KVs[i], want[i]) {
			t.Errorf("key %d: %#v, want %#v", i, f.KVs[i], want[i])
		}
	}
	tensors := []struct {
		Tensor
		bytes int64
	}{
		{Tensor{"vec", TypeF32, []int64{5}, 0}, 20},
		{Tensor{"mat", TypeF16, []int64{7, 3}, 64}, 42},
		{Tensor{"cube", TypeI8, []int64{4, 3, 2}, 128}, 24},
		{Tensor{"hyper", TypeF64, []int64{3, 2, 1, 2}, 192}, 96},
		{Tensor{"q8", TypeQ8_0, []int64{64, 2}, 320}, 136},
		{Tensor{"q4k", TypeQ4_K, []int64{256, 2}, 512}, 288},
		{Tensor{strings.Repeat("n", 63), TypeI16, []int64{1}, 832}, 2},
	}
	if len(f.Tensors) != len(tensors) {
		t.Fatalf("%d tensors", len(f.Tensors))
	}
	for i, w := range tensors {
		x := &f.Tensors[i]
		if !reflect.DeepEqual(*x, w.Tensor) || x.Bytes() != w.bytes {
			t.Errorf("tensor %d: %+v of %d bytes, want %+v", i, *x, x.Bytes(), w)
		}
		p := make([]byte, w.bytes)
		if err := f.ReadAt(x, p, 0); err != nil {
			t.Fatal(err)
		}
		for j := range p {
			if p[j] != byte(j%251) {
				t.Errorf("%s: byte %d is %d: the section is at another place", x.Name, j, p[j])
				break
			}
		}
	}
	if f.Align != 64 || f.DataEnd != f.Size || f.Version != 3 {
		t.Errorf("align %d, version %d, data end at %d of %d", f.Align, f.Version, f.DataEnd, f.Size)
	}
	if s, ok := Value[string](f, "golden.scalar.string"); !ok || s != "Grüße, 世界\n" {
		t.Errorf("Value: %q, %v", s, ok)
	}
	if n, ok := Value[int32](f, "golden.scalar.uint32"); ok {
		t.Errorf("Value of another type: %d", n)
	}
	for key, want := range map[string]int64{"golden.scalar.uint8": 255, "golden.scalar.int8": -128, "golden.scalar.uint16": 65535, "golden.scalar.int16": -32768,
		"golden.scalar.uint32": math.MaxUint32, "golden.scalar.int32": math.MinInt32, "golden.scalar.int64": math.MinInt64} {
		if n, ok := f.Int(key); !ok || n != want {
			t.Errorf("Int(%s) = %d, %v", key, n, ok)
		}
	}
	for _, key := range []string{"golden.scalar.uint64", "golden.scalar.float32", "golden.scalar.bool", "golden.array.uint8", "absent"} {
		if n, ok := f.Int(key); ok {
			t.Errorf("Int(%s) = %d", key, n)
		}
	}
}

// sameHeader lays a file out again and compares every byte before the data.
func sameHeader(t *testing.T, b []byte) {
	t.Helper()
	f := accepted(t, b)
	l, err := NewLayout(f.KVs, f.Tensors, f.Align)
	if err != nil {
		t.Fatal(err)
	}
	n := min(len(l.Header), len(b)) // a vocabulary without tensors ends unpadded
	if !bytes.Equal(l.Header[:n], b[:n]) {
		t.Fatal("the header laid out again differs")
	}
	if len(f.Tensors) > 0 && (l.DataStart != f.DataStart || l.Size != f.DataEnd) {
		t.Fatalf("data from %d to %d, laid out again from %d to %d", f.DataStart, f.DataEnd, l.DataStart, l.Size)
	}
	if !reflect.DeepEqual(l.Tensors, f.Tensors) && len(f.Tensors) > 0 {
		t.Fatal("offsets laid out again differ")
	}
}

func TestLayoutEqualsReference(t *testing.T) {
	names, err := filepath.Glob("testdata/*.gguf")
	if err != nil || len(names) != 4 {
		t.Fatalf("golden files: %v, %v", names, err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) { sameHeader(t, read(t, name)) })
	}
}

func TestLayoutEqualsPublishedFiles(t *testing.T) {
	const shared = "../../../shared/data"
	if _, err := os.Stat(shared); err != nil {
		t.Skip("../shared/data is absent: headers of published files are not compared")
	}
	vocab, _ := filepath.Glob(shared + "/vocab/*.gguf")
	names := append(vocab, shared+"/models/stories260K/stories260Ktok512.gguf")
	if len(names) != 7 {
		t.Fatalf("published files: %v", names)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) { sameHeader(t, read(t, name)) })
	}
}

// splitPlan is one case of testdata/plans.json: how the reference's writer divided these sizes.
type splitPlan struct {
	Sizes      []int64
	MaxTensors int
	MaxBytes   int64
	Groups     [][]int
}

func TestPlanSplitsEqualsReference(t *testing.T) {
	var plans []splitPlan
	if err := json.Unmarshal(read(t, "testdata/plans.json"), &plans); err != nil || len(plans) < 100 {
		t.Fatalf("%d plans, %v", len(plans), err)
	}
	for _, p := range plans {
		ts := make([]Tensor, len(p.Sizes))
		for i, n := range p.Sizes {
			ts[i] = Tensor{Type: TypeF32, Shape: []int64{n / 4}}
		}
		got, err := PlanSplits(ts, p.MaxTensors, p.MaxBytes)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(got, p.Groups, slices.Equal[[]int]) {
			t.Errorf("sizes %v, at most %d tensors and %d bytes: %v, want %v", p.Sizes, p.MaxTensors, p.MaxBytes, got, p.Groups)
		}
	}
}

// TestSplitHeadersEqualReference makes the reference's three files from one list of tensors.
func TestSplitHeadersEqualReference(t *testing.T) {
	kvs := []KV{{"general.architecture", "golden"}, {"golden.block_count", uint32(2)}}
	var ts []Tensor
	for i := range int64(7) {
		ts = append(ts, Tensor{Name: "blk." + string(rune('0'+i)) + ".w", Type: TypeF32, Shape: []int64{i + 1}})
	}
	parts, err := PlanSplits(ts, 3, 0)
	if err != nil || len(parts) != 3 {
		t.Fatalf("%v, %v", parts, err)
	}
	for no, part := range parts {
		own := make([]Tensor, len(part))
		for i, k := range part {
			own[i] = ts[k]
		}
		l, err := NewLayout(ShardKVs(kvs, no, len(parts), len(ts)), own, DefaultAlignment)
		if err != nil {
			t.Fatal(err)
		}
		want := read(t, filepath.Join("testdata", SplitName("split", no+1, len(parts))))
		if l.Size != int64(len(want)) || !bytes.HasPrefix(want, l.Header) {
			t.Errorf("part %d differs from the reference's", no+1)
		}
	}
}
