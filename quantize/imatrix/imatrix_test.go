package imatrix

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/gguf"
)

const goldens = "../../testdata/golden/importance/"

// TestFiles reads files that a Python script wrote (testdata/record_importance.py), in both forms: every value is the one
// that the script computes in the reference's float32 arithmetic.
func TestFiles(t *testing.T) {
	b, err := os.ReadFile(goldens + "values.tsv")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]*Matrix{}
	left := map[string]int{}
	for line := range strings.Lines(string(b)) {
		w := strings.Split(strings.TrimSpace(line), "\t")
		m := files[w[0]]
		if m == nil {
			b, err := os.ReadFile(goldens + w[0])
			if err != nil {
				t.Fatal(err)
			}
			m = opened(t, b)
			files[w[0]], left[w[0]] = m, len(m.Entries)
			if m.File != fileName || !slices.Equal(m.Datasets, []string{"testdata/calibration.txt"}) || m.Chunks != 20 {
				t.Errorf("%s: file %q, datasets %q, %d chunks", w[0], m.File, m.Datasets, m.Chunks)
			}
		}
		left[w[0]]--
		e := m.Find(w[1])
		if e == nil {
			t.Errorf("%s: no entry %s", w[0], w[1])
			continue
		}
		raw, err := binary.Append(nil, binary.LittleEndian, e.Values)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(raw)
		if hex.EncodeToString(sum[:]) != w[3] || strconv.Itoa(len(e.Values)) != w[2] {
			t.Errorf("%s: the %d values of %s are not the reference's %s", w[0], len(e.Values), w[1], w[2])
		}
		if e.Largest != slices.Max(e.Values) {
			t.Errorf("%s: %s: the largest value is %v, not %v", w[0], w[1], slices.Max(e.Values), e.Largest)
		}
	}
	for name, n := range left {
		if n != 0 {
			t.Errorf("%s has %d entries more than were written", name, n)
		}
	}
	if len(files) != 6 {
		t.Errorf("%d files, expected 6", len(files))
	}
}

// TestGGUF holds the rules of the GGUF form: sum/count for each matrix on its own, counts rounded, 1 where the count is 0.
func TestGGUF(t *testing.T) {
	m := opened(t, ggufFile(t, keysOf(), sums("b", 2, 3, 6, 9, 0, 0, 1, 0.5), sums("a", 1, 1, 3), counts("a", 2.5),
		tensor{"other", gguf.TypeF16, []int64{8}, nil}, counts("b", 3, 0, 0.4)))
	if len(m.Entries) != 2 || m.Entries[0].Name != "a" || m.Chunks != 7 || !slices.Equal(m.Datasets, []string{"calibration.txt"}) {
		t.Fatalf("read %+v", m)
	}
	if a := m.Find("a"); !slices.Equal(a.Values, []float32{1}) || a.Matrices != 1 || a.Empty != 0 {
		t.Errorf("a is %+v; a count of 2.5 is 3", a)
	}
	if b := m.Find("b"); !slices.Equal(b.Values, []float32{2, 3, 1, 1, 1, 1}) || b.Matrices != 3 || b.Empty != 2 {
		t.Errorf("b is %+v; counts of 0 and 0.4 make ones", b)
	}
	if m.Find("aa") != nil || m.Find("") != nil {
		t.Error("an entry that is not there was found")
	}
	if m.Bytes() != 28 {
		t.Errorf("%d bytes for 7 values", m.Bytes())
	}
}

// TestLegacy holds the rules of the legacy form: value/calls, values as they are for 0 calls, an optional trailer.
func TestLegacy(t *testing.T) {
	entries := []any{2, 1, "b", 4, 2, 8.0, 2.0, 1, "a", 0, 1, 5.0}
	for _, c := range []struct {
		trailer  []any
		chunks   int64
		datasets []string
	}{
		{nil, 0, nil},
		{[]any{9, 3, "x y"}, 9, []string{"x y"}},
		{[]any{9, 0}, 9, nil},
	} {
		m := opened(t, dat(append(slices.Clone(entries), c.trailer...)...))
		if m.Chunks != c.chunks || !slices.Equal(m.Datasets, c.datasets) {
			t.Errorf("trailer %v: %d chunks, datasets %q", c.trailer, m.Chunks, m.Datasets)
		}
		if !slices.Equal(m.Find("b").Values, []float32{2, 0.5}) || !slices.Equal(m.Find("a").Values, []float32{5}) {
			t.Errorf("read %+v", m.Entries)
		}
		if m.Entries[0].Name != "a" {
			t.Error("entries are not in order")
		}
	}
}

// TestFilter keeps or drops entries by parts of their names.
func TestFilter(t *testing.T) {
	m := opened(t, dat(3, 4, "q.up", 1, 1, 1.0, 6, "k.down", 1, 1, 1.0, 4, "k.up", 1, 1, 1.0))
	names := func(m *Matrix) (s string) {
		for _, e := range m.Entries {
			s += e.Name + " "
		}
		return s
	}
	for _, c := range []struct {
		parts        []string
		only, others string
	}{
		{[]string{"up"}, "k.up q.up ", "k.down "},
		{[]string{"k.", "up"}, "k.down k.up q.up ", ""},
		{[]string{"K"}, "", "k.down k.up q.up "},
	} {
		if got := names(m.Filter(c.parts, false)); got != c.only {
			t.Errorf("only %q: %s", c.parts, got)
		}
		if got := names(m.Filter(c.parts, true)); got != c.others {
			t.Errorf("all but %q: %s", c.parts, got)
		}
	}
	if len(m.Entries) != 3 {
		t.Error("filtering changed the matrix")
	}
}

// FuzzImatrix: what is accepted is in order, finite and no larger than its file; what is refused is a fault that names it.
func FuzzImatrix(f *testing.F) {
	f.Add(dat(2, 1, "b", 4, 2, 8.0, 2.0, 1, "a", 0, 1, 5.0, 9, 3, "x y"))
	f.Add(dat(1<<30, 1, "b"))
	f.Add(ggufFile(f, keysOf(), sums("b", 2, 3, 6, 9, 0, 0, 1, 0.5), counts("b", 3, 0, 0.4)))
	f.Add(ggufFile(f, keysOf()[1:], sums("b", 1, 1, 6), counts("b", 3)))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := open(b)
		if err != nil {
			if m != nil || !strings.HasPrefix(err.Error(), fileName+": ") {
				t.Fatalf("%v with a matrix, or without the file's name", err)
			}
			return
		}
		if len(m.Entries) == 0 || m.Bytes() > int64(len(b)) || m.Chunks < 0 {
			t.Fatalf("%d entries of %d bytes from a file of %d, %d chunks", len(m.Entries), m.Bytes(), len(b), m.Chunks)
		}
		for i, e := range m.Entries {
			if i > 0 && m.Entries[i-1].Name >= e.Name || len(e.Values) == 0 || e.Matrices < 1 || len(e.Values)%e.Matrices != 0 || e.Empty > e.Matrices {
				t.Fatalf("entry %d is %+v", i, e)
			}
			for _, v := range e.Values {
				if !(v >= 0 && v <= MaxValue && v <= e.Largest) {
					t.Fatalf("%s holds %v, the largest is %v", e.Name, v, e.Largest)
				}
			}
		}
	})
}
