package imatrix

import (
	"bytes"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
)

var (
	nan = float32(math.NaN())
	inf = float32(math.Inf(1))
)

// without gives the keys of a file, one of them gone or, with v, of another value.
func without(key string, v any) (kvs []gguf.KV) {
	for _, kv := range keysOf() {
		if kv.Key == key {
			if v == nil {
				continue
			}
			kv.Value = v
		}
		kvs = append(kvs, kv)
	}
	return kvs
}

// TestD7Refusals: every way in which a file can be wrong, in both forms, and what is said of it.
func TestD7Refusals(t *testing.T) {
	g := func(list ...tensor) []byte { return ggufFile(t, keysOf(), list...) }
	k := func(kvs []gguf.KV) []byte { return ggufFile(t, kvs, sums("a", 1, 1, 3), counts("a", 1)) }
	whole := g(sums("a", 2, 1, 3, 4), counts("a", 1))
	old := dat(2, 1, "b", 4, 2, 8.0, 2.0, 1, "a", 1, 1, 5.0, 9, 3, "x y")
	for _, c := range []struct {
		name  string
		file  []byte
		kind  fault.Kind
		parts []string
	}{
		{"empty", nil, fault.Malformed, []string{"number of entries should have 4 bytes, 0 are left"}},
		{"text", []byte("these are only notes, nothing else"), fault.Malformed, []string{"begins with 1936025716 as the number of entries", "neither GGUF nor .dat"}},
		{"Git-LFS pointer", []byte("version https://git-lfs.github.com/spec/v1\n"), fault.Malformed, []string{"run git lfs pull"}},

		{"GGUF, damaged head", append([]byte("GGUF\x03\x00\x00\x00"), bytes.Repeat([]byte{0xff}, 40)...), fault.Malformed, []string{"tensor count"}},
		{"GGUF, cut", whole[:len(whole)-40], fault.Malformed, []string{"may be incomplete"}},
		{"GGUF, a model", k(without("general.type", "model")), fault.Malformed, []string{`key "general.type" is "model", expected "imatrix"`}},
		{"GGUF, no datasets", k(without("imatrix.datasets", nil)), fault.Malformed, []string{`key "imatrix.datasets" is missing: this is no importance matrix`}},
		{"GGUF, no chunk count", k(without("imatrix.chunk_count", nil)), fault.Malformed, []string{`key "imatrix.chunk_count" is missing`}},
		{"GGUF, no chunk size", k(without("imatrix.chunk_size", nil)), fault.Malformed, []string{`key "imatrix.chunk_size" is missing`}},
		{"GGUF, datasets a number", k(without("imatrix.datasets", uint32(1))), fault.Malformed, []string{`key "imatrix.datasets" is of another type`}},
		{"GGUF, chunk count a text", k(without("imatrix.chunk_count", []string{"7"})), fault.Malformed, []string{`key "imatrix.chunk_count" is of another type`}},
		{"GGUF, chunk size a float", k(without("imatrix.chunk_size", float32(7))), fault.Malformed, []string{`key "imatrix.chunk_size" is of another type`}},
		{"GGUF, chunk count 2^31", k(without("imatrix.chunk_count", uint32(1<<31))), fault.Malformed, []string{`"imatrix.chunk_count" is 2147483648, expected at most 2147483647`}},
		{"GGUF, no tensor", g(), fault.Malformed, []string{"has no tensor NAME.in_sum2"}},
		{"GGUF, other tensors only", g(tensor{"a", gguf.TypeF32, []int64{1}, nil}), fault.Malformed, []string{"has no tensor NAME.in_sum2"}},
		{"GGUF, no name", g(sums("", 1, 1, 3), counts("", 1)), fault.Malformed, []string{`tensor ".in_sum2"`, `"" is empty`}},
		{"GGUF, control character", g(sums("a\nb", 1, 1, 3), counts("a\nb", 1)), fault.Malformed, []string{`a\nb`, "has a control character"}},
		{"GGUF, no counts", g(sums("a", 1, 1, 3)), fault.Malformed, []string{`tensor "a"`, `"a.counts" is missing`}},
		{"GGUF, no sums", g(sums("b", 1, 1, 3), counts("b", 1), counts("a", 1)), fault.Malformed, []string{`tensor "a"`, `"a.in_sum2" is missing`}},
		{"GGUF, sums of F16", g(tensor{"a.in_sum2", gguf.TypeF16, []int64{2}, nil}, counts("a", 1)), fault.Malformed, []string{`tensor "a"`, `"a.in_sum2" is of type F16, expected F32`}},
		{"GGUF, counts of I32", g(sums("a", 1, 1, 3), tensor{"a.counts", gguf.TypeI32, []int64{1}, nil}), fault.Malformed, []string{`"a.counts" is of type I32, expected F32`}},
		{"GGUF, no column", g(sums("a", 0, 1), counts("a", 1)), fault.Malformed, []string{`"a.in_sum2" has shape [0`, "expected columns and matrices"}},
		{"GGUF, no matrix", g(sums("a", 4, 0), counts("a")), fault.Malformed, []string{"expected columns and matrices"}},
		{"GGUF, three dimensions", g(tensor{"a.in_sum2", gguf.TypeF32, []int64{1, 2, 2}, nil}, counts("a", 1, 1, 1, 1)), fault.Malformed, []string{"shape [1 2 2]", "expected columns and matrices"}},
		{"GGUF, fewer counts", g(sums("a", 2, 3), counts("a", 1, 1)), fault.Malformed, []string{`tensor "a"`, `"a.counts" has 2 counts, expected 3`}},
		{"GGUF, more counts", g(sums("a", 2, 3), counts("a", 1, 1, 1, 1)), fault.Malformed, []string{`"a.counts" has 4 counts, expected 3`}},
		{"GGUF, negative count", g(sums("a", 1, 2, 1, 1), counts("a", 1, -2)), fault.Malformed, []string{`tensor "a"`, "count 1 is -2, expected a number of rows"}},
		{"GGUF, count NaN", g(sums("a", 1, 1, 1), counts("a", nan)), fault.Malformed, []string{"count 0 is NaN"}},
		{"GGUF, count infinite", g(sums("a", 1, 1, 1), counts("a", inf)), fault.Malformed, []string{"count 0 is +Inf"}},
		{"GGUF, absurd count", g(sums("a", 1, 1, 1), counts("a", 1e30)), fault.Malformed, []string{"count 0 is 1e+30"}},
		{"GGUF, NaN", g(sums("a", 2, 2, 1, 1, 1, nan), counts("a", 1, 1)), fault.Malformed, []string{`tensor "a"`, "value 3 is NaN", "finite and not negative"}},
		{"GGUF, infinity", g(sums("a", 1, 1, inf), counts("a", 1)), fault.Malformed, []string{"value 0 is +Inf"}},
		{"GGUF, negative", g(sums("a", 2, 1, 1, -0.5), counts("a", 1)), fault.Malformed, []string{"value 1 is -0.5"}},
		{"GGUF, NaN where the count is 0", g(sums("a", 1, 1, nan), counts("a", 0)), fault.Malformed, []string{"value 0 is NaN"}},
		{"GGUF, too large", g(sums("a", 2, 1, 1, 3e21), counts("a", 2)), fault.Malformed, []string{`tensor "a"`, "value 1 is 1.5e+21, expected at most 1e+20"}},

		{"no entry", dat(0), fault.Malformed, []string{"begins with 0 as the number of entries"}},
		{"negative entries", dat(-1, 1, "a", 1, 1, 1.0), fault.Malformed, []string{"begins with -1 as the number of entries, expected 1 to 1"}},
		{"entries that do not fit", dat(3, 1, "a", 1, 1, 1.0), fault.Malformed, []string{"begins with 3 as the number of entries, expected 1 to 1 in a file of 21 bytes"}},
		{"2^31-1 entries", dat(math.MaxInt32, 1, "a", 1, 1, 1.0), fault.Malformed, []string{"begins with 2147483647"}},
		{"a name of no byte", dat(1, 0, 1, 1, 1.0, "    "), fault.Malformed, []string{"entry 1: the name has 0 bytes, expected 1 to 63", "(byte 8)"}},
		{"a name of negative length", dat(1, -1, "a", 1, 1, 1.0), fault.Malformed, []string{"entry 1: the name has -1 bytes"}},
		{"a name longer than the file", dat(1, 63, "a", 1, 1, 1.0), fault.Malformed, []string{"the name should have 63 bytes, 13 are left; the file may be incomplete"}},
		{"a long name", dat(1, 64, strings.Repeat("n", 64), 1, 1, 1.0), fault.Malformed, []string{"the name has 64 bytes, expected 1 to 63"}},
		{"a NUL in a name", dat(1, 2, "a\x00", 1, 1, 1.0), fault.Malformed, []string{`entry 1: the name "a\x00" has a control character`}},
		{"negative calls", dat(1, 1, "a", -3, 1, 1.0), fault.Malformed, []string{`tensor "a": the number of calls is -3, expected a count`}},
		{"no value", dat(1, 1, "a", 1, 0, 1.0), fault.Malformed, []string{`tensor "a": the number of values is 0, expected at least 1`}},
		{"negative values", dat(1, 1, "a", 1, -1, 1.0), fault.Malformed, []string{"the number of values is -1"}},
		{"2^31-1 values", dat(1, 1, "a", 1, math.MaxInt32, 1.0), fault.Malformed, []string{`tensor "a": the values should have 8589934588 bytes, 4 are left`}},
		{"a name twice", dat(2, 1, "a", 1, 1, 1.0, 1, "a", 1, 1, 2.0), fault.Malformed, []string{`tensor "a": is there twice, as entry 1 and 2`}},
		{"NaN", dat(1, 1, "a", 1, 2, 1.0, nan), fault.Malformed, []string{`tensor "a": value 1 is NaN`}},
		{"infinity", dat(1, 1, "a", 1, 1, inf), fault.Malformed, []string{"value 0 is +Inf"}},
		{"negative", dat(1, 1, "a", 1, 1, -1.0), fault.Malformed, []string{"value 0 is -1"}},
		{"too large", dat(1, 1, "a", 2, 1, 3e20), fault.Malformed, []string{"value 0 is 1.5e+20, expected at most 1e+20"}},
		{"negative chunks", dat(1, 1, "a", 1, 1, 1.0, -1, 0), fault.Malformed, []string{"the number of chunks is -1"}},
		{"a dataset of negative length", dat(1, 1, "a", 1, 1, 1.0, 1, -1), fault.Malformed, []string{"the dataset has -1 bytes"}},
		{"a dataset longer than the file", dat(1, 1, "a", 1, 1, 1.0, 1, 9, "x"), fault.Malformed, []string{"the dataset should have 9 bytes, 1 are left"}},
		{"bytes behind the dataset", append(slices.Clone(old), 0), fault.Malformed, []string{"1 bytes are left behind the dataset"}},
	} {
		t.Run(c.name, func(t *testing.T) { refused(t, c.file, c.kind, c.parts...) })
	}
	// A file that was cut anywhere else than between its entries and the trailer is refused.
	for n := range old {
		m, err := open(old[:n])
		if n == len(old)-11 {
			if err != nil || m.Chunks != 0 {
				t.Errorf("without the trailer: %v", err)
			}
		} else if fault.KindOf(err) != fault.Malformed {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	for n := range whole {
		if _, err := open(whole[:n]); fault.KindOf(err) != fault.Malformed {
			t.Errorf("GGUF, cut to %d bytes: %v", n, err)
		}
	}
}

// TestLimits: a file over a limit is refused before its values are read.
func TestLimits(t *testing.T) {
	old := dat(2, 1, "b", 4, 1, 8.0, 1, "a", 1, 1, 5.0)
	file := ggufFile(t, keysOf(), sums("a", 1, 1, 3), counts("a", 1), sums("b", 1, 1, 3), counts("b", 1))
	for _, b := range [][]byte{old, file} {
		for _, lim := range []Limits{{Bytes: int64(len(b)) - 1, Entries: 2}, {Bytes: 1 << 20, Entries: 1}} {
			if _, err := Open(bytes.NewReader(b), int64(len(b)), fileName, lim); fault.KindOf(err) != fault.Limit {
				t.Errorf("limits %+v: %v", lim, err)
			}
		}
		if _, err := Open(bytes.NewReader(b), int64(len(b)), fileName, Limits{Bytes: int64(len(b)), Entries: 2}); err != nil {
			t.Error(err)
		}
	}
}

// failing is a file whose disk fails from some byte on.
type failing struct {
	b  []byte
	at int64
}

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	n := copy(p, f.b[min(off, f.at):f.at])
	if n < len(p) {
		return n, errors.New("input/output error")
	}
	return n, nil
}

// TestReadFaults: a disk that fails and a file that shrinks are faults of kind IO.
func TestReadFaults(t *testing.T) {
	old := dat(2, 1, "b", 4, 2, 8.0, 2.0, 1, "a", 1, 1, 5.0)
	file := ggufFile(t, keysOf(), sums("a", 2, 1, 3, 4), counts("a", 1))
	for _, b := range [][]byte{old, file} {
		for at := range int64(len(b)) - 1 {
			if at >= int64(len(b))-32 && b[0] == 'G' {
				continue // padding, which is not read
			}
			_, err := Open(failing{b, at}, int64(len(b)), fileName, DefaultLimits())
			if fault.KindOf(err) != fault.IO || !strings.Contains(err.Error(), "input/output error") {
				t.Fatalf("failing at %d of %d: %v", at, len(b), err)
			}
			short := io.NewSectionReader(bytes.NewReader(b), 0, at)
			if _, err := Open(short, int64(len(b)), fileName, DefaultLimits()); fault.KindOf(err) != fault.IO {
				t.Fatalf("ending at %d of %d: %v", at, len(b), err)
			}
		}
	}
}
