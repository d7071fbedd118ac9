package model_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/qconv/qconv/formats/arch"
	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/runtime/device"
	"github.com/qconv/qconv/runtime/device/cpu"
	"github.com/qconv/qconv/runtime/model"
	"github.com/qconv/qconv/runtime/model/modeltest"
)

func loaded(t testing.TB, dev device.Device, set *gguf.Set, limit int) *model.Model {
	t.Helper()
	m := unloaded(t, dev, set, limit)
	if err := m.Load(context.Background()); err != nil {
		t.Fatal(err)
	}
	return m
}

// unloaded is a model whose layers are not on the device.
func unloaded(t testing.TB, dev device.Device, set *gguf.Set, limit int) *model.Model {
	t.Helper()
	_, block, err := arch.FromGGUF(set)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.New(context.Background(), dev, block, model.FromSet(set), limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	if err := m.LoadEmbedding(context.Background()); err != nil {
		t.Fatal(err)
	}
	return m
}

// recorded is expected.json of a fixture: what transformers computes.
type recorded struct {
	Prompts []struct {
		IDs       []int32
		Positions []position
	}
}

// position is logits after one token of a prompt.
type position struct {
	Pos         int32
	TopIDs      []int32   `json:"top_ids"`
	TopLogits   []float64 `json:"top_logits"`
	FirstLogits []float64 `json:"first_logits"`
	Sum         float64
}

func readRecorded(t testing.TB, dir string) (r recorded) {
	t.Helper()
	doc, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err == nil {
		err = json.Unmarshal(doc, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const fixtures = "../../testdata/fixtures"

// TestLogits compares the logits of every architecture's fixture with those of Hugging Face transformers.
func TestLogits(t *testing.T) {
	dirs, _ := filepath.Glob(fixtures + "/*/expected.json")
	if len(dirs) < 8 {
		t.Fatalf("%d fixtures", len(dirs))
	}
	for _, path := range dirs {
		dir := filepath.Dir(path)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			m := loaded(t, cpu.New(2, false), modeltest.Converted(t, dir, "F32"), 64)
			var worst float64
			for _, prompt := range readRecorded(t, dir).Prompts {
				p, err := m.Forward(context.Background(), &model.Batch{IDs: prompt.IDs, Windows: []int{len(prompt.IDs)}})
				if err != nil {
					t.Fatal(err)
				}
				for _, at := range prompt.Positions {
					worst = max(worst, at.worst(t, m, p))
				}
				p.End()
			}
			t.Logf("largest difference %.2g", worst)
			if !(worst <= 1e-4) {
				t.Errorf("largest difference %v, want at most 1e-4", worst)
			}
		})
	}
}

// damaged gives NaN for what one tensor begins with.
type damaged struct {
	model.Source
	name string
}

func (d damaged) Tensor(name string) (model.Tensor, bool) {
	t, ok := d.Source.Tensor(name)
	if name == d.name {
		read := t.Read
		t.Read = func(p []byte, off int64) error {
			err := read(p, off)
			copy(p, []byte{0, 0, 0xc0, 0x7f})
			return err
		}
	}
	return t, ok
}

// TestDamagedWeights refuses NaN in vectors and matrices, with the tensor's name.
func TestDamagedWeights(t *testing.T) {
	set := modeltest.Converted(t, filepath.Join(fixtures, "mistral"), "F32")
	_, block, err := arch.FromGGUF(set)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"output_norm.weight", "token_embd.weight", "blk.1.attn_norm.weight", "blk.0.ffn_up.weight"} {
		m, err := model.New(context.Background(), cpu.New(2, false), block, damaged{model.FromSet(set), name}, 8)
		if err == nil {
			err = m.Load(context.Background())
			m.Close()
		}
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != fault.Malformed || f.Tensor != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}
