// Package stream evaluates a model over many windows of text, also when it does not fit into memory: then all windows go
// through a layer while its weights are there, and through its experts one at a time. Both ways give the same bits.
package stream

import (
	"context"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/runtime/model"
)

// batchTokens is how many tokens go through a layer together, if there is memory for them: no operation's result depends on
// what else is in a batch.
const batchTokens = 2048

// Plan says how an evaluation keeps to its memory.
type Plan struct {
	LayerMajor bool
	Batch      int   // windows that go through a layer together
	Round      int   // windows that go through the model together
	Peak       int64 // bytes of weights and buffers
}

// NewPlan chooses the way: the model stays in memory when it fits into ram bytes with a batch, else layers come and go.
// windows is how many there will be, each of length tokens. A budget into which neither fits is a fault of kind Budget, which
// says how much would do.
func NewPlan(s *model.Sizes, windows, length int, ram int64, layerMajor bool) (Plan, error) {
	var p Plan
	// fit makes batches smaller until they need no more than ram, or cannot be smaller, and gives what they need.
	fit := func(fixed, each int64) int64 {
		p.Batch = max(1, min(windows, batchTokens/length))
		for p.Batch > 1 && fixed+int64(p.Batch)*each > ram {
			p.Batch = (p.Batch + 1) / 2
		}
		return fixed + int64(p.Batch)*each
	}
	tokens, fixed := int64(length), s.Global+s.Output+int64(length)*s.Position
	inMemory := fit(fixed+s.Total-s.Global, tokens*(s.Work+s.Token))
	if inMemory <= ram && !layerMajor {
		p.Round, p.Peak = p.Batch, inMemory
		return p, nil
	}
	// Two layers, or experts, are there at a time: one works while the next comes in.
	p.LayerMajor = true
	fixed += 2*s.Layer + 2*s.Expert
	each := tokens * (s.Token + s.Waiting)
	if need := fit(fixed, tokens*s.Streamed+each); need > ram {
		const mib = 1 << 20
		least := min(inMemory, need) // a model of few layers may need less when it stays
		return p, fault.New(fault.Budget, "", "the model needs at least %d MiB for windows of %d tokens, %d MiB are given", (least+mib-1)/mib, length, ram/mib)
	}
	fixed += int64(p.Batch) * tokens * s.Streamed
	rounds := int64(windows)
	if each > 0 {
		rounds = min(rounds, (ram-fixed)/each)
	}
	if p.Round = int(rounds); p.Round < windows {
		p.Round -= p.Round % p.Batch // whole batches
	}
	p.Peak = fixed + int64(min(p.Round, windows))*each
	return p, nil
}

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
	layers := int(m.Block.Layers)
	for start := 0; start < len(windows); start += p.Round {
		round := windows[start:min(start+p.Round, len(windows))]
		err := oneRound(ctx, m, round, p.Batch, func(done float64) {
			watch((float64(start) + float64(len(round))*done/float64(layers)) / float64(len(windows)))
		}, func(first int, pass *model.Pass) error { return use(start+first, pass) })
		if err != nil {
			return err
		}
	}
	return nil
}

func oneRound(ctx context.Context, m *model.Model, round [][]int32, each int, watch func(layers float64), use func(int, *model.Pass) error) (err error) {
	var passes []*model.Pass
	defer func() {
		for _, p := range passes {
			p.End()
		}
	}()
	for first := 0; first < len(round); first += each {
		p, err := m.Begin(batch(round[first:min(first+each, len(round))]))
		if err != nil {
			return err
		}
		passes = append(passes, p)
	}
	next := ahead(int(m.Block.Layers), func(l int) (*model.Layer, error) { return m.LoadLayer(ctx, l, false) }, (*model.Layer).Release)
	defer next.stop()
	for l := range int(m.Block.Layers) {
		layer, err := next.get(ctx)
		if err == nil {
			err = through(ctx, m, passes, layer, func(done float64) { watch(float64(l) + done) })
			layer.Release()
		}
		if err != nil {
			return err
		}
		watch(float64(l + 1))
	}
	for i, p := range passes {
		if err := use(i*each, p); err != nil {
			return err
		}
	}
	return nil
}

// through sends all passes through a layer. watch is told how much of that is done, as a share.
func through(ctx context.Context, m *model.Model, passes []*model.Pass, layer *model.Layer, watch func(done float64)) error {
	if !layer.Sparse() {
		for i, p := range passes {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := p.Layer(layer); err != nil {
				return err
			}
			watch(float64(i+1) / float64(len(passes)))
		}
		return nil
	}
	for _, p := range passes {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := p.Attention(layer)
		if err == nil {
			err = p.Route(layer)
		}
		if err != nil {
			return err
		}
		p.Slim()
	}
	var wanted []int // experts that any token goes to
	for e := range int(m.Block.Experts.Count) {
		for _, p := range passes {
			if p.Tokens(e) > 0 {
				wanted = append(wanted, e)
				break
			}
		}
	}
	next := ahead(len(wanted), func(i int) (*model.Expert, error) { return m.LoadExpert(ctx, layer.Number(), wanted[i]) }, (*model.Expert).Release)
	defer next.stop()
	for i := range wanted {
		x, err := next.get(ctx)
		if err != nil {
			return err
		}
		for _, p := range passes {
			if err = ctx.Err(); err == nil {
				err = p.Expert(x)
			}
			if err != nil {
				break
			}
		}
		x.Release()
		if err != nil {
			return err
		}
		watch(float64(i+1) / float64(len(wanted))) // attention is little beside the experts
	}
	for _, p := range passes {
		p.Leave()
	}
	return nil
}
