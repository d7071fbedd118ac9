package model_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"github.com/qconv/qconv/runtime/device/cpu"
	"github.com/qconv/qconv/runtime/model"
	"github.com/qconv/qconv/runtime/model/modeltest"
)

// TestGenerate feeds the tokens of a recorded prompt one by one: with keys and values kept, the logits after each are those
// of the whole prompt at once.
func TestGenerate(t *testing.T) {
	dirs, _ := filepath.Glob(fixtures + "/*/expected.json")
	for _, path := range dirs {
		dir := filepath.Dir(path)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			m := loaded(t, cpu.New(2, false), modeltest.Converted(t, dir, "F32"), 64)
			ids := readRecorded(t, dir).Prompts[1].IDs
			p, err := m.Forward(context.Background(), &model.Batch{IDs: ids, Windows: []int{len(ids)}})
			if err != nil {
				t.Fatal(err)
			}
			defer p.End()
			const given = 5
			at := given - 1
			var emitted []int32
			g, err := m.Generate(context.Background(), ids[:given], len(ids)-given, func(logits []float32, text []int32) (int32, error) {
				want, err := m.Logits(p.X(), []int32{int32(at)})
				if err != nil {
					t.Fatal(err)
				}
				var off, size float64
				for i := range want {
					d := float64(logits[i] - want[i])
					off, size = off+d*d, size+float64(want[i])*float64(want[i])
				}
				if !(off <= 1e-12*size) {
					t.Errorf("after token %d: relative error² %g", at, off/size)
				}
				if !slices.Equal(text, ids[:at+1]) {
					t.Errorf("text is %v, want %v", text, ids[:at+1])
				}
				at++
				return ids[at], nil
			}, func(id int32) (bool, error) {
				emitted = append(emitted, id)
				return true, nil
			})
			if err != nil || !slices.Equal(emitted, ids[given:]) || g.Prompt != given || g.Tokens != len(ids)-given {
				t.Errorf("%v, %+v, %v", emitted, g, err)
			}
		})
	}
}

// TestGenerateEnds stops where emit says so, at the number asked for, and where the positions end.
func TestGenerateEnds(t *testing.T) {
	m := loaded(t, cpu.New(1, false), modeltest.Converted(t, filepath.Join(fixtures, "mistral"), "F32"), 12)
	for _, c := range []struct{ n, stop, want int }{{3, 99, 3}, {100, 2, 2}, {100, 99, 12 - 4}, {0, 99, 0}} {
		made := 0
		g, err := m.Generate(context.Background(), []int32{5, 6, 7, 8}, c.n, func([]float32, []int32) (int32, error) { return 9, nil }, func(int32) (bool, error) {
			made++
			return made < c.stop, nil
		})
		if err != nil || g.Tokens != c.want || made != c.want {
			t.Errorf("%+v: %d tokens, %d emitted, %v", c, g.Tokens, made, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := m.Generate(ctx, []int32{5}, 3, nil, nil); err == nil {
		t.Error("a cancelled context generates")
	}
}
