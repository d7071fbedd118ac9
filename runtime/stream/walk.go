package stream

import (
	"context"

	"github.com/qconv/qconv/runtime/model"
)

// body stands for what of a layer is not a routed expert.
const body = -1

// walk sends a round of windows through the layers of one or several models side by side: when a layer's turn has come,
// all windows go through it, in the first lane and then in the next one.
type walk struct {
	lanes []*lane
	each  int  // windows of a pass
	cut   int  // no pass has windows from both sides of this one
	lean  bool // what is outside the layers comes and goes
	from  int  // the first layer; passes have come through those before it already
	watch func(done float64)

	begin   func(ctx context.Context, lane int) error                // before a lane's embeddings are loaded
	begun   func(ctx context.Context, lane int) error                // they are in its passes, and not yet dropped
	through func(ctx context.Context, lane, layer, expert int) error // the lane came through a layer's body, or through an expert
	layer   func(ctx context.Context, layer int) error               // all lanes came through a layer
	head    func(ctx context.Context) error                          // before heads are loaded
}

// run walks, and then calls use for each pass of the first lane with all heads loaded; first is the number of its first window. Without
// use heads are not needed.
func (w *walk) run(ctx context.Context, round [][]int32, use func(pass, first int) error) error {
	defer w.end()
	for i, l := range w.lanes {
		if err := w.embed(ctx, i, l, round); err != nil {
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
	if use == nil {
		return nil
	}
	for _, l := range w.lanes {
		if err := l.m.LoadHead(ctx); err != nil {
			return err
		}
	}
	first := 0
	for i, p := range w.lanes[0].passes {
		if err := use(i, first); err != nil {
			return err
		}
		first += len(p.Windows)
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

func (w *walk) embed(ctx context.Context, number int, l *lane, round [][]int32) error {
	if w.begin != nil {
		if err := w.begin(ctx, number); err != nil {
			return err
		}
	}
	if err := l.m.LoadEmbedding(ctx); err != nil {
		return err
	}
	for first := l.skip; first < len(round); {
		end := min(first+w.each, len(round))
		if first < w.cut {
			end = min(end, w.cut)
		}
		p, err := l.m.Begin(batch(round[first:end]))
		if err != nil {
			return err
		}
		l.passes = append(l.passes, p)
		first = end
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
		if l.next = nil; l.ahead || l.hold != nil {
			l.next = ahead(layers-w.from, func(i int) (*arrival, error) { return l.early(ctx, w.from+i, body) }, (*arrival).release)
			defer l.next.stop()
		}
	}
	for n := w.from; n < layers; n++ {
		err := w.one(ctx, n, func(done float64) { w.watch((float64(n-w.from) + done) / float64(layers-w.from)) })
		for _, l := range w.lanes {
			if l.here != nil {
				l.here.release()
				l.here = nil
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
func (w *walk) one(ctx context.Context, n int, watch func(done float64)) (err error) {
	sparse := false
	for i, l := range w.lanes {
		if l.here, err = l.bring(ctx, l.next, n, body); err != nil {
			return err
		}
		sparse = l.here.layer.Sparse()
		for k, p := range l.passes {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := push(p, l.here.layer); err != nil {
				return err
			}
			if !sparse {
				watch((float64(i) + float64(k+1)/float64(len(l.passes))) / float64(len(w.lanes)))
			}
		}
		if err := w.came(ctx, i, n, body); err != nil {
			return err
		}
		l.here.release()
	}
	if !sparse {
		return nil
	}
	return w.experts(ctx, n, watch)
}

// push sends a pass through a layer, or through what of it is not a routed expert.
func push(p *model.Pass, l *model.Layer) error {
	if !l.Sparse() {
		return p.Layer(l)
	}
	if err := p.Attention(l); err != nil {
		return err
	}
	if err := p.Route(l); err != nil {
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
	var early, calls []call // those with something to do ahead; all
	for e := range int(w.lanes[0].m.Block.Experts.Count) {
		for i, l := range w.lanes {
			if l.hold != nil || l.ahead && l.wants(e) {
				early = append(early, call{i, e})
			}
			if l.hold != nil || l.wants(e) {
				calls = append(calls, call{i, e})
			}
		}
	}
	next := ahead(len(early), func(i int) (*arrival, error) { return w.lanes[early[i].lane].early(ctx, n, early[i].expert) }, (*arrival).release)
	defer next.stop()
	for i, c := range calls {
		l, from := w.lanes[c.lane], next
		if !l.ahead && l.hold == nil {
			from = nil
		}
		a, err := l.bring(ctx, from, n, c.expert)
		if err == nil && a.expert != nil {
			err = l.work(ctx, a.expert)
		}
		if err == nil {
			err = w.came(ctx, c.lane, n, c.expert)
		}
		if a != nil {
			a.release()
		}
		if err != nil {
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
