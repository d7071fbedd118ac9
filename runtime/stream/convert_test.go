package stream_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/qconv/qconv/formats/hf"
	"github.com/qconv/qconv/quantize/imatrix"
	"github.com/qconv/qconv/quantize/mix"
	"github.com/qconv/qconv/quantize/pipeline"
	"github.com/qconv/qconv/runtime/device"
	"github.com/qconv/qconv/runtime/device/cpu"
	"github.com/qconv/qconv/runtime/model"
	"github.com/qconv/qconv/runtime/model/modeltest"
	"github.com/qconv/qconv/runtime/stream"
)

// metered counts what is read of a checkpoint.
type metered struct {
	hf.Source
	n atomic.Int64
}

type meteredBlob struct {
	hf.Blob
	n *atomic.Int64
}

func (m *metered) Open(name string) (hf.Blob, error) {
	b, err := m.Source.Open(name)
	if err != nil {
		return nil, err
	}
	return meteredBlob{b, &m.n}, nil
}

func (b meteredBlob) ReadAt(p []byte, off int64) (int, error) {
	b.n.Add(int64(len(p)))
	return b.Blob.ReadAt(p, off)
}

// checkpoint opens a checkpoint and counts the bytes that are read of it.
func checkpoint(t testing.TB, dir string) (*hf.Checkpoint, *metered) {
	t.Helper()
	src := &metered{Source: hf.Dir(dir, false)}
	ck, err := hf.Open(src, hf.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ck.Close() })
	return ck, src
}

func planned(t testing.TB, ck *hf.Checkpoint, o pipeline.Options, typ string) *pipeline.Plan {
	t.Helper()
	o.Recipe, _ = mix.ParseRecipe(typ)
	o.FileName, o.Threads = "out.gguf", 2
	p, err := pipeline.FromCheckpoint(ck, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// observed sums up importance in the plainest way: all windows at once through whole layers.
type observed struct {
	dev     device.Device
	entries map[string]*imatrix.Sum
}

func (o *observed) Input(tensor string, matrix, matrices int, x device.View) error {
	e := o.entries[tensor]
	if e == nil {
		e = &imatrix.Sum{Name: tensor, Counts: make([]int64, matrices), Values: make([]float64, matrices*x.Cols)}
		o.entries[tensor] = e
	}
	rows := make([]float32, x.Rows*x.Cols)
	if err := o.dev.Read(rows, x); err != nil {
		return err
	}
	for i, v := range rows {
		e.Values[matrix*x.Cols+i%x.Cols] += float64(v) * float64(v)
	}
	e.Counts[matrix] += int64(x.Rows)
	return nil
}

// twoSteps is what an importance file and a conversion with it give.
func twoSteps(t testing.TB, dir, typ string, w *stream.Windows, calibrated int, output bool) []byte {
	t.Helper()
	ctx := context.Background()
	ck, _ := checkpoint(t, dir)
	source := planned(t, ck, pipeline.Options{}, pipeline.SourceRecipe(ck).Name)
	dev := cpu.New(1, false)
	m, err := model.New(ctx, dev, *source.Block, model.FromPlan(source), w.Length())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.Load(ctx); err != nil {
		t.Fatal(err)
	}
	seen := &observed{dev, map[string]*imatrix.Sum{}}
	for _, ids := range w.IDs[:calibrated] {
		p, err := m.Begin(&model.Batch{IDs: ids, Windows: []int{len(ids)}})
		if err != nil {
			t.Fatal(err)
		}
		p.Observe(seen)
		if err := p.Through(ctx, func(int) {}); err != nil {
			t.Fatal(err)
		}
		if output {
			if err := p.ObserveOutput(); err != nil {
				t.Fatal(err)
			}
		}
		p.End()
	}
	sums := &imatrix.Sums{Datasets: []string{"text"}, ChunkSize: int64(w.Length())}
	for _, e := range seen.entries {
		sums.Entries = append(sums.Entries, *e)
	}
	sums.Sort()
	matrix, err := sums.Matrix()
	if err != nil {
		t.Fatal(err)
	}
	p := planned(t, ck, pipeline.Options{Importance: matrix, ImportanceFile: "imatrix.gguf"}, typ)
	out := t.TempDir()
	if _, err := p.WriteFiles(ctx, pipeline.Output{Dir: out}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(out, "out.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// conversion is a one-pass conversion and what it found.
type conversion struct {
	stream.Conversion
	layers       []stream.Distance
	source, file []float32
	read         int64 // bytes of the checkpoint
	resumed      float64
	bytes        []byte
}

func onePass(t testing.TB, dir, typ string, w *stream.Windows, calibrated, compared int, output, run bool, threads int, lean bool) *conversion {
	t.Helper()
	c, err := onePassIn(t, t.TempDir(), dir, typ, w, calibrated, compared, output, run, threads, lean, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// onePassIn writes to out. stop, if there is one, is asked after every step whether to stop.
func onePassIn(t testing.TB, out, dir, typ string, w *stream.Windows, calibrated, compared int, output, run bool, threads int, lean bool, stop func() bool) (*conversion, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ck, src := checkpoint(t, dir)
	held := pipeline.NewHeld()
	source := planned(t, ck, pipeline.Options{Held: held}, pipeline.SourceRecipe(ck).Name)
	o := pipeline.Options{Held: held}
	if calibrated > 0 {
		o.Calibration = &pipeline.Calibration{File: "imatrix.gguf", Dataset: "text", Chunks: int64(calibrated), Output: output, Digest: fmt.Sprint(w.IDs)}
	}
	c := &conversion{}
	c.Plan = planned(t, ck, o, typ)
	var err error
	if c.Job, err = c.Plan.Start(ctx, pipeline.Output{Dir: out, Measure: true}); err != nil {
		t.Fatal(err)
	}
	defer c.Job.Close()
	dev := cpu.New(threads, false)
	if c.Source, err = model.New(ctx, dev, *source.Block, model.FromPlan(source), w.Length()); err != nil {
		t.Fatal(err)
	}
	defer c.Source.Close()
	c.Calibrated, c.Compared, c.Output, c.Run = calibrated, compared, output, run
	c.Logits = func(source, file []float32, next []int32) error {
		c.source, c.file = append(c.source, source...), append(c.file, file...)
		return nil
	}
	src.n.Store(0)
	plan := stream.Plan{Batch: 2, Round: len(w.IDs), Lean: lean}
	c.State, c.Every = filepath.Join(out, "out.gguf.partial.state"), -1
	c.Resume = func(done float64) { c.resumed = done }
	watch := func(float64, []stream.Distance) {
		if stop != nil && stop() {
			cancel()
		}
	}
	if c.layers, err = c.Make(ctx, w, plan, watch); err != nil {
		return c, err
	}
	stream.RemoveState(c.State)
	c.read = src.n.Load()
	if _, err := c.Job.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if c.bytes, err = os.ReadFile(filepath.Join(out, "out.gguf")); err != nil {
		t.Fatal(err)
	}
	return c, nil
}

// TestOnePass holds that one pass gives the bytes of two steps, the distances and logits of both models afterwards, and
// reads the source once: dense, with experts, with latent attention; with and without the output matrix.
func TestOnePass(t *testing.T) {
	for _, c := range []struct {
		dir, typ string
		output   bool
	}{
		{"harbour-2m", "Q4_K_M", false}, {"harbour-2m", "IQ2_XS", true}, {"fixtures/mixtral", "Q4_0", false},
		{"fixtures/deepseek-v3", "Q5_1", true}, {"fixtures/deepseek-v2", "IQ4_NL", false}, {"fixtures/deepseek-v3-fp8", "Q4_0", false}, {"fixtures/hunyuan-moe", "Q4_1", false},
	} {
		t.Run(c.dir+" "+c.typ, func(t *testing.T) {
			dir := "../../testdata/" + c.dir
			ck, _ := checkpoint(t, dir)
			w, vocab := anyWindows(t, ck)
			want := twoSteps(t, dir, c.typ, w, 3, c.output)
			got := onePass(t, dir, c.typ, w, 3, 0, c.output, true, 2, true)
			if !bytes.Equal(got.bytes, want) {
				t.Fatal("the bytes are not those of two steps")
			}
			var size int64
			for i := range ck.Tensors {
				size += ck.Tensors[i].Bytes
			}
			if got.read > size+size/20 {
				t.Errorf("%d bytes were read of a checkpoint of %d", got.read, size)
			}
			for _, other := range []*conversion{
				onePass(t, dir, c.typ, w, 3, 3, c.output, true, 1, false),
				onePass(t, dir, c.typ, w, 3, 0, c.output, false, 7, true),
			} {
				if !bytes.Equal(other.bytes, want) {
					t.Error("other windows to compare, or none, give other bytes")
				}
			}
			file := filepath.Join(t.TempDir(), "out.gguf")
			if err := os.WriteFile(file, got.bytes, 0o600); err != nil {
				t.Fatal(err)
			}
			plan := planned(t, ck, pipeline.Options{}, pipeline.SourceRecipe(ck).Name)
			source, err := model.New(context.Background(), cpu.New(2, false), *plan.Block, model.FromPlan(plan), w.Length())
			if err != nil {
				t.Fatal(err)
			}
			defer source.Close()
			after := pairOf(t, source, model.Measure(plan.Block, model.FromPlan(plan)), modeltest.Opened(t, file), w, 2, func(p stream.Plan) stream.Plan { return p })
			if !slices.Equal(got.layers, after.layers) || !slices.Equal(got.source, after.source) || !slices.Equal(got.file, after.file) {
				t.Error("distances or logits are not those of both models afterwards")
			}
			if len(after.source) != 5*11*int(vocab) || !(after.layers[0].Error > 0.01) {
				t.Errorf("%d logits, %+v", len(after.source), after.layers)
			}
		})
	}
}

// anyWindows are five windows of tokens that a model has.
func anyWindows(t testing.TB, ck *hf.Checkpoint) (*stream.Windows, int64) {
	vocab := planned(t, ck, pipeline.Options{}, "BF16").Block.Vocab
	w := &stream.Windows{First: 12}
	for i := range 5 {
		var ids []int32
		for k := range 24 {
			ids = append(ids, int32((i*i*131+k*k*7+k*3)%int(vocab)))
		}
		w.IDs = append(w.IDs, ids)
	}
	return w, vocab
}

// TestOnePassResumed stops at every step, goes on, and wants what an undisturbed run gives; what was saved is used, unless
// what was written has changed.
func TestOnePassResumed(t *testing.T) {
	for _, c := range []struct{ dir, typ string }{{"harbour-2m", "Q4_K_M"}, {"fixtures/deepseek-v3", "Q4_1"}} {
		dir := "../../testdata/" + c.dir
		ck, _ := checkpoint(t, dir)
		w, _ := anyWindows(t, ck)
		steps := 0
		run := func(out string, stop func() bool) (*conversion, error) {
			return onePassIn(t, out, dir, c.typ, w, 3, 0, true, true, 2, true, stop)
		}
		want, err := run(t.TempDir(), func() bool { steps++; return false })
		if err != nil {
			t.Fatal(err)
		}
		same := func(what string, got *conversion) {
			t.Helper()
			if !bytes.Equal(got.bytes, want.bytes) || !slices.Equal(got.layers, want.layers) || !slices.Equal(got.file, want.file) ||
				!maps.Equal(got.Errors, want.Errors) || !reflect.DeepEqual(got.Sums, want.Sums) {
				t.Errorf("%s: %s: bytes equal: %v, layers: %v, logits: %v, errors: %v, sums: %v", c.dir, what, bytes.Equal(got.bytes, want.bytes), slices.Equal(got.layers, want.layers),
					slices.Equal(got.file, want.file), maps.Equal(got.Errors, want.Errors), reflect.DeepEqual(got.Sums, want.Sums))
			}
		}
		resumed := 0
		stopped := func(out string, at int) {
			n := 0
			if _, err := run(out, func() bool { n++; return n > at }); !errors.Is(err, context.Canceled) {
				t.Fatalf("%s: stopped at step %d of %d: %v", c.dir, at, steps, err)
			}
		}
		for at := 0; at < steps-1; at += 1 + steps/25 {
			out := t.TempDir()
			stopped(out, at)
			got, err := run(out, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got.resumed > 0 {
				resumed++
			}
			same(fmt.Sprint("stopped at step ", at), got)
			if left, _ := filepath.Glob(filepath.Join(out, "*")); len(left) != 1 {
				t.Errorf("%s: left behind: %v", c.dir, left)
			}
		}
		if resumed == 0 {
			t.Errorf("%s: no state was ever used", c.dir)
		}
		out := t.TempDir()
		stopped(out, steps-2)
		if err := os.Remove(filepath.Join(out, "out.gguf.partial")); err != nil {
			t.Fatal(err)
		}
		got, err := run(out, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got.resumed > 0 {
			t.Error("a state was used without what was written")
		}
		same("without the partial output", got)
	}
}
