package verify

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/formats/hf"
	"github.com/qconv/qconv/quantize/imatrix"
	"github.com/qconv/qconv/quantize/mix"
	"github.com/qconv/qconv/quantize/pipeline"
)

const (
	testdata = "../testdata/"
	tiny     = testdata + "harbour-2m"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// checkpoint opens a checkpoint for the time of the test.
func checkpoint(t testing.TB, dir string) *hf.Checkpoint {
	t.Helper()
	ck, err := hf.Open(hf.Dir(dir, false), hf.DefaultLimits())
	check(t, err)
	t.Cleanup(func() { ck.Close() })
	return ck
}

// importance reads a file of testdata/golden/importance.
func importance(t testing.TB, name string) *imatrix.Matrix {
	t.Helper()
	b, err := os.ReadFile(testdata + "golden/importance/" + name)
	check(t, err)
	m, err := imatrix.Open(bytes.NewReader(b), int64(len(b)), name, imatrix.DefaultLimits())
	check(t, err)
	return m
}

// written carries a plan out and gives the file's bytes.
func written(t testing.TB, p *pipeline.Plan) []byte {
	t.Helper()
	dir := t.TempDir()
	_, err := p.WriteFiles(context.Background(), pipeline.Output{Dir: dir})
	check(t, err)
	b, err := os.ReadFile(filepath.Join(dir, p.Parts[0].Name))
	check(t, err)
	check(t, os.RemoveAll(dir))
	return b
}

// subject opens a file in memory.
func subject(t testing.TB, file []byte, src *Source) *Subject {
	t.Helper()
	set, err := gguf.OpenSet(func(string) (io.ReaderAt, int64, error) {
		return bytes.NewReader(file), int64(len(file)), nil
	}, "out.gguf", gguf.DefaultLimits())
	check(t, err)
	return &Subject{Set: set, Data: []io.ReaderAt{bytes.NewReader(file)}, Source: src, RAM: 1 << 30}
}

// converted is a file of a checkpoint, made by this version.
func converted(t testing.TB, ck *hf.Checkpoint, o pipeline.Options) []byte {
	t.Helper()
	o.FileName = "out.gguf"
	p, err := pipeline.FromCheckpoint(ck, o)
	check(t, err)
	return written(t, p)
}

// static gives the report of a file in memory.
func static(t testing.TB, s *Subject) *Report {
	t.Helper()
	r, err := s.Static(context.Background())
	check(t, err)
	r.Settle()
	return r
}

// findings gives what a report found, one a line.
func findings(r *Report) string {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s: %s\n", f.Check, f)
	}
	return b.String()
}

// zeroed are the tensors of which the importance matrices of testdata say that no column matters, so that most types hold
// only zeros: a file that says nothing, whoever made it.
var zeroed = map[string]bool{"blk.1.attn_v.weight": true, "blk.1.attn_q_a.weight": true}

// TestFactors: nothing is found in files of all types, made with and without importance, when the importance is not at hand.
func TestFactors(t *testing.T) {
	t.Parallel()
	some := map[string]bool{"Q4_0": true, "Q5_1": true, "Q2_K": true, "Q4_K_M": true, "Q8_0": true, "IQ2_XS": true, "IQ3_S": true, "IQ4_XS": true, "F16": true}
	var factor, best float64
	for _, c := range []struct{ dir, matrix string }{
		{tiny, "harbour-2m.gguf"}, {testdata + "fixtures/mixtral", "mixtral.gguf"}, {testdata + "fixtures/deepseek-v3", "deepseek-v3.gguf"},
	} {
		ck := checkpoint(t, c.dir)
		m := importance(t, c.matrix)
		for _, recipe := range mix.Recipes() {
			if c.dir != tiny && !some[recipe.Name] {
				continue
			}
			o := pipeline.Options{Recipe: recipe, FileName: "out.gguf"}
			if !recipe.Converter() {
				o.Importance, o.ImportanceFile = m, "x"
			}
			p, err := pipeline.FromCheckpoint(ck, o)
			if err != nil {
				continue // no type fits the rows
			}
			s := subject(t, written(t, p), FromCheckpoint(ck, ""))
			r := s.describe()
			check(t, s.structure(r))
			check(t, s.Source.open())
			list, found, err := s.measure(context.Background(), r)
			check(t, err)
			s.judge(r, list, found)
			for i := range list {
				if !zeroed[s.Set.Tensors[list[i].number].Name] {
					factor, best = max(factor, list[i].strange.factor), max(best, list[i].strange.matrixBest)
				}
			}
			for _, f := range r.Findings {
				if !zeroed[f.Tensor] {
					t.Errorf("%s to %s: %s: %v", c.dir, recipe.Name, f.Check, f)
				}
			}
		}
	}
	t.Logf("half of a window at most %.3f, best columns %.3f", factor, best)
}
