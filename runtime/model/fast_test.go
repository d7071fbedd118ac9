package model_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/runtime/model/modeltest"
)

// TestFast: the fast mode rounds what is multiplied with weights to the reference's integers, so the logits of files in
// blocks are the reference's to the precision of float32 sums, where the truth is ten thousand times as far away.
//
// A sum that lies between two integers can become the other one, and then the logits behind that token and later ones are
// as far off as rounding puts them. Nine of 102 are, on every processor; a fifth may be.
func TestFast(t *testing.T) {
	var recorded struct {
		IDs   []int32
		Types map[string][]struct {
			IDs    []int     `json:"top_ids"`
			Logits []float64 `json:"top_logits"`
		}
	}
	doc, err := os.ReadFile("../../testdata/golden/logits/fast.json")
	if err == nil {
		err = json.Unmarshal(doc, &recorded)
	}
	if err != nil || len(recorded.Types) < 17 {
		t.Fatalf("%d types, %v", len(recorded.Types), err)
	}
	all, other := 0, 0
	for name, tokens := range recorded.Types {
		typ, ok := gguf.ParseType(name)
		if !ok {
			t.Fatal(name)
		}
		logits := ours(t, modeltest.Opened(t, pure(t, typ, nil)), recorded.IDs, true)
		vocab := len(logits) / len(tokens)
		for i, at := range tokens {
			var worst float64
			for k, id := range at.IDs {
				worst = max(worst, math.Abs(float64(logits[i*vocab+id])-at.Logits[k])/math.Abs(at.Logits[0]))
			}
			all++
			if worst > 2e-6 {
				other++
				t.Logf("%s: %.1g from the reference behind token %d", name, worst, i)
			}
			if worst > 0.1 {
				t.Errorf("%s: %.2g from the reference behind token %d", name, worst, i)
			}
		}
	}
	t.Logf("%d of %d tokens have other logits than the reference's", other, all)
	if other > all/5 {
		t.Errorf("%d of %d tokens have other logits than the reference's", other, all)
	}
}
