package stream

import (
	"context"

	"github.com/qconv/qconv/runtime/model"
)

// lane is a model and a round of windows on their way through it.
type lane struct {
	m      *model.Model
	ahead  bool // what comes next is loaded while something works
	hold   hold // brings near what comes next, while something works, that is loaded when its turn has come; nil: nothing
	skip   int  // windows that do not go through it, the first ones
	passes []*model.Pass
	next   *reader[*arrival]
	here   *arrival // the layer's body that works
}

// hold brings near what a layer's body or an expert is loaded from, until drop is called.
type hold func(ctx context.Context, layer, expert int) (drop func(), err error)

// arrival is what a lane brings in.
type arrival struct {
	layer  *model.Layer
	expert *model.Expert
	drop   func()
}

func (a *arrival) release() {
	if a.layer != nil {
		a.layer.Release()
	}
	if a.expert != nil {
		a.expert.Release()
	}
	if a.drop != nil {
		a.drop()
	}
	*a = arrival{}
}

// early is what is done ahead of a layer's body or an expert.
func (l *lane) early(ctx context.Context, layer, expert int) (*arrival, error) {
	if l.hold != nil {
		drop, err := l.hold(ctx, layer, expert)
		return &arrival{drop: drop}, err
	}
	a := &arrival{}
	return a, l.load(ctx, a, layer, expert)
}

func (l *lane) load(ctx context.Context, a *arrival, layer, expert int) (err error) {
	if expert == body {
		a.layer, err = l.m.LoadLayer(ctx, layer, false)
	} else {
		a.expert, err = l.m.LoadExpert(ctx, layer, expert)
	}
	return err
}

// bring gives a layer's body or an expert, which is the next one of next if the lane has such.
func (l *lane) bring(ctx context.Context, next *reader[*arrival], layer, expert int) (a *arrival, err error) {
	if a = (&arrival{}); next != nil {
		if a, err = next.get(ctx); err != nil {
			return nil, err
		}
	}
	if a.layer == nil && a.expert == nil && (expert == body || l.wants(expert)) {
		if err = l.load(ctx, a, layer, expert); err != nil {
			a.release()
			return nil, err
		}
	}
	return a, nil
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

// work sends the passes through an expert.
func (l *lane) work(ctx context.Context, x *model.Expert) error {
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
