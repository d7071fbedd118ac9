package model_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/formats/hf"
	"github.com/qconv/qconv/quantize"
	"github.com/qconv/qconv/quantize/imatrix"
	"github.com/qconv/qconv/quantize/mix"
	"github.com/qconv/qconv/quantize/pipeline"
	"github.com/qconv/qconv/runtime/device/cpu"
	"github.com/qconv/qconv/runtime/model"
	"github.com/qconv/qconv/runtime/model/modeltest"
)

var (
	oraclePath = flag.String("oracle", "", "path of ggml_oracle.py, which asks the reference for its logits")
	pythonPath = flag.String("python", "python3", "interpreter with numpy for -oracle")
)

const tiny = "../../testdata/harbour-2m"

// expected is what the trainer of the tiny model computed in float64 from its held-out text.
type expected struct {
	First struct {
		IDs       []int32
		TopIDs    []int32   `json:"last_top8_ids"`
		TopLogits []float64 `json:"last_top8_logits"`
	} `json:"first_window"`
}

func readExpected(t testing.TB) (e expected) {
	t.Helper()
	doc, err := os.ReadFile(filepath.Join(tiny, "expected.json"))
	if err == nil {
		err = json.Unmarshal(doc, &e)
	}
	if err != nil || len(e.First.IDs) < 128 {
		t.Fatal(len(e.First.IDs), err)
	}
	return e
}

// TestPlain ties the float64 evaluation that TestTypes compares with to others' figures: to the logits that Hugging Face
// transformers computed (in float32, hence the bound), and to those of the tiny model's trainer (PyTorch, float64).
func TestPlain(t *testing.T) {
	m := newPlain(t, tiny, modeltest.Converted(t, tiny, "F32"))
	e := readExpected(t)
	last := m.logits(e.First.IDs)[len(e.First.IDs)-1]
	for i, id := range e.First.TopIDs {
		if off := math.Abs(last[id] - e.First.TopLogits[i]); !(off <= 1e-9) {
			t.Errorf("token %d behind the first window: logit %v, the trainer has %v", id, last[id], e.First.TopLogits[i])
		}
	}
	compared := 0
	for _, c := range readLong(t) {
		if c.Model != "harbour-2m" || len(c.Config) > 0 {
			continue
		}
		logits := m.logits(c.prompt(768))
		for _, at := range c.Positions {
			compared++
			off := at.off(logits[at.Pos])
			t.Logf("position %d: largest difference from transformers %.2g", at.Pos, off)
			if !(off <= 2e-5) {
				t.Errorf("position %d: largest difference from transformers %v, want at most 2e-5", at.Pos, off)
			}
		}
	}
	if compared == 0 {
		t.Error("nothing is recorded for the tiny model")
	}
}

// TestTypes makes every matrix of the tiny model of one block type, for each type, and compares the logits of a text with
// those of a float64 evaluation of the same blocks: the norm of the difference is at most 1e-4 of the norm. Every tier is
// asked; plain Go, which is slow, for the beginning of the text only.
//
// Some tokens are harder than others: their logits are small, or attention is undecided. In F32 files, where only float32
// rounds, the worst token is off by eight times the figure of the whole text, so a single token may be off by ten times
// the bound.
//
// The fast mode rounds as the default does, to steps that are 257 times as large (127 instead of 32639 for the largest
// value), so its bound is 257 times as large too.
//
// With -v -oracle PATH -python PYTHON, the error of the reference on the same file stands beside ours, and how far the fast
// mode is from the reference. It rounds alike, so that half of the types have all of the reference's integers and agree as
// well as float32 sums can. In the others a sum was between two integers and went the other way, and layers behind made
// more of it; were the roundings not alike, the two would be further from each other than from the truth.
func TestTypes(t *testing.T) {
	const bound, fastBound = 1e-4, 257e-4
	ids := readExpected(t).First.IDs
	importance := newPlain(t, tiny, modeltest.Converted(t, tiny, "F32")).importance(ids[64:128])
	ids = ids[:64]
	defer cpu.Use(cpu.Kernels())
	for _, c := range quantize.List() {
		t.Run(c.Type.String(), func(t *testing.T) {
			path := pure(t, c.Type, importance)
			set := modeltest.Opened(t, path)
			want := newPlain(t, tiny, set).logits(ids)
			report := fmt.Sprintf("%-7v", c.Type)
			compare := func(name string, got []float32, want rows, bound float64) {
				all, worst := offBy(got, want)
				report += fmt.Sprintf("  %s %.1e (token: %.1e)", name, all, worst)
				if !(all <= bound && worst <= 10*bound) {
					t.Errorf("%s: relative error %.3g, behind a token up to %.3g, want at most %g and %g", name, all, worst, bound, 10*bound)
				}
			}
			for _, tier := range cpu.AllKernels() {
				if err := cpu.Use(tier); err != nil {
					t.Fatal(err)
				}
				n := len(ids)
				if tier == "go" && len(cpu.AllKernels()) > 1 {
					n = 16
				}
				logits := ours(t, set, ids[:n], false)
				compare(tier, logits, want, bound)
				if one := ours(t, set, ids[:1], false); !slices.Equal(one, logits[:len(one)]) {
					t.Errorf("%s: a token alone, which other kernels multiply, has other logits", tier)
				}
			}
			fast := ours(t, set, ids, true)
			compare("fast", fast, want, fastBound)
			if *oraclePath != "" {
				reference := theirs(t, path, ids)
				compare("reference", reference, want, math.Inf(1))
				if all, _ := offBy(reference, want); all > 5e-3 { // it rounds to bytes
					compare("fast from the reference", fast, widened(reference, len(want)), 0.9*all)
				}
			}
			t.Log(report)
		})
	}
}

// offBy compares logits with true ones: relative error over all, and of the token that is furthest off.
func offBy(got []float32, want rows) (all, worst float64) {
	var off, size float64
	vocab := len(want[0])
	for t := range len(got) / vocab {
		var d2, w2 float64
		for i, w := range want[t] {
			d := float64(got[t*vocab+i]) - w
			d2, w2 = d2+d*d, w2+w*w
		}
		off, size, worst = off+d2, size+w2, max(worst, math.Sqrt(d2/w2))
	}
	return math.Sqrt(off / size), worst
}

// widened gives values as n rows.
func widened(values []float32, n int) rows {
	x := make(rows, n)
	for i, v := range values {
		x[i*n/len(values)] = append(x[i*n/len(values)], float64(v))
	}
	return x
}

// pure converts the tiny model so that all its matrices are of a type, and gives the file's path.
func pure(t *testing.T, typ gguf.Type, importance *imatrix.Matrix) string {
	t.Helper()
	ck, err := hf.Open(hf.Dir(tiny, false), hf.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	defer ck.Close()
	o := pipeline.Options{FileName: "model.gguf"}
	var ok bool
	if o.Recipe, ok = mix.ParseRecipe(typ.String()); !ok || !o.Recipe.Converter() {
		o.Recipe, _ = mix.ParseRecipe("Q8_0") // not every type has a recipe; a pattern names the type
		pattern, err := mix.NewPattern("weight", typ)
		if err != nil {
			t.Fatal(err)
		}
		o.Mix.Patterns, o.Importance = []mix.Pattern{pattern}, importance
	}
	plan, err := pipeline.FromCheckpoint(ck, o)
	if err != nil {
		t.Fatal(err)
	}
	matrices := 0
	for _, s := range plan.Steps {
		if len(s.Shape) > 1 {
			matrices++
			if s.Type != typ {
				t.Fatalf("%s is %v", s.Name, s.Type)
			}
		}
	}
	if matrices != 2+3*7 {
		t.Fatalf("%d matrices", matrices)
	}
	out := t.TempDir()
	if _, err := plan.WriteFiles(context.Background(), pipeline.Output{Dir: out}); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(out, "model.gguf")
}

// importance is what a text finds important: the mean squares of what matrices are multiplied with. All columns of the
// embeddings count the same.
func (m *plain) importance(ids []int32) *imatrix.Matrix {
	list := &imatrix.Matrix{File: "activations", Chunks: 1}
	entry := func(name string, values []float32) {
		list.Entries = append(list.Entries, imatrix.Entry{Name: name, Values: values, Largest: slices.Max(values), Matrices: 1})
	}
	m.watch = func(name string, x rows) {
		values := make([]float32, len(x[0]))
		for i := range values {
			var sum float64
			for t := range x {
				sum += x[t][i] * x[t][i]
			}
			values[i] = float32(sum / float64(len(x)))
		}
		entry(name, values)
	}
	m.logits(ids)
	m.watch = nil
	entry("token_embd.weight", slices.Repeat([]float32{1}, m.Width))
	slices.SortFunc(list.Entries, func(a, b imatrix.Entry) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// ours gives the runtime's logits behind every token.
func ours(t *testing.T, set *gguf.Set, ids []int32, fast bool) []float32 {
	t.Helper()
	m := loaded(t, cpu.New(2, fast), set, len(ids))
	p, err := m.Forward(context.Background(), &model.Batch{IDs: ids, Windows: []int{len(ids)}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.End()
	all := make([]int32, len(ids))
	for i := range all {
		all[i] = int32(i)
	}
	logits, err := m.Logits(p.X(), all)
	if err != nil {
		t.Fatal(err)
	}
	return logits
}

// theirs gives the reference's.
func theirs(t *testing.T, path string, ids []int32) []float32 {
	t.Helper()
	list, out := filepath.Join(t.TempDir(), "ids"), filepath.Join(t.TempDir(), "out.npy")
	if err := os.WriteFile(list, []byte(strings.Trim(fmt.Sprint(ids), "[]")), 0o600); err != nil {
		t.Fatal(err)
	}
	if log, err := exec.Command(*pythonPath, *oraclePath, "logits", path, list, out).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, log)
	}
	b, err := os.ReadFile(out)
	if err != nil || !bytes.HasPrefix(b, []byte("\x93NUMPY\x01\x00")) {
		t.Fatal(out, err)
	}
	b = b[10+binary.LittleEndian.Uint16(b[8:]):] // behind the header
	logits := make([]float32, len(b)/4)
	for i := range logits {
		logits[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return logits
}
