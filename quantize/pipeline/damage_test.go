package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize"
	"github.com/qconv/qconv/quantize/mix"
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

// TestDefectsOfTheReference: 32 zeros inside a block of IQ3_S, and values next to nothing in MXFP4, whose exponent the
// reference's own check refuses. With Correct both are written as they should be: what is read back is near.
func TestDefectsOfTheReference(t *testing.T) {
	const source, tensor = "model.layers.1.mlp.down_proj.weight", "blk.1.ffn_down.weight"
	zeros := damaged(t, source, 100*512, make([]byte, 2*32))
	tiny16 := damaged(t, source, 100*512, bytes.Repeat([]byte{0x80, 0x00}, 32)) // 2^-126
	mxfp4, err := mix.NewPattern("ffn_down", gguf.TypeMXFP4)
	check(t, err)

	o := pipeline.Options{Mix: mix.Options{Pure: true}}
	plain, r := convert(t, zeros, "IQ3_S", o)
	if !slices.Equal(r.Damaged, []string{tensor}) || len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "behind 32 zeros in a block, IQ3_S") {
		t.Errorf("IQ3_S: damaged %q, warnings %q", r.Damaged, r.Warnings)
	}
	whole, _ := convert(t, zeros, "F32", pipeline.Options{})
	o.Correct = true
	right, r := convert(t, zeros, "IQ3_S", o)
	if len(r.Damaged)+len(r.Warnings) > 0 {
		t.Errorf("IQ3_S, corrected: damaged %q, warnings %q", r.Damaged, r.Warnings)
	}
	want := decoded(t, whole, tensor)[100*512:][:256]
	before, after := distance(decoded(t, plain, tensor)[100*512:][:256], want), distance(decoded(t, right, tensor)[100*512:][:256], want)
	if before < 0.8 || after > 0.3 {
		t.Errorf("IQ3_S: relative error %.2f as the reference, %.2f corrected", before, after)
	}

	o = pipeline.Options{FileName: "out.gguf", Mix: mix.Options{Patterns: []mix.Pattern{mxfp4}}}
	_, err = planCheckpoint(t, tiny16, "Q8_0", o).WriteFiles(t.Context(), pipeline.Output{Dir: t.TempDir()})
	if fault.KindOf(err) != fault.Malformed || !strings.Contains(err.Error(), tensor) || !strings.HasSuffix(err.Error(), "or give --correct") {
		t.Errorf("MXFP4: %v", err)
	}
	o.Correct = true
	if _, r := convert(t, tiny16, "Q8_0", o); len(r.Damaged) > 0 {
		t.Errorf("MXFP4, corrected: damaged %q", r.Damaged)
	}
}

// decoded gives the values of a tensor of a GGUF file.
func decoded(t *testing.T, file []byte, tensor string) []float32 {
	t.Helper()
	f, err := gguf.Open(bytes.NewReader(file), int64(len(file)), "out.gguf", gguf.DefaultLimits())
	check(t, err)
	i := slices.IndexFunc(f.Tensors, func(x gguf.Tensor) bool { return x.Name == tensor })
	x := &f.Tensors[i]
	raw, values := make([]byte, x.Bytes()), make([]float32, x.Elems())
	check(t, f.ReadAt(x, raw, 0))
	c, ok := quantize.For(x.Type)
	if !ok {
		t.Fatal(x.Type)
	}
	c.Decode(values, raw)
	return values
}

// distance is the error of a relative to b.
func distance(a, b []float32) float64 {
	var d, n float64
	for i := range b {
		d += float64(a[i]-b[i]) * float64(a[i]-b[i])
		n += float64(b[i]) * float64(b[i])
	}
	return math.Sqrt(d / n)
}
