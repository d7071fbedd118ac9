package stream

import (
	"context"

	"github.com/qconv/qconv/runtime/model"
)

// body stands for what of a layer is not a routed expert.
const body = -1

// lane is a model and a round of windows on their way through it.
type lane struct {
	m      *model.Model
	ahead  bool // the next layer is loaded while one works
	passes []*model.Pass
	next   *reader[*model.Layer]
	layer  *model.Layer // that works
}

// walk sends a round of windows through the layers of one or several models side by side: when a layer's turn has come,
// all windows go through it, in the first lane and then in the next one.
type walk struct {
	lanes []*lane
	each  int  // windows of a pass
	lean  bool // what is outside the layers comes and goes
	from  int  // the first layer; passes have come through those before it already
	watch func(done float64)

	begun   func(ctx context.Context, lane int) error                // embeddings are in the lane's passes, and not yet dropped
	through func(ctx context.Context, lane, layer, expert int) error // the lane came through a layer's body, or through an expert
	layer   func(ctx context.Context, layer int) error               // all lanes came through a layer
	head    func(ctx context.Context) error                          // before heads are loaded
}

// run walks, and calls use for each batch of windows with all heads loaded; first is the number of its first window.
func (w *walk) run(ctx context.Context, round [][]int32, use func(first int) error) (err error) {
	defer w.end()
	for i, l := range w.lanes {
		if err := w.begin(ctx, i, l, round); err != nil {
			return err
		}
	}
	if err := w.layers(ctx); err != nil {
		return err
	}
	if w.head != nil {
		if err := w.head(ctx); err != nil {
			return err
		}
	}
	for _, l := range w.lanes {
		if err := l.m.LoadHead(ctx); err != nil {
			return err
		}
	}
	for first := 0; first < len(round); first += w.each {
		if err := use(first); err != nil {
			return err
		}
	}
	if w.lean {
		for _, l := range w.lanes {
			l.m.DropHead()
		}
	}
	return nil
}

// end frees the passes.
func (w *walk) end() {
	for _, l := range w.lanes {
		for _, p := range l.passes {
			p.End()
		}
		l.passes = nil
	}
}

func (w *walk) begin(ctx context.Context, number int, l *lane, round [][]int32) error {
	if err := l.m.LoadEmbedding(ctx); err != nil {
		return err
	}
	for first := 0; first < len(round); first += w.each {
		p, err := l.m.Begin(batch(round[first:min(first+w.each, len(round))]))
		if err != nil {
			return err
		}
		l.passes = append(l.passes, p)
	}
	if w.begun != nil {
		if err := w.begun(ctx, number); err != nil {
			return err
		}
	}
	if w.lean {
		l.m.DropEmbedding()
	}
	return nil
}

func (w *walk) layers(ctx context.Context) error {
	layers := int(w.lanes[0].m.Block.Layers)
	for _, l := range w.lanes {
		if l.ahead {
			l.next = ahead(layers-w.from, func(i int) (*model.Layer, error) { return l.m.LoadLayer(ctx, w.from+i, false) }, (*model.Layer).Release)
			defer l.next.stop()
		}
	}
	for n := w.from; n < layers; n++ {
		err := w.one(ctx, n, func(done float64) { w.watch((float64(n-w.from) + done) / float64(layers-w.from)) })
		for _, l := range w.lanes {
			if l.layer != nil {
				l.layer.Release()
				l.layer = nil
			}
		}
		if err == nil && w.layer != nil {
			err = w.layer(ctx, n)
		}
		if err != nil {
			return err
		}
		w.watch(float64(n+1-w.from) / float64(layers-w.from))
	}
	return nil
}

// one sends all passes through a layer. watch is told how much of that is done, as a share.
func (w *walk) one(ctx context.Context, n int, watch func(done float64)) error {
	for i, l := range w.lanes {
		if err := l.bring(ctx, n); err != nil {
			return err
		}
		for k, p := range l.passes {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := l.push(p); err != nil {
				return err
			}
			if !l.layer.Sparse() {
				watch((float64(i) + float64(k+1)/float64(len(l.passes))) / float64(len(w.lanes)))
			}
		}
		if err := w.came(ctx, i, n, body); err != nil {
			return err
		}
	}
	if !w.lanes[0].layer.Sparse() {
		return nil
	}
	return w.experts(ctx, n, watch)
}

// bring loads a layer.
func (l *lane) bring(ctx context.Context, n int) (err error) {
	if l.next != nil {
		l.layer, err = l.next.get(ctx)
		return err
	}
	l.layer, err = l.m.LoadLayer(ctx, n, false)
	return err
}

// push sends a pass through a layer, or through what of it is not a routed expert.
func (l *lane) push(p *model.Pass) error {
	if !l.layer.Sparse() {
		return p.Layer(l.layer)
	}
	if err := p.Attention(l.layer); err != nil {
		return err
	}
	if err := p.Route(l.layer); err != nil {
		return err
	}
	p.Slim()
	return nil
}

func (w *walk) came(ctx context.Context, lane, layer, expert int) error {
	if w.through == nil {
		return nil
	}
	return w.through(ctx, lane, layer, expert)
}

// call is an expert's turn in a lane.
type call struct{ lane, expert int }

// experts sends the passes through a layer's experts, one at a time, each in all lanes.
func (w *walk) experts(ctx context.Context, n int, watch func(done float64)) error {
	var early, calls []call // those that are loaded ahead; all
	for e := range int(w.lanes[0].m.Block.Experts.Count) {
		for i, l := range w.lanes {
			if c := (call{i, e}); l.wants(e) {
				if calls = append(calls, c); l.ahead {
					early = append(early, c)
				}
			} else if w.through != nil {
				calls = append(calls, c) // that it saw nothing is news too
			}
		}
	}
	load := func(c call) (*model.Expert, error) { return w.lanes[c.lane].m.LoadExpert(ctx, n, c.expert) }
	next := ahead(len(early), func(i int) (*model.Expert, error) { return load(early[i]) }, (*model.Expert).Release)
	defer next.stop()
	for i, c := range calls {
		l := w.lanes[c.lane]
		if l.wants(c.expert) {
			var x *model.Expert
			var err error
			if l.ahead {
				x, err = next.get(ctx)
			} else {
				x, err = load(c)
			}
			if err != nil {
				return err
			}
			if err := l.expert(ctx, x); err != nil {
				return err
			}
		}
		if err := w.came(ctx, c.lane, n, c.expert); err != nil {
			return err
		}
		watch(float64(i+1) / float64(len(calls))) // attention is little beside the experts
	}
	for _, l := range w.lanes {
		for _, p := range l.passes {
			p.Leave()
		}
	}
	return nil
}

// wants tells whether any token goes to an expert.
func (l *lane) wants(expert int) bool {
	for _, p := range l.passes {
		if p.Tokens(expert) > 0 {
			return true
		}
	}
	return false
}

func (l *lane) expert(ctx context.Context, x *model.Expert) error {
	defer x.Release()
	for _, p := range l.passes {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.Expert(x); err != nil {
			return err
		}
	}
	return nil
}
