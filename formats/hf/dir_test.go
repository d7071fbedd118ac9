package hf

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/qconv/qconv/formats/fault"
)

func TestDirName(t *testing.T) {
	home, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"models/QwQ-32B": "QwQ-32B", "models/QwQ-32B/": "QwQ-32B", "./x": "x", ".": filepath.Base(home), "": filepath.Base(home), "..": filepath.Base(filepath.Dir(home)),
	} {
		if got := Dir(path, false).Name(); got != want {
			t.Errorf("Dir(%q).Name() = %q, want %q", path, got, want)
		}
	}
}

func TestDirThatIsNone(t *testing.T) {
	dir := writeDir(t, map[string]string{singleName: shard(t, "a"), "notes": "x"})
	_, err := Open(Dir(filepath.Join(dir, singleName), false), DefaultLimits())
	refuse(t, err, fault.Usage, singleName, "give the directory", dir)
	_, err = Open(Dir(filepath.Join(dir, "notes"), false), DefaultLimits())
	refuse(t, err, fault.Usage, "notes", "directory")
	absent := filepath.Join(dir, "absent")
	_, err = Open(Dir(absent, false), DefaultLimits())
	refuse(t, err, fault.IO, absent)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is not ErrNotExist", err)
	}
}

func TestDirList(t *testing.T) {
	dir := writeDir(t, map[string]string{"b": "", "a": "", "Z": "", "é": ""})
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o755); err != nil {
		t.Fatal(err)
	}
	got, err := Dir(dir, false).List()
	if want := []string{"Z", "a", "b", "é"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}

func TestReadFile(t *testing.T) {
	src := Dir(writeDir(t, map[string]string{"f": "hello", "empty": ""}), false)
	for name, want := range map[string]string{"f": "hello", "empty": ""} {
		data, found, err := ReadFile(src, name, 5)
		if string(data) != want || !found || err != nil {
			t.Errorf("%s: %q %t %v", name, data, found, err)
		}
	}
	if _, found, err := ReadFile(src, "absent", 5); found || err != nil {
		t.Errorf("absent: %t %v", found, err)
	}
	_, _, err := ReadFile(src, "f", 4)
	refuse(t, err, fault.Limit, "f", "5 bytes", "4")
}

func TestBlobReadAt(t *testing.T) {
	b, err := Dir(writeDir(t, map[string]string{"f": "0123456789"}), false).Open("f")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		off  int64
		n    int
		want string
		err  error
	}{{0, 10, "0123456789", nil}, {3, 4, "3456", nil}, {8, 4, "89", io.EOF}, {10, 1, "", io.EOF}, {10, 0, "", nil}, {-1, 1, "", io.EOF}, {1 << 40, 1, "", io.EOF}} {
		p := make([]byte, x.n)
		n, err := b.ReadAt(p, x.off)
		if string(p[:n]) != x.want || err != x.err {
			t.Errorf("ReadAt(%d bytes, %d) = %q, %v", x.n, x.off, p[:n], err)
		}
	}
	b.Close()
	if _, err := b.ReadAt(make([]byte, 1), 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("read after close: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

// many writes n small files and opens all of them.
func many(t testing.TB, n int) (*dirSource, []Blob) {
	files := map[string]string{}
	for i := range n {
		files[fmt.Sprintf("f%03d", i)] = fmt.Sprintf("content %03d", i)
	}
	src := Dir(writeDir(t, files), false).(*dirSource)
	blobs := make([]Blob, n)
	for i := range n {
		var err error
		if blobs[i], err = src.Open(fmt.Sprintf("f%03d", i)); err != nil {
			t.Fatal(err)
		}
	}
	return src, blobs
}

// TestF4Descriptors reads 200 files from many goroutines with few descriptors.
func TestF4Descriptors(t *testing.T) {
	src, blobs := many(t, 200)
	var wg sync.WaitGroup
	for g := range 32 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			p := make([]byte, 11)
			for k := range 300 {
				i := (g*37 + k*11) % len(blobs)
				if _, err := blobs[i].ReadAt(p, 0); err != nil || string(p) != fmt.Sprintf("content %03d", i) {
					t.Errorf("file %d: %q, %v", i, p, err)
					return
				}
			}
		}()
	}
	wg.Wait()
	if src.pool.open > maxDescriptors || src.pool.open != src.pool.idle.Len() {
		t.Errorf("%d descriptors, %d idle, limit %d", src.pool.open, src.pool.idle.Len(), maxDescriptors)
	}
	for _, b := range blobs {
		b.Close()
	}
	if src.pool.open != 0 || src.pool.idle.Len() != 0 {
		t.Errorf("%d descriptors, %d idle after close", src.pool.open, src.pool.idle.Len())
	}
}

// TestPoolWaits lets more readers hold descriptors than there are.
func TestPoolWaits(t *testing.T) {
	src, blobs := many(t, 40)
	held := make(chan *dirBlob, maxDescriptors)
	for i := range maxDescriptors {
		b := blobs[i].(*dirBlob)
		if _, err := src.pool.acquire(b); err != nil {
			t.Fatal(err)
		}
		held <- b
	}
	var wg sync.WaitGroup
	for _, b := range blobs[maxDescriptors:] {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if _, err := b.ReadAt(make([]byte, 3), 0); err != nil {
				t.Error(err)
			}
		}()
	}
	blobs[0].Close() // closed while in use: the descriptor goes with its last user
	close(held)
	for b := range held {
		src.pool.release(b)
	}
	wg.Wait()
	if blobs[0].(*dirBlob).file != nil {
		t.Error("a closed file kept its descriptor")
	}
}
