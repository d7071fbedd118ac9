package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize"
	"github.com/qconv/qconv/quantize/pipeline"
)

// defective gives Q4_0 a defect for the time of a test: rows in which a value is above limit. The correct codec refuses
// everything, which shows that it is used.
func defective(t *testing.T, limit float32) {
	c, _ := quantize.For(gguf.TypeQ4_0)
	was := *c
	t.Cleanup(func() { *c = was })
	right := was
	right.Check = func([]byte) error { return errors.New("this is the correct codec") }
	c.Correct = &right
	c.Damages = func(src []float32) bool { return slices.Max(src) > limit }
}

// TestDamage: tensors that a defect of the reference spoils are named in the report, and nothing else changes.
func TestDamage(t *testing.T) {
	want, r := convert(t, tiny, "Q4_0", pipeline.Options{})
	if len(r.Damaged) > 0 || len(r.Warnings) > 0 {
		t.Errorf("without a defect: %q, %q", r.Damaged, r.Warnings)
	}
	dir := damaged(t, "model.layers.1.mlp.down_proj.weight", 100*512+5, []byte{0x80, 0x42}) // 64
	defective(t, 60)
	if got, r := convert(t, tiny, "Q4_0", pipeline.Options{}); !bytes.Equal(got, want) || len(r.Damaged)+len(r.Warnings) > 0 {
		t.Errorf("a defect that touches nothing: %q", r.Warnings)
	}
	_, r = convert(t, dir, "Q4_0", pipeline.Options{Threads: 3})
	if !slices.Equal(r.Damaged, []string{"blk.1.ffn_down.weight"}) || len(r.Warnings) != 1 ||
		!strings.Contains(r.Warnings[0], "llama.cpp gets wrong, and this file too: 1 (blk.1.ffn_down.weight): ") || !strings.Contains(r.Warnings[0], "--correct") {
		t.Errorf("damaged %q, warnings %q", r.Damaged, r.Warnings)
	}
	if _, r := convert(t, dir, "Q8_0", pipeline.Options{}); len(r.Damaged) > 0 {
		t.Errorf("Q8_0: damaged %q", r.Damaged)
	}
}

// TestCorrect: Correct takes the codec without the defect; a block that does not pass because of it says so.
func TestCorrect(t *testing.T) {
	defective(t, -1)
	plan := func(o pipeline.Options) error {
		o.FileName = "out.gguf"
		_, err := planCheckpoint(t, tiny, "Q4_0", o).WriteFiles(t.Context(), pipeline.Output{Dir: t.TempDir()})
		return err
	}
	if err := plan(pipeline.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := plan(pipeline.Options{Correct: true}); err == nil || !strings.Contains(err.Error(), "this is the correct codec") || strings.Contains(err.Error(), "--correct") {
		t.Errorf("with Correct: %v", err)
	}
	c, _ := quantize.For(gguf.TypeQ4_0)
	c.Check = c.Correct.Check
	if err := plan(pipeline.Options{}); fault.KindOf(err) != fault.Malformed || !strings.HasSuffix(err.Error(), "with --tensor-type, or give --correct") {
		t.Errorf("a block that is wrong because of the defect: %v", err)
	}
}

// TestDamageResumed: what an interrupted run made is not looked at again, and that is said.
func TestDamageResumed(t *testing.T) {
	defective(t, -1) // every tensor
	out := t.TempDir()
	p := planCheckpoint(t, tiny, "Q4_0", pipeline.Options{FileName: "out.gguf", Threads: 1})
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := p.WriteFiles(ctx, pipeline.Output{Dir: out, Watcher: &stopper{after: 20, cancel: cancel}}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	r, err := p.WriteFiles(context.Background(), pipeline.Output{Dir: out})
	check(t, err)
	quantized := 0
	for i := range p.Steps {
		if p.Steps[i].Type == gguf.TypeQ4_0 {
			quantized++
		}
	}
	skipped := quantized - len(r.Damaged)
	if r.Reused == 0 || len(r.Damaged) == 0 || skipped < 1 || len(r.Warnings) != 2 ||
		!strings.Contains(r.Warnings[1], "was not looked at again for blocks that llama.cpp gets wrong: "+strconv.Itoa(skipped)+" (") || !strings.Contains(r.Warnings[1], "--no-resume") {
		t.Errorf("%d tensors, %d damaged, warnings %q", quantized, len(r.Damaged), r.Warnings)
	}
	r, err = p.WriteFiles(context.Background(), pipeline.Output{Dir: t.TempDir()})
	check(t, err)
	if len(r.Damaged) != quantized || len(r.Warnings) != 1 {
		t.Errorf("from the start: %d of %d damaged, warnings %q", len(r.Damaged), quantized, r.Warnings)
	}
}
