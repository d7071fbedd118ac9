package stream_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"github.com/qconv/qconv/formats/arch"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/mix"
	"github.com/qconv/qconv/quantize/pipeline"
	"github.com/qconv/qconv/runtime/device"
	"github.com/qconv/qconv/runtime/device/cpu"
	"github.com/qconv/qconv/runtime/model"
	"github.com/qconv/qconv/runtime/model/modeltest"
)

// widened is a file with every tensor decoded to F32.
func widened(t testing.TB, set *gguf.Set) *gguf.Set {
	t.Helper()
	f32, _ := mix.ParseRecipe("F32")
	plan, err := pipeline.FromGGUF(set, "model.gguf", func() error { return nil }, pipeline.Options{Recipe: f32, AllowRequantize: true, FileName: "f32.gguf"})
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	if _, err := plan.WriteFiles(context.Background(), pipeline.Output{Dir: out}); err != nil {
		t.Fatal(err)
	}
	return modeltest.Opened(t, filepath.Join(out, "f32.gguf"))
}

func logitsOn(t testing.TB, dev device.Device, set *gguf.Set, ids []int32) []float32 {
	t.Helper()
	_, block, err := arch.FromGGUF(set)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.New(context.Background(), dev, block, model.FromSet(set), len(ids))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.Load(context.Background()); err != nil {
		t.Fatal(err)
	}
	pass, err := m.Forward(context.Background(), &model.Batch{IDs: ids, Windows: []int{len(ids)}})
	if err != nil {
		t.Fatal(err)
	}
	defer pass.End()
	var rows []int32
	for i := range ids {
		rows = append(rows, int32(i))
	}
	logits, err := m.Logits(pass.X(), rows)
	if err != nil {
		t.Fatal(err)
	}
	return logits
}

// TestExact: an exact device gives for a file in blocks, bit for bit, what any device gives for the file with the blocks' values
// in F32: dense, with experts, with latent attention; many tokens and one.
func TestExact(t *testing.T) {
	for _, dir := range []string{tiny, "../../testdata/fixtures/mixtral", "../../testdata/fixtures/deepseek-v3"} {
		for _, typ := range []string{"Q8_0", "Q4_0", "Q5_1", "Q4_K_M", "Q6_K", "IQ4_NL", "IQ3_S", "TQ1_0", "MXFP4_MOE"} {
			set := modeltest.Converted(t, dir, typ)
			f32 := widened(t, set)
			for _, ids := range [][]int32{{7}, {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2}} {
				want, got := logitsOn(t, cpu.New(1, false), f32, ids), logitsOn(t, cpu.NewExact(2), set, ids)
				if !slices.Equal(got, want) {
					t.Errorf("%s %s, %d tokens: logits are not those of the F32 file", dir, typ, len(ids))
				}
				if rounded := logitsOn(t, cpu.New(2, false), set, ids); slices.Equal(rounded, want) {
					t.Errorf("%s %s, %d tokens: nothing was rounded by default, so this test tells nothing", dir, typ, len(ids))
				}
			}
		}
	}
}
