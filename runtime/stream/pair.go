package stream

import (
	"context"
	"math"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/runtime/model"
)

// Pair is a source and a file that was made of it, which read the same text side by side: layer by layer, the source first.
type Pair struct {
	Source, File *model.Model

	// Logits is given the logits of scored positions, row after row, in the order of the text, and the tokens that follow.
	Logits func(source, file []float32, next []int32) error

	sums []distances // of each layer
}

// sides names the lanes of a Pair in messages.
var sides = []string{"source", "file"}

// Distance is how far the file's residual stream is from the source's behind a layer. The relative error of a token is
// ‖q-s‖/‖s‖, where s is its vector in the source and q in the file.
type Distance struct {
	Error    float64 // mean of the relative errors
	Cosine   float64 // mean of q·s/(‖q‖‖s‖)
	Worst    float64 // largest relative error,
	Window   int     // and the token that has it
	Position int
}

// distances adds up in the order of the text. It is kept in the state of a Conversion.
type distances struct {
	N             int
	Errors, Cosin float64
	Worst         float64
	Window, Pos   int
}

func (d *distances) distance() Distance {
	n := float64(d.N)
	return Distance{Error: d.Errors / n, Cosine: d.Cosin / n, Worst: d.Worst, Window: d.Window, Position: d.Pos}
}

// check refuses two models that cannot be compared.
func (p *Pair) check() error {
	s, f := &p.Source.Block, &p.File.Block
	for _, c := range []struct {
		what         string
		found, given int64
	}{{"layers", f.Layers, s.Layers}, {"columns of the residual stream", f.Width, s.Width}, {"tokens of the vocabulary", f.Vocab, s.Vocab}, {"experts", f.Experts.Count, s.Experts.Count}} {
		if c.found != c.given {
			return fault.New(fault.Mismatch, "", "%d %s, the source has %d: it is another model", c.found, c.what, c.given)
		}
	}
	return nil
}

// Run sends windows through both models and gives the distances behind each layer. watch is told after every step how much
// of the whole is done, as a share, and the distances of the latest round's layers so far; it may be nil.
func (p *Pair) Run(ctx context.Context, w *Windows, plan Plan, watch func(done float64, layers []Distance)) ([]Distance, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	p.sums = make([]distances, p.Source.Block.Layers)
	var soFar []Distance
	tell := func(done float64) {
		if watch != nil {
			watch(done, soFar)
		}
	}
	err := rounds(w.IDs, plan, tell, func(start int, round [][]int32, watch func(float64)) error {
		soFar = nil
		k := &walk{lanes: []*lane{{m: p.Source, ahead: true}, {m: p.File, ahead: true}}, each: plan.Batch, lean: plan.Lean, watch: watch}
		k.begun = func(_ context.Context, lane int) error {
			watchFinite(k.lanes[lane], sides[lane])
			return nil
		}
		k.layer = func(_ context.Context, n int) error {
			if err := p.compare(k, n, w, start); err != nil {
				return err
			}
			soFar = append(soFar, p.sums[n].distance())
			return nil
		}
		return k.run(ctx, round, func(i, first int) error { return p.logits(ctx, k, i, w, start+first) })
	})
	if err != nil {
		return nil, err
	}
	layers := make([]Distance, len(p.sums))
	for i := range p.sums {
		layers[i] = p.sums[i].distance()
	}
	tell(1)
	return layers, nil
}

// compareRows is how many rows of the residual streams are read at a time.
const compareRows = 256

// compare adds the distances behind layer n; start is the number of the round's first window.
func (p *Pair) compare(k *walk, n int, w *Windows, start int) error {
	d, cols, length := &p.sums[n], int(p.Source.Block.Width), w.Length()
	s, q := make([]float32, compareRows*cols), make([]float32, compareRows*cols)
	at := (start + k.lanes[1].skip) * length // token of the whole text
	for i, other := range k.lanes[1].passes {
		pass := k.lanes[0].passes[len(k.lanes[0].passes)-len(k.lanes[1].passes)+i]
		for first := 0; first < len(pass.IDs); first += compareRows {
			rows := min(compareRows, len(pass.IDs)-first)
			if err := pass.Read(s[:rows*cols], first); err != nil {
				return err
			}
			if err := other.Read(q[:rows*cols], first); err != nil {
				return err
			}
			for r := range rows {
				if err := d.add(s[r*cols:(r+1)*cols], q[r*cols:(r+1)*cols], at/length, at%length); err != nil {
					return fault.New(fault.KindOf(err), "", "layer %d: %w", n, fault.Cause(err))
				}
				at++
			}
		}
	}
	return nil
}

// add adds a token's.
func (d *distances) add(s, q []float32, window, pos int) error {
	var apart, ss, qq, sq float64
	for i, x := range s {
		a, b := float64(x), float64(q[i])
		apart += float64((b - a) * (b - a))
		ss += float64(a * a)
		qq += float64(b * b)
		sq += float64(a * b)
	}
	for i, sum := range []float64{ss, qq} {
		if !finite(sum) {
			return fault.New(fault.Malformed, "", "in the %s, the residual stream behind it is not finite at position %d of window %d", sides[i], pos, window)
		}
	}
	e, cos := 0.0, 1.0
	switch {
	case ss > 0 && qq > 0:
		e, cos = math.Sqrt(apart/ss), sq/math.Sqrt(ss*qq)
	case apart > 0: // one is zero
		e, cos = 1, 0
	}
	d.N++
	d.Errors += e
	d.Cosin += cos
	if e > d.Worst {
		d.Worst, d.Window, d.Pos = e, window, pos
	}
	return nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// logits gives the logits of a batch, pass number i of both lanes, whose first window is number first of the text.
func (p *Pair) logits(ctx context.Context, k *walk, i int, w *Windows, first int) error {
	skipped := len(k.lanes[0].passes) - len(k.lanes[1].passes)
	if i < skipped {
		return nil
	}
	s, q := k.lanes[0].passes[i], k.lanes[1].passes[i-skipped]
	rows, next := w.targets(first, len(s.Windows))
	vocab := int(p.Source.Block.Vocab)
	return p.Source.EachLogits(ctx, s.X(), rows, func(source []float32, at, n int) error {
		return p.File.EachLogits(ctx, q.X(), rows[at:at+n], func(file []float32, more, m int) error {
			return p.Logits(source[more*vocab:(more+m)*vocab], file, next[at+more:at+more+m])
		})
	})
}
