package imatrix

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
)

// TestWriteRefuses: an output that exists, that is an input, or that cannot be; nothing is left behind.
func TestWriteRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "i.gguf")
	s := &Sums{ChunkSize: 8, Entries: []Sum{{"p", []int64{8}, []float64{1, 2}}}}
	o := Output{Path: path}
	if err := o.Check(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	first := contents(t, path)
	s.Entries[0].Values[0] = 7
	for name, o := range map[string]Output{"exists": {Path: path}, "is an input": {Path: path, Force: true, Inputs: []os.FileInfo{stat(t, path)}}} {
		if err := o.Check(); fault.KindOf(err) != fault.Busy || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want %q", err, name)
		}
		if _, err := s.Write(context.Background(), o); fault.KindOf(err) != fault.Busy {
			t.Error(err)
		}
	}
	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Write(stopped, Output{Path: path, Force: true}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if !bytes.Equal(contents(t, path), first) {
		t.Error("the file changed")
	}
	if _, err := s.Write(context.Background(), Output{Path: path, Force: true}); err != nil || bytes.Equal(contents(t, path), first) {
		t.Error("not replaced: ", err)
	}
	s.Entries[0].Name = strings.Repeat("n", 60)
	if _, err := s.Write(context.Background(), Output{Path: path, Force: true}); fault.KindOf(err) != fault.Unsupported {
		t.Error(err)
	}
	s.Entries[0].Counts[0] = 0
	if _, err := s.Write(context.Background(), Output{Path: path, Force: true, Form: Legacy}); fault.KindOf(err) != fault.Malformed {
		t.Error(err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("%d files are left", len(files))
	}
}

// TestLegacyLeavesOut: what saw no data is left out, as the reference does.
func TestLegacyLeavesOut(t *testing.T) {
	s := &Sums{ChunkSize: 8, Datasets: []string{"x", "y"}, Entries: []Sum{{"p", []int64{9, 0}, []float64{18, 3}}, {"q", []int64{0}, []float64{1}}}}
	path := filepath.Join(t.TempDir(), "i.dat")
	w, err := s.Write(context.Background(), Output{Path: path, Form: Legacy})
	if err != nil || !slices.Equal(w.Left, []string{"q"}) {
		t.Fatal(w, err)
	}
	if want := dat(1, 1, "p", 2, 2, 4.0, 2.0, 1, 1, "y"); !bytes.Equal(contents(t, path), want) {
		t.Errorf("%x, want %x", contents(t, path), want)
	}
}

func contents(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func stat(t *testing.T, path string) os.FileInfo {
	t.Helper()
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return fi
}
