package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/pipeline"
)

const tiny = "../../testdata/harbour-2m"

func convert(t *testing.T, dir, typ string, o pipeline.Options) ([]byte, *pipeline.Report) {
	t.Helper()
	o.FileName = "out.gguf"
	out := t.TempDir()
	r, err := planCheckpoint(t, dir, typ, o).WriteFiles(context.Background(), pipeline.Output{Dir: out})
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(out, "out.gguf"))
	check(t, err)
	return b, r
}

// TestSameBytes holds the promise that threads and memory do not change the output (rows D12, F5).
func TestSameBytes(t *testing.T) {
	want, _ := convert(t, tiny, "Q4_K_M", pipeline.Options{Threads: 1})
	for _, o := range []pipeline.Options{{Threads: 2}, {Threads: 7}, {Threads: 64}, {RAM: 64 << 20}, {RAM: 4 << 30, Threads: 3}} {
		if got, _ := convert(t, tiny, "Q4_K_M", o); !bytes.Equal(got, want) {
			t.Errorf("threads %d, RAM %d: other bytes", o.Threads, o.RAM)
		}
	}
}

// TestConvertSmall converts the tiny model and reads it back with the GGUF reader.
func TestConvertSmall(t *testing.T) {
	b, r := convert(t, tiny, "Q5_K_M", pipeline.Options{})
	f, err := gguf.Open(bytes.NewReader(b), int64(len(b)), "out.gguf", gguf.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Tensors) != 39 || r.Elements != 2166016 {
		t.Errorf("%d tensors, %d weights; the model card says 39 and 2,166,016", len(f.Tensors), r.Elements)
	}
	if n, _ := gguf.Value[uint32](f, "general.file_type"); n != 17 {
		t.Errorf("general.file_type is %d, Q5_K_M is 17", n)
	}
}

// TestD1NonFinite refuses NaN and infinity wherever they stand, names the place and leaves nothing behind.
func TestD1NonFinite(t *testing.T) {
	const tensor = "model.layers.1.mlp.down_proj.weight" // [256, 512]
	for _, c := range []struct {
		row, col int64
		bits     []byte
		text     string
	}{
		{0, 0, []byte{0xc0, 0x7f}, "row 0, column 0 is NaN"},
		{100, 255, []byte{0x80, 0x7f}, "row 100, column 255 is +Inf"},
		{255, 511, []byte{0x80, 0xff}, "row 255, column 511 is -Inf"},
	} {
		for _, typ := range []string{"Q4_K_M", "F16", "Q8_0"} {
			dir := damaged(t, tensor, c.row*512+c.col, c.bits)
			out := t.TempDir()
			_, err := planCheckpoint(t, dir, typ, pipeline.Options{FileName: "out.gguf"}).WriteFiles(context.Background(), pipeline.Output{Dir: out})
			if fault.KindOf(err) != fault.Malformed || !strings.Contains(err.Error(), c.text) || !strings.Contains(err.Error(), tensor) {
				t.Errorf("%s: got %v, want a refusal with %q", typ, err, c.text)
			}
			if left, _ := os.ReadDir(out); len(left) != 0 {
				t.Errorf("%s: %s is left behind", typ, left[0].Name())
			}
		}
	}
}

// TestD3Overflow refuses finite values that the output cannot hold, instead of writing infinity or zeros.
func TestD3Overflow(t *testing.T) {
	const tensor = "model.layers.1.mlp.down_proj.weight"
	for _, c := range []struct {
		typ  string
		bits []byte // of a BF16
		text string
	}{
		{"F16", []byte{0x00, 0x48}, "row 3"},            // 131072
		{"Q8_0", []byte{0x80, 0x4b}, "row 3"},           // 2^24, whose scale is no half
		{"Q6_K", []byte{0xb2, 0x5d}, "row 3, column 5"}, // about 1.6e18
	} {
		dir := damaged(t, tensor, 3*512+5, c.bits)
		_, err := planCheckpoint(t, dir, c.typ, pipeline.Options{FileName: "out.gguf"}).WriteFiles(context.Background(), pipeline.Output{Dir: t.TempDir()})
		if fault.KindOf(err) != fault.Malformed || !strings.Contains(err.Error(), c.text) || !strings.Contains(err.Error(), "blk.1.ffn_down.weight") {
			t.Errorf("%s: got %v", c.typ, err)
		}
	}
}

// damaged copies the tiny model with two bytes of a tensor replaced.
func damaged(t *testing.T, tensor string, elem int64, bits []byte) string {
	t.Helper()
	dir := t.TempDir()
	check(t, os.CopyFS(dir, os.DirFS(tiny)))
	ck := planCheckpointFiles(t, dir)
	for _, x := range ck.Tensors {
		if x.Name == tensor {
			f, err := os.OpenFile(filepath.Join(dir, ck.Files[x.File].Name), os.O_WRONLY, 0)
			check(t, err)
			_, err = f.WriteAt(bits, x.Off+2*elem)
			check(t, errors.Join(err, f.Close()))
			return dir
		}
	}
	t.Fatalf("no tensor %s", tensor)
	return ""
}

// stopper cancels after some units.
type stopper struct {
	after  int32
	cancel context.CancelFunc
	reused atomic.Int64
	found  atomic.Int64 // bytes of the interrupted run that were announced and not yet hashed
}

func (s *stopper) Resuming(total int64) { s.found.Store(total) }
func (s *stopper) Resumed(n int64)      { s.found.Add(-n) }
func (s *stopper) Begin(_ *pipeline.Plan, reused int64, _ []string) {
	s.reused.Store(reused)
}
func (s *stopper) Wrote(*pipeline.Step, int64) {
	if atomic.AddInt32(&s.after, -1) == 0 {
		s.cancel()
	}
}
func (s *stopper) Sealing(int64) {}
func (s *stopper) Sealed(int64)  {}

// TestResume interrupts a conversion and goes on: the same bytes, without redoing what was done, and no
// goroutine or file is left (row F6).
func TestResume(t *testing.T) {
	want, _ := convert(t, tiny, "Q6_K", pipeline.Options{})
	before := runtime.NumGoroutine()
	for _, after := range []int32{1, 5, 20, 38} {
		out := t.TempDir()
		p := planCheckpoint(t, tiny, "Q6_K", pipeline.Options{FileName: "out.gguf", Threads: 2})
		ctx, cancel := context.WithCancel(context.Background())
		_, err := p.WriteFiles(ctx, pipeline.Output{Dir: out, Watcher: &stopper{after: after, cancel: cancel}})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("cancelled after %d units: %v", after, err)
		}
		if _, err := os.Stat(filepath.Join(out, "out.gguf")); err == nil {
			t.Fatal("an output exists after cancellation")
		}
		again := &stopper{}
		_, err = p.WriteFiles(context.Background(), pipeline.Output{Dir: out, Watcher: again})
		check(t, err)
		got, err := os.ReadFile(filepath.Join(out, "out.gguf"))
		check(t, err)
		if !bytes.Equal(got, want) {
			t.Errorf("after %d units: other bytes", after)
		}
		if again.reused.Load() == 0 {
			t.Errorf("after %d units: nothing was reused", after)
		}
		if n := again.found.Load(); n != 0 {
			t.Errorf("after %d units: %d of the announced bytes were not reported", after, n)
		}
		if left, _ := os.ReadDir(out); len(left) != 1 {
			t.Errorf("after %d units: %d files beside the output", after, len(left)-1)
		}
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

// TestSplit divides the output as the converter does; the parts together hold the same tensors.
func TestSplit(t *testing.T) {
	p := planCheckpoint(t, tiny, "Q4_0", pipeline.Options{FileName: "x.gguf", SplitMaxTensors: 15})
	out := t.TempDir()
	_, err := p.WriteFiles(context.Background(), pipeline.Output{Dir: out})
	check(t, err)
	set, err := gguf.OpenSet(func(name string) (io.ReaderAt, int64, error) {
		b, err := os.ReadFile(filepath.Join(out, name))
		return bytes.NewReader(b), int64(len(b)), err
	}, "x-00001-of-00003.gguf", gguf.DefaultLimits())
	check(t, err)
	whole, _ := convert(t, tiny, "Q4_0", pipeline.Options{})
	one, err := gguf.Open(bytes.NewReader(whole), int64(len(whole)), "out.gguf", gguf.DefaultLimits())
	check(t, err)
	if len(set.Tensors) != len(one.Tensors) {
		t.Fatalf("%d tensors in parts, %d in one file", len(set.Tensors), len(one.Tensors))
	}
	for i := range one.Tensors {
		a, b := make([]byte, one.Tensors[i].Bytes()), make([]byte, set.Tensors[i].Bytes())
		check(t, one.ReadAt(&one.Tensors[i], a, 0))
		check(t, set.ReadAt(i, b, 0))
		if set.Tensors[i].Name != one.Tensors[i].Name || !bytes.Equal(a, b) {
			t.Errorf("tensor %d: %s differs from %s", i, set.Tensors[i].Name, one.Tensors[i].Name)
		}
	}
}

// TestF3Budget names the smallest budget that works, and it works.
func TestF3Budget(t *testing.T) {
	_, err := planWith(t, tiny, "Q4_K_M", pipeline.Options{FileName: "x.gguf", RAM: 1 << 20})
	if fault.KindOf(err) != fault.Budget {
		t.Fatalf("got %v, want a budget fault", err)
	}
	var least int64
	for w := range strings.FieldsSeq(err.Error()) {
		if n := atoi(w); n > 1 {
			least = n
		}
	}
	if _, err := planWith(t, tiny, "Q4_K_M", pipeline.Options{FileName: "x.gguf", RAM: least << 20}); err != nil {
		t.Errorf("the budget that it names, %d MiB: %v", least, err)
	}
}
