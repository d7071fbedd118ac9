package model_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/qconv/qconv/formats/hf"
	"github.com/qconv/qconv/quantize/mix"
	"github.com/qconv/qconv/quantize/pipeline"
	"github.com/qconv/qconv/runtime/device/cpu"
	"github.com/qconv/qconv/runtime/model"
)

// changed copies a checkpoint with other values in config.json.
func changed(t *testing.T, dir string, change map[string]any) string {
	t.Helper()
	if len(change) == 0 {
		return dir
	}
	out := t.TempDir()
	if err := os.CopyFS(out, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	config := map[string]any{}
	doc, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err == nil {
		err = json.Unmarshal(doc, &config)
	}
	if err == nil {
		maps.Copy(config, change)
		doc, err = json.Marshal(config)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(out, "config.json"), doc, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// longCase is a case of testdata/record_long.py.
type longCase struct {
	Model     string
	Config    map[string]any
	Tokens    int
	Positions []position
}

func readLong(t *testing.T) []longCase {
	t.Helper()
	var recorded struct{ Cases []longCase }
	doc, err := os.ReadFile("../../testdata/golden/logits/long.json")
	if err == nil {
		err = json.Unmarshal(doc, &recorded)
	}
	if err != nil || len(recorded.Cases) < 12 {
		t.Fatalf("%d cases, %v", len(recorded.Cases), err)
	}
	return recorded.Cases
}

// prompt gives the tokens for a model of so many.
func (c *longCase) prompt(vocab int) (ids []int32) {
	for i := range c.Tokens {
		ids = append(ids, int32(3+(31*i*i+17*i)%(vocab-27)))
	}
	return ids
}

// TestLongLogits compares prompts that are longer than sliding windows and than what rope scaling starts from with
// transformers. The models run straight from their checkpoints: GGUF has no key for windows.
func TestLongLogits(t *testing.T) {
	for _, c := range readLong(t) {
		t.Run(fmt.Sprint(c.Model, " ", c.Tokens, " ", c.Config), func(t *testing.T) {
			if testing.Short() && c.Tokens > 1000 {
				t.Skip("a long prompt; -short was given")
			}
			dir := filepath.Join("../../testdata", c.Model)
			if _, err := os.Stat(dir); err != nil {
				dir = filepath.Join(fixtures, c.Model)
			}
			ck, err := hf.Open(hf.Dir(changed(t, dir, c.Config), false), hf.DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			defer ck.Close()
			recipe, _ := mix.ParseRecipe("F32")
			plan, err := pipeline.FromCheckpoint(ck, pipeline.Options{Recipe: recipe})
			if err != nil {
				t.Fatal(err)
			}
			m, err := model.New(context.Background(), cpu.New(2, false), *plan.Block, model.FromPlan(plan), c.Tokens)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			if err := m.Load(context.Background()); err != nil {
				t.Fatal(err)
			}
			p, err := m.Forward(context.Background(), &model.Batch{IDs: c.prompt(int(m.Block.Vocab)), Windows: []int{c.Tokens}})
			if err != nil {
				t.Fatal(err)
			}
			defer p.End()
			var worst float64
			for _, at := range c.Positions {
				worst = max(worst, at.worst(t, m, p))
			}
			t.Logf("largest difference %.2g", worst)
			if !(worst <= 1e-3) {
				t.Errorf("largest difference %v, want at most 1e-3", worst)
			}
		})
	}
}

// worst is the largest difference of the runtime's logits from what is recorded.
func (at *position) worst(t *testing.T, m *model.Model, p *model.Pass) float64 {
	t.Helper()
	logits, err := m.Logits(p.X(), []int32{at.Pos})
	if err != nil {
		t.Fatal(err)
	}
	wide := make([]float64, len(logits))
	for i, v := range logits {
		wide[i] = float64(v)
	}
	return at.off(wide)
}

// off is the largest difference of logits from what is recorded; that of the sum counts by the logit.
func (at *position) off(logits []float64) (worst float64) {
	check := func(id int, want float64) { worst = max(worst, math.Abs(logits[id]-want)) }
	for i, id := range at.TopIDs {
		check(int(id), at.TopLogits[i])
	}
	for id, want := range at.FirstLogits {
		check(id, want)
	}
	var sum float64
	for _, v := range logits {
		sum += v
	}
	return max(worst, math.Abs(sum-at.Sum)/float64(len(logits)))
}
