package stream_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/arch"
	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/runtime/device/cpu"
	"github.com/qconv/qconv/runtime/model"
	"github.com/qconv/qconv/runtime/model/modeltest"
	"github.com/qconv/qconv/runtime/stream"
)

// opened makes a model of a file.
func opened(t testing.TB, set *gguf.Set, threads, limit int) (*model.Model, model.Sizes) {
	t.Helper()
	_, block, err := arch.FromGGUF(set)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.New(context.Background(), cpu.New(threads, false), block, model.FromSet(set), limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m, model.Measure(&block, model.FromSet(set))
}

// paired is what a Pair finds, logits in one slice each.
type paired struct {
	layers       []stream.Distance
	source, file []float32
	next         []int32
}

func pair(t testing.TB, source, file *gguf.Set, w *stream.Windows, threads int, choose func(stream.Plan) stream.Plan) paired {
	t.Helper()
	s, ss := opened(t, source, threads, w.Length())
	return pairOf(t, s, ss, file, w, threads, choose)
}

func pairOf(t testing.TB, s *model.Model, ss model.Sizes, file *gguf.Set, w *stream.Windows, threads int, choose func(stream.Plan) stream.Plan) (p paired) {
	t.Helper()
	f, fs := opened(t, file, threads, w.Length())
	plan, err := stream.NewPairPlan(&ss, &fs, len(w.IDs), w.Length(), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	both := &stream.Pair{Source: s, File: f, Logits: func(source, file []float32, next []int32) error {
		p.source, p.file, p.next = append(p.source, source...), append(p.file, file...), append(p.next, next...)
		return nil
	}}
	if p.layers, err = both.Run(context.Background(), w, choose(plan), nil); err != nil {
		t.Fatal(err)
	}
	return p
}

// alone runs one model layer by layer and gives the residual stream behind each layer, and the logits of scored positions.
func alone(t testing.TB, set *gguf.Set, w *stream.Windows) (streams [][]float32, logits []float32) {
	t.Helper()
	ctx := context.Background()
	m, _ := opened(t, set, 2, w.Length())
	if err := m.Load(ctx); err != nil {
		t.Fatal(err)
	}
	b := &model.Batch{}
	var rows []int32
	for i, ids := range w.IDs {
		b.IDs, b.Windows = append(b.IDs, ids...), append(b.Windows, len(ids))
		for pos := w.First; pos < len(ids)-1; pos++ {
			rows = append(rows, int32(i*len(ids)+pos))
		}
	}
	pass, err := m.Begin(b)
	if err != nil {
		t.Fatal(err)
	}
	defer pass.End()
	for n := range int(m.Block.Layers) {
		l, err := m.LoadLayer(ctx, n, true)
		if err != nil {
			t.Fatal(err)
		}
		if err := pass.Layer(l); err != nil {
			t.Fatal(err)
		}
		x := make([]float32, len(b.IDs)*int(m.Block.Width))
		if err := pass.Read(x, 0); err != nil {
			t.Fatal(err)
		}
		streams = append(streams, x)
		l.Release()
	}
	if logits, err = m.Logits(pass.X(), rows); err != nil {
		t.Fatal(err)
	}
	return streams, logits
}

// TestPair compares with each model run on its own, all experts at once, and holds that rounds, batches and threads change no
// digit: dense, with experts, and with latent attention.
func TestPair(t *testing.T) {
	for _, dir := range []string{"harbour-2m", "fixtures/mixtral", "fixtures/deepseek-v3"} {
		source, file := modeltest.Converted(t, "../../testdata/"+dir, "BF16"), modeltest.Converted(t, "../../testdata/"+dir, "Q8_0")
		_, block, err := arch.FromGGUF(source)
		if err != nil {
			t.Fatal(err)
		}
		var tokens []int32
		for i := range 5 * 24 {
			tokens = append(tokens, int32((i*i*7+i*3)%int(block.Vocab)))
		}
		w, err := stream.Cut(tokens, 24, -1, 0, stream.SecondHalf)
		if err != nil {
			t.Fatal(err)
		}
		first := pair(t, source, file, w, 2, func(p stream.Plan) stream.Plan { return p })
		s, sl := alone(t, source, w)
		q, ql := alone(t, file, w)
		if !slices.Equal(first.source, sl) || !slices.Equal(first.file, ql) || len(sl) != len(first.next)*int(block.Vocab) {
			t.Errorf("%s: logits are not those of the models alone", dir)
		}
		width := int(block.Width)
		for n := range s {
			var sum, cos, worst float64
			var at int
			for i := range tokens {
				var apart, ss, qq, sq float64
				for k := i * width; k < (i+1)*width; k++ {
					a, b := float64(s[n][k]), float64(q[n][k])
					apart, ss, qq, sq = apart+(a-b)*(a-b), ss+a*a, qq+b*b, sq+a*b
				}
				e := math.Sqrt(apart / ss)
				sum, cos = sum+e, cos+sq/math.Sqrt(ss*qq)
				if e > worst {
					worst, at = e, i
				}
			}
			d, tokens := first.layers[n], float64(len(tokens))
			if !close(d.Error, sum/tokens) || !close(d.Cosine, cos/tokens) || !close(d.Worst, worst) || d.Window != at/24 || d.Position != at%24 || !(d.Error > 1e-5) {
				t.Errorf("%s: behind layer %d %+v, want %g, %g, %g at %d", dir, n, d, sum/tokens, cos/tokens, worst, at)
			}
		}
		for _, c := range []struct {
			threads, batch, round int
			lean                  bool
		}{{1, 1, 1, true}, {7, 2, 4, false}, {2, 3, 5, true}, {2, 1, 3, true}} {
			got := pair(t, source, file, w, c.threads, func(p stream.Plan) stream.Plan { p.Batch, p.Round, p.Lean = c.batch, c.round, c.lean; return p })
			if fmt.Sprint(got) != fmt.Sprint(first) {
				t.Errorf("%s: %+v gives other digits", dir, c)
			}
		}
		for _, d := range pair(t, source, source, w, 2, func(p stream.Plan) stream.Plan { return p }).layers {
			if d.Error != 0 || d.Worst != 0 || math.Abs(d.Cosine-1) > 1e-12 {
				t.Errorf("%s: a model is %+v from itself", dir, d)
			}
		}
	}
}

func close(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Abs(b) }

// TestPairOther refuses two models that are not made alike.
func TestPairOther(t *testing.T) {
	a, b := modeltest.Converted(t, tiny, "BF16"), modeltest.Converted(t, "../../testdata/fixtures/mixtral", "BF16")
	s, _ := opened(t, a, 1, 8)
	f, _ := opened(t, b, 1, 8)
	w := &stream.Windows{IDs: [][]int32{{1, 2, 3, 4, 5, 6, 7, 8}}}
	_, err := (&stream.Pair{Source: s, File: f}).Run(context.Background(), w, stream.Plan{Batch: 1, Round: 1}, nil)
	if fault.KindOf(err) != fault.Mismatch {
		t.Errorf("got %v", err)
	}
}

// TestPairPlan holds that less memory makes what is outside the layers come and go, then batches and rounds smaller, and that
// what is planned never is over the budget.
func TestPairPlan(t *testing.T) {
	set := modeltest.Converted(t, tiny, "BF16")
	_, s := opened(t, set, 1, 64)
	most, err := stream.NewPairPlan(&s, &s, 40, 64, 1<<40)
	if err != nil || most.Lean || most.Round != 40 {
		t.Fatalf("with all memory: %+v, %v", most, err)
	}
	lean, before := false, most
	for ram := most.Peak; ; ram -= 1 << 16 {
		p, err := stream.NewPairPlan(&s, &s, 40, 64, ram)
		if err != nil {
			if fault.KindOf(err) != fault.Budget || before.Batch != 1 || before.Round != 1 && before.Round > 3 {
				t.Errorf("below %+v: %v", before, err)
			}
			break
		}
		if p.Peak > ram || p.Round < p.Batch || p.Round < 40 && p.Round%p.Batch != 0 {
			t.Fatalf("of %d bytes: %+v", ram, p)
		}
		lean, before = lean || p.Lean, p
	}
	if !lean {
		t.Error("embeddings never come and go")
	}
}

// TestPairNotFinite: activations that overflow are found in whichever model, and the fault names the product that would take them.
func TestPairNotFinite(t *testing.T) {
	for _, c := range []struct{ dir, huge, named string }{
		{tiny, "blk.1.ffn_up.weight", "blk.1.ffn_down.weight"},
		{tiny, "blk.0.attn_output.weight", "blk.0.ffn_gate.weight"},
		{tiny, "blk.2.ffn_down.weight", ""}, // behind the layer's last product
		{"../../testdata/fixtures/mixtral", "blk.1.ffn_up_exps.weight", "blk.1.ffn_down_exps.weight"},
	} {
		set := modeltest.Converted(t, c.dir, "BF16")
		_, block, err := arch.FromGGUF(set)
		if err != nil {
			t.Fatal(err)
		}
		for side, name := range []string{"source", "file"} {
			var m [2]*model.Model
			for i := range m {
				src := model.FromSet(set)
				if i == side {
					src = huge{src, c.huge}
				}
				if m[i], err = model.New(context.Background(), cpu.New(2, false), block, src, 8); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(m[i].Close)
			}
			w := &stream.Windows{IDs: [][]int32{{1, 2, 3, 4, 5, 6, 7, 8}, {8, 7, 6, 5, 4, 3, 2, 1}}}
			_, err := (&stream.Pair{Source: m[0], File: m[1], Logits: func(_, _ []float32, _ []int32) error { return nil }}).Run(
				context.Background(), w, stream.Plan{Batch: 1, Round: 2}, nil)
			var f *fault.Error
			if !errors.As(err, &f) || f.Kind != fault.Malformed || f.Tensor != c.named || !strings.Contains(err.Error(), "in the "+name) {
				t.Errorf("%s, %s huge in the %s: %v", c.dir, c.huge, name, err)
			}
		}
	}
}
