package imatrix

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
)

func readSums(t testing.TB, b []byte, name string) *Sums {
	t.Helper()
	s, err := ReadSums(bytes.NewReader(b), int64(len(b)), name, DefaultLimits(), DefaultChunkSize)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func golden(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(goldens + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// written gives the bytes of a file.
func written(t testing.TB, s *Sums, form Form) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "out")
	w, err := s.Write(context.Background(), Output{Path: path, Form: form})
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil || int64(len(b)) != w.Size {
		t.Fatal(len(b), w.Size, err)
	}
	return b
}

// TestFilesAgain reads files that a Python script wrote (testdata/importance.py) and writes them: the same bytes. The legacy
// form, made of the sums, has the entries that the script made of them.
func TestFilesAgain(t *testing.T) {
	for _, name := range []string{"harbour-2m", "mixtral", "deepseek-v3"} {
		file := golden(t, name+".gguf")
		s := readSums(t, file, name)
		if s.ChunkSize != 512 || s.Chunks() != 20 {
			t.Errorf("%s: %d chunks of %d", name, s.Chunks(), s.ChunkSize)
		}
		if !bytes.Equal(written(t, s, GGUF), file) {
			t.Errorf("%s: not the bytes that were read", name)
		}
		want, got := legacyEntries(golden(t, name+".dat")), legacyEntries(written(t, s, Legacy))
		if !slices.Equal(got, slices.Sorted(slices.Values(want))) {
			t.Errorf("%s: the legacy form differs from the script's", name)
		}
		m, err := s.Matrix()
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range opened(t, file).Entries {
			if got := m.Entries[i]; got.Name != e.Name || !slices.Equal(got.Values, e.Values) || got.Empty != e.Empty || got.Matrices != e.Matrices || got.Largest != e.Largest {
				t.Errorf("%s: %s has other values than those of the file", name, e.Name)
			}
		}
	}
}

// legacyEntries cuts a legacy file: its entries in the order of the file, and what is behind them.
func legacyEntries(b []byte) (list []string) {
	number := func(at int) int {
		return int(int32(b[at]) | int32(b[at+1])<<8 | int32(b[at+2])<<16 | int32(b[at+3])<<24)
	}
	n, at := number(0), 4
	for range n {
		name := number(at)
		size := 12 + name + 4*number(at+8+name)
		list = append(list, string(b[at+4:at+size])) // without the length, so that they sort by name
		at += size
	}
	return append(list, "~"+string(b[at:]))
}

// TestLegacySums: means times calls become sums over calls·chunk rows, and the means are what they were.
func TestLegacySums(t *testing.T) {
	b := dat(2, 1, "b", 4, 2, 8.0, 2.0, 1, "a", 1, 1, 5.0, 9, 3, "x y")
	s := readSums(t, b, "old")
	want := []Sum{{"a", []int64{512}, []float64{2560}}, {"b", []int64{2048}, []float64{4096, 1024}}}
	if !slices.EqualFunc(s.Entries, want, func(a, b Sum) bool {
		return a.Name == b.Name && slices.Equal(a.Counts, b.Counts) && slices.Equal(a.Values, b.Values)
	}) || s.ChunkSize != 512 || s.Chunks() != 4 || !slices.Equal(s.Datasets, []string{"x y"}) {
		t.Errorf("read %+v", s)
	}
	for _, name := range []string{"harbour-2m.dat", "mixtral.dat"} {
		m, err := readSums(t, golden(t, name), name).Matrix()
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range opened(t, golden(t, name)).Entries {
			if !slices.Equal(m.Entries[i].Values, e.Values) {
				t.Errorf("%s: %s has other values than those of the file", name, e.Name)
			}
		}
	}
	if _, err := ReadSums(bytes.NewReader(dat(1, 1, "a", 0, 1, 5.0)), 21, "old", DefaultLimits(), 512); fault.KindOf(err) != fault.Malformed {
		t.Errorf("calls of 0: %v", err)
	}
}

// TestMerge adds sums and counts; one count for all matrices is one for each.
func TestMerge(t *testing.T) {
	a := &Sums{File: "a", Datasets: []string{"x"}, ChunkSize: 8, Entries: []Sum{{"p", []int64{8}, []float64{1, 2}}, {"q", []int64{3, 5}, []float64{1, 2, 3, 4}}}}
	b := &Sums{File: "b", Datasets: []string{"y", "z"}, ChunkSize: 8, Entries: []Sum{
		{"o", []int64{1}, []float64{9}}, {"p", []int64{16}, []float64{10, 20}}, {"q", []int64{7}, []float64{10, 20, 30, 40}}}}
	if err := a.Merge(b); err != nil {
		t.Fatal(err)
	}
	check := func(s *Sums, name string, counts []int64, values []float64) {
		t.Helper()
		e := s.Find(name)
		if e == nil || !slices.Equal(e.Counts, counts) || !slices.Equal(e.Values, values) {
			t.Errorf("%s is %+v", name, e)
		}
	}
	check(a, "o", []int64{1}, []float64{9})
	check(a, "p", []int64{24}, []float64{11, 22})
	check(a, "q", []int64{10, 12}, []float64{11, 22, 33, 44})
	if !slices.Equal(a.Datasets, []string{"x", "y", "z"}) || a.Chunks() != 3 {
		t.Errorf("datasets %q, %d chunks", a.Datasets, a.Chunks())
	}
	one := &Sums{ChunkSize: 8, Entries: []Sum{{"q", []int64{7}, []float64{1, 1, 1, 1}}}}
	if err := one.Merge(a); err != nil {
		t.Fatal(err)
	}
	check(one, "q", []int64{17, 19}, []float64{12, 23, 34, 45})
	check(a, "q", []int64{10, 12}, []float64{11, 22, 33, 44})

	for _, c := range []struct {
		other *Sums
		kind  fault.Kind
		says  string
	}{
		{&Sums{File: "c", ChunkSize: 4, Entries: a.Entries}, fault.Mismatch, "c: was made with chunks of 4 tokens, a with 8"},
		{&Sums{File: "c", ChunkSize: 8, Entries: []Sum{{"p", []int64{1}, []float64{1, 2, 3}}}}, fault.Mismatch, `c: tensor "p": has 3 sums, a has 2: they are not of the same model`},
		{&Sums{File: "c", ChunkSize: 8, Entries: []Sum{{"q", []int64{1, 1, 1, 1}, []float64{1, 2, 3, 4}}}}, fault.Mismatch, "has 4 counts, a has 2"},
		{&Sums{File: "c", ChunkSize: 8, Entries: []Sum{{"r", []int64{1}, []float64{1}}}}, fault.Mismatch, "none of its 1 entries is one of a"},
		{&Sums{File: "c", ChunkSize: 8, Entries: []Sum{{"p", []int64{1e15}, []float64{1, 2}}}}, fault.Limit, "expected at most 1e+15"},
	} {
		if err := a.Merge(c.other); fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v, want %q", err, c.says)
		}
	}
}

// TestStatistics compares with figures that numpy computed (testdata/importance_statistics.py), and with their order.
func TestStatistics(t *testing.T) {
	var file string
	var list []Statistics
	var layers []LayerStatistics
	for line := range strings.Lines(string(golden(t, "statistics.tsv"))) {
		w := strings.Split(strings.TrimSpace(line), "\t")
		if w[0] != file {
			if len(list)+len(layers) > 0 {
				t.Errorf("%s: more is described than there is", file)
			}
			file = w[0]
			s := readSums(t, golden(t, file), file)
			list = s.Statistics()
			layers = ByLayer(list)
		}
		var names []string
		var figures []float64
		if w[1] == "layer" {
			l := layers[0]
			layers, w = layers[1:], w[2:]
			figures = []float64{float64(l.Layer), l.Sum, l.ZD, l.Cosine}
		} else {
			d := list[0]
			list, w = list[1:], w[1:]
			names = []string{d.Tensor, strconv.Itoa(d.Layer), d.Kind, strconv.Itoa(d.Elements)}
			figures = []float64{d.Sum, d.Min, d.Max, d.Mean, d.Deviation, d.Active, d.Entropy, d.Evenness, d.ZD, d.Cosine}
		}
		if !slices.Equal(w[:len(names)], names) {
			t.Fatalf("%s: %q, want %q", file, names, w)
		}
		for i, got := range figures {
			want, err := strconv.ParseFloat(w[len(names)+i], 64)
			if err != nil {
				t.Fatal(err)
			}
			if !(math.Abs(got-want) <= 1e-9*max(math.Abs(want), 1e-6)) {
				t.Errorf("%s: %q: figure %d is %v, want %v", file, names, i, got, want)
			}
		}
	}
	if file == "" || len(list)+len(layers) > 0 {
		t.Error("more is described than there is")
	}
	odd := &Sums{ChunkSize: 1, Entries: []Sum{{"blk.0.a.weight", []int64{0}, []float64{3}}, {"blk.1.a.weight", []int64{1}, []float64{0}}}}
	if s := odd.Statistics(); len(s) != 1 || s[0].Cosine != 0 || s[0].Entropy != 0 || s[0].Deviation != 0 || s[0].Evenness != 0 {
		t.Errorf("without data, and all zero: %+v", s)
	}
}

// TestCheck refuses sums that no file can hold.
func TestCheck(t *testing.T) {
	for _, c := range []struct {
		values []float64
		says   string
	}{
		{[]float64{1, 2, 3, 4}, ""},
		{[]float64{1, 2, 3e20, 4}, "its input has a mean square of 1.5e+20 in column 0, expected at most 1e+20"},
		{[]float64{1, 2, 3, math.NaN()}, "its input has NaN in column 1"},
		{[]float64{math.Inf(1), 2, 3, 4}, "its input is infinite in column 0"},
	} {
		err := (&Sum{"blk.3.ffn_down.weight", []int64{0, 2}, c.values}).Check()
		if c.says == "" && err != nil || c.says != "" && (fault.KindOf(err) != fault.Malformed || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "blk.3.ffn_down.weight")) {
			t.Errorf("%v: %v, want %q", c.values, err, c.says)
		}
	}
}

// FuzzSums: sums are read where a matrix is, and what is read can be written and read again without a change.
func FuzzSums(f *testing.F) {
	f.Add(dat(2, 1, "b", 4, 2, 8.0, 2.0, 1, "a", 3, 1, 5.0, 9, 3, "x y"))
	f.Add(ggufFile(f, keysOf(), sums("b", 2, 3, 6, 9, 0, 0, 1, 0.5), counts("b", 3, 0, 0.4)))
	f.Add(ggufFile(f, []gguf.KV{{Key: "imatrix.datasets", Value: []string{}}, {Key: "imatrix.chunk_count", Value: uint32(0)}, {Key: "imatrix.chunk_size", Value: uint32(0)}},
		sums("b", 1, 1, 6), counts("b", 3)))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ReadSums(bytes.NewReader(b), int64(len(b)), fileName, DefaultLimits(), DefaultChunkSize)
		m, mErr := open(b)
		if err != nil {
			if s != nil || !strings.HasPrefix(err.Error(), fileName+": ") {
				t.Fatalf("%v with sums, or without the file's name", err)
			}
			return
		}
		if mErr != nil || len(m.Entries) != len(s.Entries) || s.ChunkSize < 1 {
			t.Fatalf("sums %+v, but as a matrix: %v", s, mErr)
		}
		s.Statistics()
		for _, form := range []Form{GGUF, Legacy} {
			w, err := s.Write(context.Background(), Output{Path: filepath.Join(t.TempDir(), "out"), Form: form})
			if err != nil && fault.KindOf(err) != fault.Unsupported && fault.KindOf(err) != fault.Malformed {
				t.Fatal(w, err)
			}
		}
	})
}
