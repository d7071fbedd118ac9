package stream_test

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/qconv/qconv/formats/arch"
	"github.com/qconv/qconv/quantize/imatrix"
	"github.com/qconv/qconv/runtime/model"
	"github.com/qconv/qconv/runtime/model/modeltest"
	"github.com/qconv/qconv/runtime/stream"
)

// TestSumsOfTransformers compares sums with those over the activations of Hugging Face transformers (record_sums.py): the same
// rows for every matrix, and sums within 1e-4, of single columns too.
func TestSumsOfTransformers(t *testing.T) {
	const bound = 1e-4
	var golden struct {
		Cases []struct {
			Model   string
			Length  int
			IDs     []int32
			Tensors map[string]struct {
				Columns int
				Counts  []int64
				Totals  []float64
				At      []int
				Sums    [][]float64
			}
		}
	}
	doc, err := os.ReadFile("../../testdata/golden/importance/sums.json")
	if err == nil {
		err = json.Unmarshal(doc, &golden)
	}
	if err != nil || len(golden.Cases) < 4 {
		t.Fatal(len(golden.Cases), err)
	}
	for _, c := range golden.Cases {
		dir := filepath.Join("../../testdata/fixtures", c.Model)
		if c.Model == "harbour-2m" {
			dir = tiny
		}
		for _, typ := range []string{"F32", "BF16"} {
			set := modeltest.Converted(t, dir, typ)
			_, block, err := arch.FromGGUF(set)
			if err != nil {
				t.Fatal(err)
			}
			w, err := stream.Cut(c.IDs, c.Length, -1, 0, stream.All)
			if err != nil {
				t.Fatal(err)
			}
			run := collection{block, model.FromSet(set), w}
			got, err := run.run(t, context.Background(), 2, stream.Plan{LayerMajor: true, Batch: 2, Round: len(w.IDs)}, nil)
			if err != nil {
				t.Fatal(err)
			}
			worst, where := 0.0, ""
			compare := func(e *imatrix.Sum, got, want float64) {
				if off := math.Abs(got-want) / max(want, math.SmallestNonzeroFloat64); want != got && !(off <= worst) {
					worst, where = off, e.Name
				}
			}
			for i := range got.Entries {
				e := &got.Entries[i]
				want, ok := c.Tensors[e.Name]
				if !ok {
					t.Errorf("%s: %s has sums, and none there", c.Model, e.Name)
					continue
				}
				if !slices.Equal(e.Counts, want.Counts) || len(e.Values) != want.Columns*len(want.Totals) {
					t.Errorf("%s: %s has %d sums of %v rows, want %d matrices of %d columns and rows %v", c.Model, e.Name, len(e.Values), e.Counts, len(want.Totals), want.Columns, want.Counts)
					continue
				}
				for m, total := range want.Totals {
					sums := e.Values[m*want.Columns : (m+1)*want.Columns]
					all := 0.0
					for _, v := range sums {
						all += v
					}
					compare(e, all, total)
					for k, at := range want.At {
						compare(e, sums[at], want.Sums[m][k])
					}
				}
			}
			wanted := len(c.Tensors)
			if _, there := c.Tensors["output.weight"]; there && block.TiedOutput {
				wanted-- // transformers multiplies with it; the file has no such tensor
			}
			if len(got.Entries) != wanted {
				t.Errorf("%s: %d entries, want %d", c.Model, len(got.Entries), wanted)
			}
			t.Logf("%s %s: %d entries, largest relative error %.2g (%s)", c.Model, typ, len(got.Entries), worst, where)
			if !(worst <= bound) {
				t.Errorf("%s %s: largest relative error %.3g in %s, want at most %g", c.Model, typ, worst, where, bound)
			}
		}
	}
}
