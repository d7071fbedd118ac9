package outfile

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
)

// sample is an output whose bytes follow from its layout alone.
type sample struct {
	parts   []Part
	headers [][]byte
}

// newSample plans one part a name, each with n units of about size bytes, 32-byte alignment between
// them, a zero-length unit and a tail that belongs to no unit.
func newSample(dir string, n, size int, names ...string) sample {
	var s sample
	for k, name := range names {
		p := Part{Path: filepath.Join(dir, name)}
		at := int64(480)
		for u := range n {
			length := int64(size - 13*(u%5))
			p.Units = append(p.Units, Unit{at, length})
			at = (at + length + 31) &^ 31
		}
		p.Units = append(p.Units, Unit{at, 0})
		p.Size = at + 32
		s.parts = append(s.parts, p)
		s.headers = append(s.headers, append([]byte("GGUF"), bytes.Repeat([]byte{byte('a' + k)}, 401)...))
	}
	return s
}

// unit is the content of one unit.
func (s sample) unit(part, unit int) []byte {
	r := rand.New(rand.NewPCG(uint64(part), uint64(unit)))
	b := make([]byte, s.parts[part].Units[unit].Len)
	for i := range b {
		b[i] = byte(r.Uint64())
	}
	return b
}

// want is the finished file.
func (s sample) want(part int) []byte {
	b := make([]byte, s.parts[part].Size)
	copy(b, s.headers[part])
	for u := range s.parts[part].Units {
		copy(b[s.parts[part].Units[u].Off:], s.unit(part, u))
	}
	return b
}

// units counts all units.
func (s sample) units() (n int) {
	for k := range s.parts {
		n += len(s.parts[k].Units)
	}
	return n
}

// fill writes what is missing and returns how many units were reused.
func (s sample) fill(set *Set) (kept int, err error) {
	for k := range s.parts {
		for u := range s.parts[k].Units {
			if set.Reused(k, u) {
				kept++
			} else if err := set.Write(k, u, s.unit(k, u)); err != nil {
				return kept, err
			}
		}
	}
	return kept, nil
}

// convert does a whole run on d.
func (s sample) convert(d disk, o Options) (kept int, w []Written, err error) {
	if _, ok := d.(osDisk); ok {
		if err := Check(s.parts, o); err != nil {
			return 0, nil, err
		}
	}
	set, err := begin(d, s.parts, o)
	if err != nil {
		return 0, nil, err
	}
	defer set.Close()
	if kept, err = s.fill(set); err != nil {
		return kept, nil, err
	}
	w, err = set.Commit(context.Background(), s.headers, nil)
	return kept, w, err
}

// interrupt does the first n units of a run and closes it.
func (s sample) interrupt(t *testing.T, o Options, n int) {
	t.Helper()
	set, err := Begin(s.parts, o)
	if err != nil {
		t.Fatal(err)
	}
	for k := range s.parts {
		for u := range s.parts[k].Units {
			if n--; n < 0 {
				continue
			}
			if err := set.Write(k, u, s.unit(k, u)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := set.Close(); err != nil {
		t.Fatal(err)
	}
}

// finished fails unless the output is whole and nothing but it and the named files is in dir.
func (s sample) finished(t *testing.T, others ...string) {
	t.Helper()
	names := slices.Clone(others)
	for k := range s.parts {
		got, err := os.ReadFile(s.parts[k].Path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, s.want(k)) {
			t.Fatalf("%s differs from what was written", s.parts[k].Path)
		}
		names = append(names, s.parts[k].name())
	}
	listing(t, filepath.Dir(s.parts[0].Path), names...)
}

// listing fails unless dir holds exactly these names.
func listing(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	slices.Sort(names)
	if !slices.Equal(got, names) {
		t.Fatalf("directory holds %q, want %q", got, names)
	}
}

// refused fails unless err has the kind and its text holds the phrases.
func refused(t *testing.T, err error, k fault.Kind, phrases ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if got := fault.KindOf(err); got != k {
		t.Fatalf("kind %d, want %d: %v", got, k, err)
	}
	for _, p := range phrases {
		if !strings.Contains(err.Error(), p) {
			t.Fatalf("%q does not say %q", err, p)
		}
	}
}

var opts = Options{Digest: "plan 1"}

func with(change func(o *Options)) Options {
	o := opts
	change(&o)
	return o
}

func force(o *Options) { o.Force = true }

// corrupt flips one bit.
func corrupt(t *testing.T, path string, off int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], off); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1 << (off & 7)
	if _, err := f.WriteAt(b[:], off); err != nil {
		t.Fatal(err)
	}
}
