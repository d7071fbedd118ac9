package gguf

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"reflect"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
)

func TestSplitNames(t *testing.T) {
	if got := SplitName("dir/model-Q4_K_M", 2, 12); got != "dir/model-Q4_K_M-00002-of-00012.gguf" {
		t.Errorf("SplitName: %s", got)
	}
	for _, c := range []struct {
		name, prefix string
		no, count    int
		ok           bool
	}{
		{"m-00001-of-00003.gguf", "m", 1, 3, true},
		{"dir/m-x-00003-of-00003.gguf", "dir/m-x", 3, 3, true},
		{"m-00001-of-00001.gguf", "m", 1, 1, true},
		{"m-00001-of-00002-00001-of-00003.gguf", "m-00001-of-00002", 1, 3, true},
		{"m-00000-of-00003.gguf", "", 0, 0, false},
		{"m-00004-of-00003.gguf", "", 0, 0, false},
		{"-00001-of-00003.gguf", "", 0, 0, false},
		{"m-0001-of-0003.gguf", "", 0, 0, false},
		{"m-000001-of-000003.gguf", "", 0, 0, false},
		{"m-+0001-of-00003.gguf", "", 0, 0, false},
		{"m_00001-of-00003.gguf", "", 0, 0, false},
		{"m-00001-of-00003.safetensors", "", 0, 0, false},
		{"model.gguf", "", 0, 0, false},
		{".gguf", "", 0, 0, false},
	} {
		prefix, no, count, ok := ParseSplit(c.name)
		if prefix != c.prefix || no != c.no || count != c.count || ok != c.ok {
			t.Errorf("ParseSplit(%q) = %q, %d, %d, %v", c.name, prefix, no, count, ok)
		}
		if ok && SplitName(prefix, no, count) != c.name {
			t.Errorf("SplitName does not give %q back", c.name)
		}
	}
}

func TestPlanSplitsRefuses(t *testing.T) {
	small := Tensor{Name: "w", Type: TypeI8, Shape: []int64{1}}
	for _, c := range []struct {
		name       string
		ts         []Tensor
		maxTensors int
		maxBytes   int64
		kind       fault.Kind
	}{
		{"negative count", nil, -1, 0, fault.Usage},
		{"negative size", nil, 0, -1, fault.Usage},
		{"65,536 files", make([]Tensor, 65_536), 1, 0, fault.Usage},
		{"unknown type", []Tensor{{Name: "w", Type: 99, Shape: []int64{1}}}, 0, 0, unsupported},
		{"sizes overflow", []Tensor{{Name: "v", Type: TypeI8, Shape: []int64{1<<63 - 1}}, small}, 0, 0, malformed},
	} {
		for i := range c.ts {
			if c.ts[i].Shape == nil {
				c.ts[i] = small
			}
		}
		if _, err := PlanSplits(c.ts, c.maxTensors, c.maxBytes); fault.KindOf(err) != c.kind {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	many := make([]Tensor, 65_535)
	for i := range many {
		many[i] = small
	}
	if parts, err := PlanSplits(many, 1, 0); err != nil || len(parts) != 65_535 {
		t.Errorf("65,535 files: %v", err)
	}
}

func TestShardKVs(t *testing.T) {
	kvs := []KV{{"a", "x"}, {"split.count", uint16(9)}, {"b", "y"}}
	want := []KV{{"a", "x"}, {"split.count", uint16(3)}, {"b", "y"}, {"split.no", uint16(0)}, {"split.tensors.count", int32(7)}}
	if got := ShardKVs(kvs, 0, 3, 7); !reflect.DeepEqual(got, want) {
		t.Errorf("first: %v", got)
	}
	if kvs[1].Value != uint16(9) {
		t.Error("the caller's keys were changed")
	}
	want = []KV{{"split.no", uint16(2)}, {"split.count", uint16(3)}, {"split.tensors.count", int32(7)}}
	if got := ShardKVs(kvs, 2, 3, 7); !reflect.DeepEqual(got, want) {
		t.Errorf("later: %v", got)
	}
}

// folder opens files by name from memory.
type folder map[string][]byte

func (f folder) open(name string) (io.ReaderAt, int64, error) {
	b, ok := f[name]
	if !ok {
		return nil, 0, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return bytes.NewReader(b), int64(len(b)), nil
}

// part makes one file of a set with one tensor.
func part(tensor string, kvs ...KV) []byte {
	l, err := NewLayout(kvs, []Tensor{{Name: tensor, Type: TypeI8, Shape: []int64{3}}}, DefaultAlignment)
	if err != nil {
		panic(err)
	}
	return append(l.Header, append([]byte(tensor), make([]byte, 32-len(tensor))...)...)
}

func splitSet() folder {
	kvs := []KV{{"general.architecture", "x"}}
	return folder{
		"d/m-00001-of-00003.gguf": part("one", ShardKVs(kvs, 0, 3, 3)...),
		"d/m-00002-of-00003.gguf": part("two", ShardKVs(kvs, 1, 3, 3)...),
		"d/m-00003-of-00003.gguf": part("six", ShardKVs(kvs, 2, 3, 3)...),
	}
}

func TestOpenSet(t *testing.T) {
	s, err := OpenSet(splitSet().open, "d/m-00001-of-00003.gguf", DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Files) != 3 || s.First != s.Files[0] || len(s.Tensors) != 3 || len(s.KVs) != 4 {
		t.Fatalf("%d files, %d tensors, %d keys", len(s.Files), len(s.Tensors), len(s.KVs))
	}
	for i, want := range []string{"one", "two", "six"} {
		p := make([]byte, 3)
		if err := s.ReadAt(i, p, 0); err != nil || string(p) != want || s.Tensors[i].Name != want {
			t.Errorf("tensor %d: %q, %v", i, p, err)
		}
		if err := s.ReadAt(i, p[:1], 2); err != nil || p[0] != want[2] {
			t.Errorf("tensor %d, last byte: %q, %v", i, p[:1], err)
		}
		if no, off, n := s.Section(i); no != i || off != s.Files[i].DataStart || n != 3 {
			t.Errorf("tensor %d: part %d, %d bytes at %d", i, no, n, off)
		}
		if got, want := s.FileOf(i), SplitName("m", i+1, 3); got != want {
			t.Errorf("tensor %d is in %s, want %s", i, got, want)
		}
		for _, bad := range []struct{ off, n int64 }{{-1, 1}, {0, 4}, {3, 1}, {4, 0}, {1 << 62, 1}} {
			if err := s.ReadAt(i, make([]byte, bad.n), bad.off); fault.KindOf(err) != malformed {
				t.Errorf("%d bytes at %d: %v", bad.n, bad.off, err)
			}
		}
	}
	// A file of its own is a set of one, also when a merge left split.count 0.
	for _, kvs := range [][]KV{nil, {{"split.no", uint16(0)}, {"split.tensors.count", int32(3)}, {"split.count", uint16(0)}}} {
		s, err := OpenSet(folder{"m.gguf": part("one", kvs...)}.open, "m.gguf", DefaultLimits())
		if err != nil || len(s.Files) != 1 || len(s.Tensors) != 1 {
			t.Errorf("%v: %v", kvs, err)
		}
	}
}

func TestC15SplitSets(t *testing.T) {
	const first, second, third = "d/m-00001-of-00003.gguf", "d/m-00002-of-00003.gguf", "d/m-00003-of-00003.gguf"
	denied := errors.New("permission denied")
	for _, c := range []struct {
		name   string
		change func(f folder)
		first  string
		kind   fault.Kind
		want   string
	}{
		{"C15 one part missing", func(f folder) { delete(f, second) }, first, mismatch, "m-00001-of-00003.gguf: split.count is 3, but 1 of the parts are missing: m-00002-of-00003.gguf"},
		{"C15 two parts missing", func(f folder) { delete(f, second); delete(f, third) }, first, mismatch, "2 of the parts are missing: m-00002-of-00003.gguf, m-00003-of-00003.gguf"},
		{"C15 wrong split.no in a part", func(f folder) { f[second] = f[third] }, first, mismatch, `m-00002-of-00003.gguf: key "split.no" is 2, expected 1`},
		{"C15 wrong split.no in the first", func(f folder) { f[first] = f[second] }, first, mismatch, `m-00001-of-00003.gguf: key "split.no" is 1, but its name says 0`},
		{"C15 a later part given", func(f folder) {}, second, unsupported, `m-00002-of-00003.gguf: key "split.no" is 1: give the first part, m-00001-of-00003.gguf`},
		{"C15 wrong split.count in a part", func(f folder) { f[second] = part("two", ShardKVs(nil, 1, 4, 3)...) }, first, mismatch, `key "split.count" is 4, expected 3`},
		{"C15 split.count missing in a part", func(f folder) { f[second] = part("two", KV{"split.no", uint16(1)}) }, first, malformed, `key "split.count" is missing`},
		{"C15 split.no missing in the first", func(f folder) { f[first] = part("one", KV{"split.count", uint16(3)}) }, first, malformed, `key "split.no" is missing`},
		{"C15 split.count missing in the first", func(f folder) { f[first] = part("one") }, first, mismatch, `its name says 3 parts, key "split.count" says 0`},
		{"C15 name says another count", func(f folder) { f["m-00001-of-00002.gguf"] = f[first] }, "m-00001-of-00002.gguf", mismatch, "its name says 2 parts"},
		{"C15 renamed", func(f folder) { f["m.gguf"] = f[first] }, "m.gguf", mismatch, "m.gguf: it is part 1 of 3, but is not named like one: expected NAME-00001-of-00003.gguf"},
		{"C15 split.count a string", func(f folder) { f["m.gguf"] = part("one", KV{"split.count", "3"}) }, "m.gguf", malformed, `key "split.count" is str`},
		{"C15 wrong split.tensors.count", func(f folder) { f[first] = part("one", ShardKVs(nil, 0, 3, 4)...) }, first, mismatch, `key "split.tensors.count" is 4, but the 3 parts hold 3 tensors`},
		{"C15 split.tensors.count missing", func(f folder) { f[first] = part("one", KV{"split.no", uint16(0)}, KV{"split.count", uint16(3)}) }, first, malformed, `key "split.tensors.count" is missing`},
		{"C15 tensor in two parts", func(f folder) { f[third] = part("two", ShardKVs(nil, 2, 3, 3)...) }, first, mismatch, `m-00003-of-00003.gguf: tensor "two": name is given in m-00002-of-00003.gguf too`},
		{"C15 part is cut", func(f folder) { f[third] = f[third][:40] }, first, malformed, "m-00003-of-00003.gguf: "},
		{"C15 part is empty", func(f folder) { f[third] = nil }, first, malformed, "m-00003-of-00003.gguf: 0 bytes"},
		{"C15 first is absent", func(f folder) { delete(f, first) }, first, fault.IO, "m-00001-of-00003.gguf: "},
		{"C15 split.count 2^32-1", func(f folder) {
			f[first] = part("one", KV{"split.no", uint16(0)}, KV{"split.count", uint32(1<<32 - 1)})
		}, first, limit, `key "split.count" is 4294967295, the limit is 65535`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := splitSet()
			c.change(f)
			s, err := OpenSet(f.open, c.first, DefaultLimits())
			if s != nil || fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want kind %d with %q", err, c.kind, c.want)
			}
		})
	}
	_, err := OpenSet(func(name string) (io.ReaderAt, int64, error) {
		if name == third {
			return nil, 0, denied
		}
		return splitSet().open(name)
	}, first, DefaultLimits())
	if fault.KindOf(err) != fault.IO || !errors.Is(err, denied) {
		t.Errorf("part that cannot be opened: %v", err)
	}
}

// short gives an error from some offset on.
type short struct {
	io.ReaderAt
	from int64
	err  error
}

func (s short) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > s.from {
		return 0, s.err
	}
	return s.ReaderAt.ReadAt(p, off)
}

func TestReadErrors(t *testing.T) {
	b := cutFile()
	broken := errors.New("input/output error")
	for _, c := range []struct{ err, want error }{{broken, broken}, {io.EOF, io.ErrUnexpectedEOF}, {nil, io.ErrUnexpectedEOF}} {
		_, err := Open(short{bytes.NewReader(b), 10, c.err}, int64(len(b)), fileName, DefaultLimits())
		if fault.KindOf(err) != fault.IO || !errors.Is(err, c.want) {
			t.Errorf("header, %v: %v", c.err, err)
		}
		f, err := Open(bytes.NewReader(b), int64(len(b)), fileName, DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		f.r = short{bytes.NewReader(b), f.DataStart, c.err}
		err = f.ReadAt(&f.Tensors[1], make([]byte, 8), 4)
		if fault.KindOf(err) != fault.IO || !errors.Is(err, c.want) || !strings.Contains(err.Error(), `tensor "b"`) {
			t.Errorf("data, %v: %v", c.err, err)
		}
	}
}
