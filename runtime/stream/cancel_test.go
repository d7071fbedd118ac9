package stream_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/qconv/qconv/formats/arch"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/formats/hf"
	"github.com/qconv/qconv/quantize/pipeline"
	"github.com/qconv/qconv/runtime/device"
	"github.com/qconv/qconv/runtime/device/cpu"
	"github.com/qconv/qconv/runtime/model"
	"github.com/qconv/qconv/runtime/model/modeltest"
	"github.com/qconv/qconv/runtime/stream"
)

// counted is a device that counts what happens on it and, at a moment that is a number of events, cancels the run.
type counted struct {
	device.Device
	buffers, weights atomic.Int64 // that are there
	events           atomic.Int64
	at               int64 // the event that cancels
	cancel           context.CancelFunc
	cancelled        atomic.Bool
	multiplied, read atomic.Int64 // begun after that
}

func (c *counted) event(after *atomic.Int64) {
	if after != nil && c.cancelled.Load() {
		after.Add(1)
	}
	if c.events.Add(1) == c.at {
		c.cancelled.Store(true)
		c.cancel()
	}
}

func (c *counted) New(n int) (device.Buffer, error) {
	c.event(nil)
	c.buffers.Add(1)
	return c.Device.New(n)
}

func (c *counted) Free(b device.Buffer) {
	if b != nil {
		c.buffers.Add(-1)
	}
	c.Device.Free(b)
}

// Load reads in small pieces, as if tensors were large.
func (c *counted) Load(t gguf.Type, cols, rows, matrices int, read func([]byte, int64) error) (device.Weight, error) {
	w, err := c.Device.Load(t, cols, rows, matrices, func(p []byte, off int64) error {
		for at := 0; at < len(p); at += piece {
			if err := read(p[at:min(at+piece, len(p))], off+int64(at)); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		c.weights.Add(1)
	}
	return w, err
}

func (c *counted) Release(w device.Weight) {
	if w != nil {
		c.weights.Add(-1)
	}
	c.Device.Release(w)
}

func (c *counted) Multiply(p []device.Product) {
	c.event(&c.multiplied)
	c.Device.Multiply(p)
}

func (c *counted) Attend(dst, q device.View, spans []device.Span, a *device.Attention) {
	c.event(nil)
	c.Device.Attend(dst, q, spans, a)
}

func (c *counted) LogProbs(logits device.View, targets []int32) ([]float64, error) {
	c.event(nil)
	return c.Device.LogProbs(logits, targets)
}

// watched counts the reads of a source as events.
type watched struct {
	model.Source
	dev *counted
}

func (w watched) Tensor(name string) (model.Tensor, bool) {
	t, ok := w.Source.Tensor(name)
	read := t.Read
	t.Read = func(p []byte, off int64) error {
		w.dev.event(&w.dev.read)
		return read(p, off)
	}
	return t, ok
}

// subject is a model to be evaluated again and again.
type subject struct {
	block   arch.Block
	src     model.Source
	windows *stream.Windows
}

func (s *subject) measure(t *testing.T, at int64, layerMajor bool) (*counted, stream.Perplexity, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	dev := &counted{Device: cpu.New(threads, false), at: at, cancel: cancel}
	src := watched{s.src, dev}
	m, err := model.New(ctx, dev, s.block, src, s.windows.Length())
	if err != nil {
		return dev, stream.Perplexity{}, err
	}
	defer m.Close()
	sizes := model.Measure(&s.block, src)
	plan, err := stream.NewPlan(&sizes, len(s.windows.IDs), s.windows.Length(), 1<<30, layerMajor)
	if err != nil {
		t.Fatal(err)
	}
	plan.Batch = 2 // several passes wait at a layer
	if !layerMajor {
		plan.Round = 2
	}
	p, err := stream.Measure(ctx, m, s.windows, plan, nil)
	return dev, p, err
}

const (
	threads = 2
	piece   = 1 << 14
)

// TestCancel ends evaluations at random moments, in memory and layer by layer: of a dense model, one with experts, and a
// checkpoint. Nothing stays on the device, no goroutine is left, no file is opened, and little is begun after the end.
func TestCancel(t *testing.T) {
	subjects := map[string]subject{}
	for _, dir := range []string{tiny, "../../testdata/fixtures/mixtral"} {
		set := modeltest.Converted(t, dir, "BF16")
		_, block, err := arch.FromGGUF(set)
		if err != nil {
			t.Fatal(err)
		}
		subjects[dir] = subject{block: block, src: model.FromSet(set)}
	}
	ck, err := hf.Open(hf.Dir(tiny, false), hf.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	defer ck.Close()
	plan, err := pipeline.FromCheckpoint(ck, pipeline.Options{Recipe: pipeline.SourceRecipe(ck)})
	if err != nil {
		t.Fatal(err)
	}
	subjects["checkpoint"] = subject{block: *plan.Block, src: model.FromPlan(plan)}

	rng := rand.New(rand.NewPCG(1, 2))
	for name, s := range subjects {
		var tokens []int32
		for i := range 6 * 24 {
			tokens = append(tokens, int32((i*i*7+i*3)%int(s.block.Vocab)))
		}
		if s.windows, err = stream.Cut(tokens, 24, 1, 0, stream.SecondHalf); err != nil {
			t.Fatal(err)
		}
		for _, layerMajor := range []bool{false, true} {
			whole, want, err := s.measure(t, 0, layerMajor)
			if err != nil {
				t.Fatal(err)
			}
			events := whole.events.Load()
			if buffers, weights := whole.buffers.Load(), whole.weights.Load(); buffers != 0 || weights != 0 {
				t.Errorf("%s, layer by layer %v: %d buffers and %d weights are left", name, layerMajor, buffers, weights)
			}
			goroutines, files := runtime.NumGoroutine(), openFiles()
			for range 60 {
				at := 1 + rng.Int64N(events)
				dev, got, err := s.measure(t, at, layerMajor)
				// What happens last is the end of the evaluation, which then is done.
				if !errors.Is(err, context.Canceled) && (err != nil || got != want || at < events-2) {
					t.Errorf("%s, layer by layer %v, cancelled at %d of %d: %+v, %v", name, layerMajor, at, events, got, err)
				}
				if buffers, weights := dev.buffers.Load(), dev.weights.Load(); buffers != 0 || weights != 0 {
					t.Errorf("%s, layer by layer %v, cancelled at %d of %d: %d buffers and %d weights are left", name, layerMajor, at, events, buffers, weights)
				}
				// A layer multiplies four times, with experts six times; a read that every thread was about to begin, and
				// one of the goroutine that reads ahead, may come after.
				if n := dev.multiplied.Load(); n > 6 {
					t.Errorf("%s, layer by layer %v, cancelled at %d of %d: %d products after that", name, layerMajor, at, events, n)
				}
				if n := dev.read.Load(); n > threads+1 {
					t.Errorf("%s, layer by layer %v, cancelled at %d of %d: %d reads after that", name, layerMajor, at, events, n)
				}
			}
			settled(t, goroutines)
			if n := openFiles(); n != files {
				t.Errorf("%s, layer by layer %v: %d open files, %d before", name, layerMajor, n, files)
			}
		}
	}
}

// settled waits until there are no more goroutines than before.
func settled(t *testing.T, before int) {
	t.Helper()
	for range 200 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	stacks := make([]byte, 1<<16)
	t.Errorf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
}

// openFiles counts the open descriptors of the process where the system lists them; elsewhere 0.
func openFiles() int {
	entries, _ := os.ReadDir("/proc/self/fd")
	return len(slices.DeleteFunc(entries, func(e os.DirEntry) bool {
		_, err := os.Readlink("/proc/self/fd/" + e.Name()) // that of reading the list is gone
		return err != nil
	}))
}
