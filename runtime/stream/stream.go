// Package stream evaluates a model over many windows of text, also when it does not fit into memory: then all windows go
// through a layer while its weights are there, and through its experts one at a time. Both ways give the same bits.
package stream

import (
	"context"

	"github.com/qconv/qconv/runtime/model"
)

// Run sends windows through the model and gives use the passes of every batch, in order: first is the number of its first
// window. watch is told after every step how much of the whole is done, as a share; it may be nil.
func Run(ctx context.Context, m *model.Model, windows [][]int32, p Plan, watch func(done float64), use func(first int, pass *model.Pass) error) error {
	if watch == nil {
		watch = func(float64) {}
	}
	if p.LayerMajor {
		return layerMajor(ctx, m, windows, p, watch, use)
	}
	if err := m.Load(ctx); err != nil {
		return err
	}
	for first := 0; first < len(windows); first += p.Batch {
		end := min(first+p.Batch, len(windows))
		pass, err := m.Begin(batch(windows[first:end]))
		if err != nil {
			return err
		}
		err = pass.Through(ctx, func(layers int) {
			watch((float64(first) + float64((end-first)*layers)/float64(m.Block.Layers)) / float64(len(windows)))
		})
		if err == nil {
			err = use(first, pass)
		}
		pass.End()
		if err != nil {
			return err
		}
	}
	return nil
}

func batch(windows [][]int32) *model.Batch {
	b := &model.Batch{}
	for _, w := range windows {
		b.IDs = append(b.IDs, w...)
		b.Windows = append(b.Windows, len(w))
	}
	return b
}

func layerMajor(ctx context.Context, m *model.Model, windows [][]int32, p Plan, watch func(float64), use func(int, *model.Pass) error) error {
	return rounds(windows, p, watch, func(start int, round [][]int32, watch func(float64)) error {
		w := &walk{lanes: []*lane{{m: m, ahead: true}}, each: p.Batch, lean: p.Lean, watch: watch}
		return w.run(ctx, round, func(i, first int) error { return use(start+first, w.lanes[0].passes[i]) })
	})
}

// rounds cuts windows into rounds. watch is told how much of the whole is done, as a share.
func rounds(windows [][]int32, p Plan, watch func(float64), one func(start int, round [][]int32, watch func(float64)) error) error {
	for start := 0; start < len(windows); start += p.Round {
		round := windows[start:min(start+p.Round, len(windows))]
		err := one(start, round, func(done float64) {
			watch((float64(start) + float64(len(round))*done) / float64(len(windows)))
		})
		if err != nil {
			return err
		}
	}
	return nil
}
