package stream_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/arch"
	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/formats/tokenizer"
	"github.com/qconv/qconv/runtime/device/cpu"
	"github.com/qconv/qconv/runtime/model"
	"github.com/qconv/qconv/runtime/model/modeltest"
	"github.com/qconv/qconv/runtime/stream"
)

const tiny = "../../testdata/harbour-2m"

// measured evaluates a file on windows, with threads threads.
func measured(t testing.TB, set *gguf.Set, w *stream.Windows, threads int, ram int64, layerMajor bool) stream.Perplexity {
	t.Helper()
	_, block, err := arch.FromGGUF(set)
	if err != nil {
		t.Fatal(err)
	}
	sizes := model.Measure(&block, model.FromSet(set))
	plan, err := stream.NewPlan(&sizes, len(w.IDs), w.Length(), ram, layerMajor)
	if err != nil {
		t.Fatal(err)
	}
	return measuredBy(t, set, w, threads, plan)
}

// measuredBy is measured with a plan.
func measuredBy(t testing.TB, set *gguf.Set, w *stream.Windows, threads int, plan stream.Plan) stream.Perplexity {
	t.Helper()
	_, block, err := arch.FromGGUF(set)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.New(context.Background(), cpu.New(threads, false), block, model.FromSet(set), w.Length())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	p, err := stream.Measure(context.Background(), m, w, plan, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// text cuts the tiny model's held-out text, which comes with what a float64 evaluation of the checkpoint gives.
func text(t testing.TB, set *gguf.Set, length, windows int, score stream.Score) *stream.Windows {
	t.Helper()
	b, err := os.ReadFile(tiny + "/held-out.txt")
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.FromGGUF(set.First)
	if err != nil {
		t.Fatal(err)
	}
	w, err := stream.Cut(tok.Encode(string(b), tokenizer.EncodeOptions{AddSpecial: true}), length, -1, windows, score)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestPerplexity compares with the expectations that tiny/train.py computed in float64.
func TestPerplexity(t *testing.T) {
	var want struct {
		Tokens     int `json:"held_out_tokens"`
		Context    int
		Windows    int
		Scored     int
		NLL        float64 `json:"mean_nll"`
		Perplexity float64
	}
	doc, err := os.ReadFile(tiny + "/expected.json")
	if err == nil {
		err = json.Unmarshal(doc, &want)
	}
	if err != nil {
		t.Fatal(err)
	}
	if testing.Short() {
		t.Skip("evaluates 16,384 tokens; -short was given")
	}
	for _, typ := range []string{"F32", "BF16"} {
		set := modeltest.Converted(t, tiny, typ)
		w := text(t, set, want.Context, want.Windows, stream.All)
		p := measured(t, set, w, 2, 1<<30, false)
		if p.Windows != want.Windows || p.Scored != want.Scored {
			t.Errorf("%s: %d windows, %d tokens scored; want %d, %d", typ, p.Windows, p.Scored, want.Windows, want.Scored)
		}
		if off := math.Abs(p.Value/want.Perplexity - 1); !(off <= 1e-6) {
			t.Errorf("%s: perplexity %.9f, want %.9f: %.2g apart", typ, p.Value, want.Perplexity, off)
		}
	}
}

// TestSameBits holds that neither threads nor memory change a digit: dense, with experts, and with latent attention.
func TestSameBits(t *testing.T) {
	for _, dir := range []string{tiny, "../../testdata/fixtures/mixtral", "../../testdata/fixtures/deepseek-v3"} {
		set := modeltest.Converted(t, dir, "BF16")
		_, block, err := arch.FromGGUF(set)
		if err != nil {
			t.Fatal(err)
		}
		var tokens []int32
		for i := range 6 * 24 {
			tokens = append(tokens, int32((i*i*7+i*3)%int(block.Vocab)))
		}
		w, err := stream.Cut(tokens, 24, 1, 0, stream.SecondHalf)
		if err != nil {
			t.Fatal(err)
		}
		want := measured(t, set, w, 1, 1<<30, false)
		if want.Windows != 6 || want.Scored != 6*11 || !(want.Value > 1) || !(want.Error > 0) {
			t.Errorf("%s: %+v", dir, want)
		}
		for _, p := range []stream.Plan{{Batch: 1, Round: 1}, {Batch: 5, Round: 5}, {LayerMajor: true, Batch: 1, Round: 4}, {LayerMajor: true, Batch: 2, Round: 6}} {
			if got := measuredBy(t, set, w, 2, p); got != want {
				t.Errorf("%s, %+v: %+v, want %+v", dir, p, got, want)
			}
		}
		for _, threads := range []int{1, 2, 7} {
			for _, layerMajor := range []bool{false, true} {
				if got := measured(t, set, w, threads, 1<<30, layerMajor); got != want {
					t.Errorf("%s, %d threads, layer by layer %v: %+v, want %+v", dir, threads, layerMajor, got, want)
				}
			}
		}
	}
}

// TestPlan reads the model once when all windows fit, and cuts rounds at batches when they do not.
func TestPlan(t *testing.T) {
	s := model.Sizes{Total: 1000 << 20, Global: 10 << 20, Layer: 20 << 20, Token: 4 << 10, Waiting: 4 << 10, Work: 16 << 10, Streamed: 16 << 10}
	for _, c := range []struct {
		windows    int
		ram        int64
		layerMajor bool
		round      int
	}{
		{70, 2 << 30, false, 8}, {70, 512 << 20, true, 70}, {70, 150 << 20, true, 32}, {3, 512 << 20, true, 3},
	} {
		p, err := stream.NewPlan(&s, c.windows, 256, c.ram, false)
		if err != nil || p.LayerMajor != c.layerMajor || p.Round != c.round || p.Peak > c.ram {
			t.Errorf("%+v: %+v, %v", c, p, err)
		}
	}
	// What is refused says how much would do, whichever way needs less.
	few := s
	few.Total = few.Global + few.Layer
	for _, c := range []struct {
		sizes      model.Sizes
		layerMajor bool
	}{{s, true}, {few, false}} {
		_, err := stream.NewPlan(&c.sizes, 70, 256, 10<<20, false)
		var need, length, given int64
		if fault.KindOf(err) != fault.Budget {
			t.Fatalf("10 MiB: %v", err)
		}
		if _, e := fmt.Sscanf(err.Error(), "the model needs at least %d MiB for windows of %d tokens, %d MiB are given", &need, &length, &given); e != nil || length != 256 || given != 10 {
			t.Fatalf("%v: %v", err, e)
		}
		if p, err := stream.NewPlan(&c.sizes, 70, 256, need<<20, false); err != nil || p.LayerMajor != c.layerMajor {
			t.Errorf("the %d MiB that are said to do: %+v, %v", need, p, err)
		}
		if _, err := stream.NewPlan(&c.sizes, 70, 256, (need-1)<<20, false); fault.KindOf(err) != fault.Budget {
			t.Errorf("1 MiB less: %v", err)
		}
	}
}

// TestCut checks which positions count, against llama-perplexity's rule written out.
func TestCut(t *testing.T) {
	tokens := make([]int32, 2*9+5)
	for i := range tokens {
		tokens[i] = int32(100 + i)
	}
	w, err := stream.Cut(tokens, 9, 7, 0, stream.SecondHalf)
	if err != nil {
		t.Fatal(err)
	}
	if len(w.IDs) != 2 || w.IDs[1][0] != 7 || w.IDs[1][1] != 110 || w.IDs[0][8] != 108 || w.First != 4 {
		t.Errorf("%+v", w)
	}
	for _, c := range []struct {
		tokens, length int
		says           string
	}{{17, 9, "need 18"}, {100, 3, "at least 4"}} {
		if _, err := stream.Cut(make([]int32, c.tokens), c.length, -1, 0, stream.All); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%d tokens in windows of %d: %v", c.tokens, c.length, err)
		}
	}
}

// TestStories compares a real trained model with what a float64 evaluation of its checkpoint gives: 73 stories, each for
// itself, of up to 256 tokens.
func TestStories(t *testing.T) {
	const shared = "../../../shared/data"
	var texts []string
	for _, name := range []string{"tinystories_sample.txt", "tinystories_val68.txt"} {
		b, err := os.ReadFile(filepath.Join(shared, "text", name))
		if err != nil {
			t.Skipf("the stories are not here: %v", err)
		}
		for _, s := range strings.Split(string(b), "<|endoftext|>") {
			if s = strings.TrimSpace(s); s != "" {
				texts = append(texts, s)
			}
		}
	}
	for dir, want := range map[string]float64{"hf-f32": 1.34919, "hf-bf16": 1.348923} {
		set := modeltest.Converted(t, filepath.Join(shared, "models/stories260K", dir), map[string]string{"hf-f32": "F32", "hf-bf16": "BF16"}[dir])
		tok, err := tokenizer.FromGGUF(set.First)
		if err != nil {
			t.Fatal(err)
		}
		var windows [][]int32
		tokens := 0
		for _, s := range texts {
			ids := tok.Encode(s, tokenizer.EncodeOptions{AddSpecial: true})
			ids = ids[:min(len(ids), 256)]
			windows = append(windows, ids)
			tokens += len(ids) - 1
		}
		_, block, err := arch.FromGGUF(set)
		if err != nil {
			t.Fatal(err)
		}
		m, err := model.New(context.Background(), cpu.New(2, false), block, model.FromSet(set), 256)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		var sum float64
		err = stream.Run(context.Background(), m, windows, stream.Plan{Batch: 8, Round: 8}, nil, func(first int, p *model.Pass) error {
			var rows, next []int32
			at := int32(0)
			for i := range p.Windows {
				ids := windows[first+i]
				for pos := range ids[1:] {
					rows, next = append(rows, at+int32(pos)), append(next, ids[pos+1])
				}
				at += int32(len(ids))
			}
			logProbs, err := m.LogProbs(context.Background(), p.X(), rows, next)
			for _, l := range logProbs {
				sum -= l
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := sum / float64(tokens); math.Abs(got-want) > 1e-6 || tokens != 18397 {
			t.Errorf("%s: mean negative log-likelihood %.6f of %d tokens in %d stories, want %.6f", dir, got, tokens, len(texts), want)
		}
	}
}
