package stream_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/qconv/qconv/formats/arch"
	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/imatrix"
	"github.com/qconv/qconv/runtime/device/cpu"
	"github.com/qconv/qconv/runtime/model"
	"github.com/qconv/qconv/runtime/model/modeltest"
	"github.com/qconv/qconv/runtime/stream"
)

// collection is a model whose importance is collected again and again.
type collection struct {
	block arch.Block
	src   model.Source
	w     *stream.Windows
}

// numbered makes windows of 24 tokens of no meaning.
func numbered(t testing.TB, set *gguf.Set, windows int) collection {
	t.Helper()
	_, block, err := arch.FromGGUF(set)
	if err != nil {
		t.Fatal(err)
	}
	var tokens []int32
	for i := range windows * 24 {
		tokens = append(tokens, int32((i*i*7+i*3)%int(block.Vocab)))
	}
	w, err := stream.Cut(tokens, 24, 1, 0, stream.All)
	if err != nil {
		t.Fatal(err)
	}
	return collection{block, model.FromSet(set), w}
}

// run collects; change may set what the run shall be like.
func (c *collection) run(t testing.TB, ctx context.Context, threads int, plan stream.Plan, change func(*stream.Collection)) (*imatrix.Sums, error) {
	t.Helper()
	dev := cpu.New(threads, false)
	m, err := model.New(ctx, dev, c.block, c.src, c.w.Length())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	run := stream.Collection{Model: m, Device: dev, Output: true, Digest: "test"}
	if change != nil {
		change(&run)
	}
	return run.Run(ctx, c.w, plan)
}

func sameSums(a, b *imatrix.Sums) bool {
	return a.ChunkSize == b.ChunkSize && slices.EqualFunc(a.Entries, b.Entries, func(a, b imatrix.Sum) bool {
		return a.Name == b.Name && slices.Equal(a.Counts, b.Counts) && slices.EqualFunc(a.Values, b.Values, func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) })
	})
}

var collected = []string{tiny, "../../testdata/fixtures/mixtral", "../../testdata/fixtures/deepseek-v3"}

// TestCollectSameBits: neither threads nor memory change a bit of the sums; every matrix of every layer has some, of as many
// rows as there are tokens.
func TestCollectSameBits(t *testing.T) {
	for _, dir := range collected {
		c := numbered(t, modeltest.Converted(t, dir, "BF16"), 6)
		want, err := c.run(t, context.Background(), 1, stream.Plan{Batch: 6, Round: 6}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range want.Entries {
			var rows int64
			for _, n := range e.Counts {
				rows += n
			}
			tokens := int64(6 * 24)
			if strings.HasSuffix(e.Name, "_exps.weight") {
				tokens *= c.block.Experts.Used
			}
			if rows != tokens || !(slices.Max(e.Values) > 0) {
				t.Errorf("%s: %s saw %d rows, want %d; largest sum %v", dir, e.Name, rows, tokens, slices.Max(e.Values))
			}
		}
		if want.ChunkSize != 24 || want.Chunks() != 6 || want.Find("output.weight") == nil != c.block.TiedOutput {
			t.Errorf("%s: %d chunks of %d", dir, want.Chunks(), want.ChunkSize)
		}
		for _, threads := range []int{1, 2, 7} {
			for _, p := range []stream.Plan{{Batch: 1, Round: 1}, {Batch: 5, Round: 5}, {LayerMajor: true, Batch: 1, Round: 6}, {LayerMajor: true, Batch: 2, Round: 4, Lean: true}, {LayerMajor: true, Batch: 6, Round: 6}} {
				got, err := c.run(t, context.Background(), threads, p, nil)
				if err != nil {
					t.Fatal(err)
				}
				if !sameSums(got, want) {
					t.Errorf("%s, %d threads, %+v: other sums", dir, threads, p)
				}
			}
		}
		plain, err := c.run(t, context.Background(), 2, stream.Plan{LayerMajor: true, Batch: 2, Round: 6}, func(r *stream.Collection) { r.Output = false })
		if err != nil || plain.Find("output.weight") != nil {
			t.Errorf("%s: output.weight was not asked for (%v)", dir, err)
		}
	}
}

// TestCollectMerged: sums of the parts of a text, merged, are those of the whole.
func TestCollectMerged(t *testing.T) {
	for _, dir := range collected {
		c := numbered(t, modeltest.Converted(t, dir, "BF16"), 6)
		plan := stream.Plan{LayerMajor: true, Batch: 2, Round: 6}
		want, err := c.run(t, context.Background(), 2, plan, nil)
		if err != nil {
			t.Fatal(err)
		}
		var merged *imatrix.Sums
		for _, part := range [][][]int32{c.w.IDs[:2], c.w.IDs[2:]} {
			c.w = &stream.Windows{IDs: part}
			s, err := c.run(t, context.Background(), 2, plan, nil)
			if err != nil {
				t.Fatal(err)
			}
			if merged == nil {
				merged = s
			} else if err := merged.Merge(s); err != nil {
				t.Fatal(err)
			}
		}
		for i, e := range want.Entries {
			got := merged.Entries[i]
			if got.Name != e.Name || !slices.Equal(got.Counts, e.Counts) {
				t.Errorf("%s: %s has counts %v, want %v", dir, e.Name, got.Counts, e.Counts)
			}
			for j, v := range e.Values {
				if !(math.Abs(got.Values[j]-v) <= 1e-12*v) {
					t.Fatalf("%s: %s sums to %v, want %v", dir, e.Name, got.Values[j], v)
				}
			}
		}
	}
}

// TestCollectResumes ends a run behind each layer of each round, and goes on: the same bits.
func TestCollectResumes(t *testing.T) {
	for _, dir := range collected {
		c := numbered(t, modeltest.Converted(t, dir, "BF16"), 6)
		layers := int(c.block.Layers)
		for _, plan := range []stream.Plan{{LayerMajor: true, Batch: 2, Round: 6}, {LayerMajor: true, Batch: 2, Round: 4, Lean: true}} {
			want, err := c.run(t, context.Background(), 2, plan, nil)
			if err != nil {
				t.Fatal(err)
			}
			for start := 0; start < 6; start += plan.Round {
				for l := 1; l < layers; l++ { // nothing is kept behind the last layer of a round
					share := (float64(start) + float64(min(plan.Round, 6-start)*l)/float64(layers)) / 6
					state := filepath.Join(t.TempDir(), "i.state")
					stopped(t, &c, plan, state, share)
					resumed := 0.0
					got, err := c.run(t, context.Background(), 1, plan, func(r *stream.Collection) {
						r.State, r.Every = state, time.Hour
						r.Resume = func(done float64) { resumed = done }
						r.Notice = func(text string) { t.Error(text) }
					})
					if err != nil || !sameSums(got, want) {
						t.Errorf("%s, %+v: going on behind layer %d gives other sums (%v)", dir, plan, l-1, err)
					}
					if !(math.Abs(resumed-share) < 1e-9) {
						t.Errorf("%s, %+v: stopped at %v of the whole, going on at %v", dir, plan, share, resumed)
					}
				}
			}
		}
	}
}

// stopped runs until a share is done, which is where a layer ends, and leaves a state there.
func stopped(t *testing.T, c *collection, plan stream.Plan, state string, share float64) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	_, err := c.run(t, ctx, 2, plan, func(r *stream.Collection) {
		r.State, r.Every = state, time.Hour
		r.Watch = func(done float64) {
			if done > share-1e-9 {
				cancel()
			}
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped at %v: %v", share, err)
	}
	if _, err := os.Stat(state); err != nil {
		t.Fatal(err)
	}
}

// TestCollectKeeps: a state is kept as often as is asked for, and may be there when all is done: then the end is done again.
func TestCollectKeeps(t *testing.T) {
	c := numbered(t, modeltest.Converted(t, tiny, "BF16"), 2)
	plan := stream.Plan{LayerMajor: true, Batch: 2, Round: 2}
	state := filepath.Join(t.TempDir(), "i.state")
	keep := func(r *stream.Collection) { r.State, r.Every = state, time.Hour }
	want, err := c.run(t, context.Background(), 2, plan, keep)
	if _, no := os.Stat(state); err != nil || !errors.Is(no, os.ErrNotExist) {
		t.Fatalf("a short run kept a state: %v, %v", err, no)
	}
	for range 2 {
		got, err := c.run(t, context.Background(), 2, plan, func(r *stream.Collection) { r.State = state })
		if err != nil || !sameSums(got, want) {
			t.Errorf("other sums (%v)", err)
		}
		if _, err := os.Stat(state); err != nil {
			t.Error(err)
		}
	}
	if files, _ := os.ReadDir(filepath.Dir(state)); len(files) != 1 {
		t.Errorf("%d files are left", len(files))
	}
	stream.RemoveState(state)
	if files, _ := os.ReadDir(filepath.Dir(state)); len(files) != 0 {
		t.Errorf("%d files are left", len(files))
	}
}

// TestCollectBadState: a state that is damaged anywhere, or of another run, is not used, and the sums are those of a run
// without; what is no state is left alone.
func TestCollectBadState(t *testing.T) {
	c := numbered(t, modeltest.Converted(t, tiny, "BF16"), 2)
	plan := stream.Plan{LayerMajor: true, Batch: 2, Round: 2}
	want, err := c.run(t, context.Background(), 2, plan, nil)
	if err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(t.TempDir(), "i.state")
	stopped(t, &c, plan, state, 1.0/3)
	good, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	const magic = 16
	run := func(b []byte, change func(*stream.Collection)) (notices []string, err error) {
		t.Helper()
		if err := os.WriteFile(state, b, 0o666); err != nil {
			t.Fatal(err)
		}
		got, err := c.run(t, context.Background(), 2, plan, func(r *stream.Collection) {
			r.State, r.Every = state, time.Hour
			r.Notice = func(text string) { notices = append(notices, text) }
			if change != nil {
				change(r)
			}
		})
		if err == nil && !sameSums(got, want) {
			t.Error("other sums")
		}
		return notices, err
	}
	for name, b := range map[string][]byte{
		"cut": good[:len(good)-1], "of the magic only": good[:magic], "with a byte more": append(slices.Clone(good), 0),
		"flipped behind the magic": flipped(good, magic), "flipped in the digest": flipped(good, magic+20), "flipped in the layer": flipped(good, magic+4+64),
		"flipped in the middle": flipped(good, len(good)/2), "flipped at the end": flipped(good, len(good)-1),
	} {
		if notices, err := run(b, nil); err != nil || len(notices) != 1 || !strings.Contains(notices[0], "i.state is damaged") {
			t.Errorf("%s: %q, %v", name, notices, err)
		}
	}
	for name, change := range map[string]func(*stream.Collection){
		"another digest": func(r *stream.Collection) { r.Digest = "other" },
	} {
		if notices, err := run(good, change); err != nil || len(notices) != 1 || !strings.Contains(notices[0], "i.state is of another model, text") {
			t.Errorf("%s: %q, %v", name, notices, err)
		}
	}
	for name, b := range map[string][]byte{"empty": nil, "a text": []byte("my own notes, kept in i.state"), "flipped in the magic": flipped(good, 3)} {
		if _, err := run(b, nil); fault.KindOf(err) != fault.Busy || !strings.Contains(err.Error(), "i.state: ") {
			t.Errorf("%s: %v", name, err)
		}
		if now, _ := os.ReadFile(state); !bytes.Equal(now, b) {
			t.Errorf("%s: the file was changed", name)
		}
	}
	if err := os.Remove(state); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(state, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := c.run(t, context.Background(), 2, plan, func(r *stream.Collection) { r.State = state }); fault.KindOf(err) != fault.Busy {
		t.Errorf("a directory: %v", err)
	}
}

func flipped(b []byte, at int) []byte {
	b = slices.Clone(b)
	b[at] ^= 4
	return b
}

// FuzzState: whatever a state's file holds, reading it ends with a state or without, and no more memory than the file.
func FuzzState(f *testing.F) {
	path := filepath.Join(f.TempDir(), "s")
	err := stream.SaveState(path, stream.State{Digest: "d", Layer: 3, JSON: []byte("{}")}, func(w *stream.StateWriter) error {
		return errors.Join(w.Floats([]float32{1, 2}), w.Doubles([]float64{3}), w.Ints([]int64{4}))
	})
	if err != nil {
		f.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[:len(b)-32], "d")
	f.Add(b[:40], "d")
	f.Fuzz(func(t *testing.T, b []byte, digest string) {
		sum := sha256.Sum256(b) // as somebody would who wants it to be believed
		path := filepath.Join(t.TempDir(), "s")
		if err := os.WriteFile(path, append(b, sum[:]...), 0o666); err != nil {
			t.Fatal(err)
		}
		s, notice, err := stream.LoadState(path, digest)
		if s == nil {
			if (notice == "") == (err == nil) {
				t.Fatalf("%q, %v", notice, err)
			}
			return
		}
		defer s.Close()
		if s.Digest != digest || s.Layer < 0 || s.Left < 0 || s.Left+int64(len(s.JSON)+len(s.Digest)) > int64(len(b)) || notice != "" || err != nil {
			t.Fatalf("%+v, %q, %v", s, notice, err)
		}
		left := s.Left
		if err := s.Doubles(make([]float64, left/8+1)); err == nil {
			t.Fatal("more numbers than there are")
		}
	})
}

// TestState gives back what was saved.
func TestState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	want := stream.State{Digest: "one", Layer: 7, JSON: []byte(`{"a":1}`)}
	floats, doubles, ints := make([]float32, 100_000), []float64{math.Pi, math.Inf(-1)}, []int64{-1, 1 << 40}
	for i := range floats {
		floats[i] = float32(i) / 3
	}
	for range 2 { // the second replaces the first
		if err := stream.SaveState(path, want, func(w *stream.StateWriter) error {
			return errors.Join(w.Ints(ints), w.Floats(floats), w.Doubles(doubles))
		}); err != nil {
			t.Fatal(err)
		}
	}
	s, notice, err := stream.LoadState(path, "one")
	if err != nil || notice != "" {
		t.Fatal(notice, err)
	}
	defer s.Close()
	f, d, n := make([]float32, len(floats)), make([]float64, 2), make([]int64, 2)
	if err := errors.Join(s.Ints(n), s.Floats(f), s.Doubles(d)); err != nil {
		t.Fatal(err)
	}
	if s.Digest != want.Digest || s.Layer != want.Layer || string(s.JSON) != string(want.JSON) || s.Left != 0 || !slices.Equal(f, floats) || !slices.Equal(d, doubles) || !slices.Equal(n, ints) {
		t.Errorf("%+v", s.State)
	}
	broken := errors.New("broken")
	if err := stream.SaveState(path, stream.State{Digest: "two"}, func(*stream.StateWriter) error { return broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
	if s, _, err := stream.LoadState(path, "one"); err != nil || s == nil {
		t.Errorf("the state before is gone: %v", err)
	} else {
		s.Close()
	}
	if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 1 {
		t.Errorf("%d files are left", len(files))
	}
}

// huge makes a tensor's values so large that what comes of them is not finite.
type huge struct {
	model.Source
	name string
}

func (h huge) Tensor(name string) (model.Tensor, bool) {
	t, ok := h.Source.Tensor(name)
	if name == h.name {
		read := t.Read
		t.Read = func(p []byte, off int64) error {
			err := read(p, off)
			for i := 0; i+1 < len(p); i += 2 {
				p[i], p[i+1] = 0x7f, 0x7f // 3.4e38 in BF16
			}
			return err
		}
	}
	return t, ok
}

// TestCollectNotFinite names the layer and the operation whose input is not finite.
func TestCollectNotFinite(t *testing.T) {
	for _, test := range []struct{ dir, huge, named string }{
		{tiny, "blk.1.ffn_up.weight", "blk.1.ffn_down.weight"},
		{tiny, "blk.2.attn_v.weight", "blk.2.attn_output.weight"},
		{tiny, "blk.0.ffn_down.weight", "blk.1.attn_q.weight"},
		{"../../testdata/fixtures/mixtral", "blk.1.ffn_up_exps.weight", "blk.1.ffn_down_exps.weight"},
		{"../../testdata/fixtures/deepseek-v3", "blk.1.attn_k_b.weight", "blk.1.attn_v_b.weight"},
	} {
		c := numbered(t, modeltest.Converted(t, test.dir, "BF16"), 4)
		c.src = huge{c.src, test.huge}
		for _, plan := range []stream.Plan{{Batch: 2, Round: 2}, {LayerMajor: true, Batch: 2, Round: 4}} {
			_, err := c.run(t, context.Background(), 2, plan, nil)
			var f *fault.Error
			if !errors.As(err, &f) || f.Kind != fault.Malformed || f.Tensor != test.named || !strings.Contains(err.Error(), "its input ") {
				t.Errorf("%s, %s huge: %v", test.dir, test.huge, err)
			}
		}
	}
}

// TestCollectionPlan keeps to the memory, and says what would do.
func TestCollectionPlan(t *testing.T) {
	set := modeltest.Converted(t, tiny, "BF16")
	_, block, err := arch.FromGGUF(set)
	if err != nil {
		t.Fatal(err)
	}
	sizes := model.Measure(&block, model.FromSet(set))
	p, err := stream.NewCollectionPlan(&sizes, &block, false, 40, 256, 1<<30)
	if err != nil || !p.LayerMajor || p.Round != 40 || p.Batch != 8 || p.Peak > 1<<30 {
		t.Errorf("%+v, %v", p, err)
	}
	small, err := stream.NewCollectionPlan(&sizes, &block, false, 40, 256, p.Peak/2)
	if err != nil || small.Peak > p.Peak/2 || small.Round < 1 {
		t.Errorf("%+v, %v", small, err)
	}
	if _, err := stream.NewCollectionPlan(&sizes, &block, false, 40, 256, 1<<20); fault.KindOf(err) != fault.Budget || !strings.Contains(err.Error(), "1 MiB are given") {
		t.Error(err)
	}
}
