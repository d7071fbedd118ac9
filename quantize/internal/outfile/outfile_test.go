package outfile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/qconv/qconv/formats/fault"
)

// TestWrite covers the plain way of one file and of a set: bytes, hashes, progress, leftovers.
func TestWrite(t *testing.T) {
	for _, names := range [][]string{{"out.gguf"}, {"out-1.gguf", "out-2.gguf", "out-3.gguf"}} {
		s := newSample(t.TempDir(), 9, 300_000, names...)
		set, err := Begin(s.parts, opts)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for k := range s.parts {
			for u := range s.parts[k].Units {
				wg.Go(func() {
					if err := set.Write(k, u, s.unit(k, u)); err != nil {
						t.Error(err)
					}
				})
			}
		}
		wg.Wait()
		if b, err := os.ReadFile(s.parts[0].partial()); err != nil || bytes.HasPrefix(b, []byte("GGUF")) {
			t.Fatalf("partial before commit begins with GGUF, or: %v", err)
		}
		var read, data int64
		w, err := set.Commit(context.Background(), s.headers, func(n int64) { read += n })
		if err != nil {
			t.Fatal(err)
		}
		for k := range w {
			if want := s.want(k); w[k].SHA256 != sha256.Sum256(want) || w[k].Size != int64(len(want)) || w[k].Path != s.parts[k].Path {
				t.Errorf("part %d: %+v does not describe the file", k, w[k])
			}
			data += s.parts[k].Size - s.parts[k].area()
		}
		if read != data {
			t.Errorf("progress of %d bytes, the data are %d", read, data)
		}
		if set.Close() != nil || set.Discard() != nil {
			t.Error("Close or Discard after Commit is an error")
		}
		if err := set.Write(0, 0, s.unit(0, 0)); err == nil {
			t.Error("Write after Commit is no error")
		}
		s.finished(t)
	}
}

// TestEmpty: no units, no bytes, only a header.
func TestEmpty(t *testing.T) {
	dir := t.TempDir()
	s := sample{parts: []Part{{Path: filepath.Join(dir, "a")}, {Path: filepath.Join(dir, "b"), Size: 40}},
		headers: [][]byte{{}, []byte("GGUF")}}
	if _, _, err := s.convert(osDisk{}, opts); err != nil {
		t.Fatal(err)
	}
	s.finished(t)
}

// TestMistakes are errors of the caller, which have no kind.
func TestMistakes(t *testing.T) {
	dir := t.TempDir()
	s := newSample(dir, 3, 100, "out")
	p := s.parts[0]
	for name, parts := range map[string][]Part{
		"no parts":   {},
		"negative":   {{Path: p.Path, Size: -1}},
		"overlap":    {{Path: p.Path, Size: 100, Units: []Unit{{0, 50}, {49, 10}}}},
		"past end":   {{Path: p.Path, Size: 100, Units: []Unit{{50, 51}}}},
		"overflow":   {{Path: p.Path, Size: 100, Units: []Unit{{50, 1<<63 - 1}}}},
		"minus unit": {{Path: p.Path, Size: 100, Units: []Unit{{50, -1}}}},
	} {
		if err := Check(parts, opts); err == nil || fault.KindOf(err) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if Check(s.parts, Options{}) == nil || Check(s.parts, Options{Digest: "a\nb"}) == nil {
		t.Error("a digest that is not one line is taken")
	}
	set, err := Begin(s.parts, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Discard()
	for name, err := range map[string]error{
		"short": set.Write(0, 0, make([]byte, 99)), "long": set.Write(0, 0, make([]byte, 101)),
		"no unit": set.Write(0, 9, nil), "no part": set.Write(1, 0, nil), "minus": set.Write(0, -1, nil),
	} {
		if err == nil || fault.KindOf(err) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := set.Write(0, 0, s.unit(0, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := set.Commit(context.Background(), s.headers, nil); err == nil || !strings.Contains(err.Error(), "unit 1 was not written") {
		t.Errorf("commit with units missing: %v", err)
	}
	s.fill(set)
	if _, err := set.Commit(context.Background(), [][]byte{make([]byte, 481)}, nil); err == nil {
		t.Error("a header longer than its area is taken")
	}
	listing(t, dir, "out.partial", "out.partial.journal")
}

// TestCancel: a context that ends stops Begin and Commit; work stays.
func TestCancel(t *testing.T) {
	s := newSample(t.TempDir(), 40, 50_000, "out")
	s.interrupt(t, opts, 30)
	journal, _ := os.ReadFile(journalPath(s.parts))
	ctx, cancel := context.WithCancel(context.Background())
	_, err := Begin(s.parts, with(func(o *Options) { o.Context, o.OnRehash = ctx, func(int64) { cancel() } }))
	if err != context.Canceled {
		t.Fatalf("Begin: %v", err)
	}
	if now, _ := os.ReadFile(journalPath(s.parts)); !bytes.Equal(journal, now) {
		t.Error("a Begin that was stopped changed the journal")
	}
	set, err := Begin(s.parts, opts)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := s.fill(set)
	if kept != 30 || err != nil {
		t.Fatalf("kept %d units: %v", kept, err)
	}
	if _, err := set.Commit(ctx, s.headers, nil); err != context.Canceled {
		t.Fatalf("Commit: %v", err)
	}
	set.Close()
	if kept, _, err := s.convert(osDisk{}, opts); kept != s.units() || err != nil {
		t.Fatalf("kept %d units: %v", kept, err)
	}
	s.finished(t)
}

// TestDiscard removes partials and journal, and only its own.
func TestDiscard(t *testing.T) {
	s := newSample(t.TempDir(), 3, 1000, "a", "b")
	s.interrupt(t, opts, 2)
	set, err := Begin(s.parts, opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(s.parts[1].partial()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.parts[1].partial(), []byte("another's"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := set.Discard(); err != nil {
		t.Fatal(err)
	}
	listing(t, filepath.Dir(s.parts[0].Path), "b.partial")
}

// TestNoLeaks (F6): success, refusal, cancel and failure leave no descriptor and no goroutine.
func TestNoLeaks(t *testing.T) {
	open := func() int {
		e, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("no /proc/self/fd to count descriptors")
		}
		return len(e)
	}
	s := newSample(t.TempDir(), 20, 5000, "a", "b", "c")
	files, routines := open(), runtime.NumGoroutine()
	for range 3 {
		s.interrupt(t, opts, 13)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		Begin(s.parts, with(func(o *Options) { o.Context = ctx }))
		if set, err := Begin(s.parts, opts); err != nil {
			t.Fatal(err)
		} else {
			Begin(s.parts, opts) // busy
			set.Close()
		}
		corrupt(t, s.parts[1].partial(), s.parts[1].Units[0].Off)
		if _, _, err := s.convert(osDisk{}, opts); err != nil {
			t.Fatal(err)
		}
		s.convert(osDisk{}, opts) // exists
		for k := range s.parts {
			os.Remove(s.parts[k].Path)
		}
	}
	for range 100 {
		if runtime.NumGoroutine() <= routines {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if f, r := open(), runtime.NumGoroutine(); f != files || r > routines {
		t.Errorf("descriptors %d, were %d; goroutines %d, were %d", f, files, r, routines)
	}
}

// TestNoGrowth: Write and Commit allocate nothing that grows with the file.
func TestNoGrowth(t *testing.T) {
	s := newSample(t.TempDir(), 12, 4<<20, "out")
	set, err := Begin(s.parts, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Discard()
	data := make([][]byte, len(s.parts[0].Units))
	for u := range data {
		data[u] = s.unit(0, u)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for u := range data {
		if err := set.Write(0, u, data[u]); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("Write of 48 MiB allocated %d bytes", n)
	}
	if _, err := set.Commit(context.Background(), s.headers, nil); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&before)
	if n := before.TotalAlloc - after.TotalAlloc; n > Buffers+1<<20 {
		t.Errorf("Commit of 48 MiB allocated %d bytes", n)
	}
}
