package stream

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/qconv/qconv/formats/arch"
	"github.com/qconv/qconv/quantize/imatrix"
	"github.com/qconv/qconv/runtime/device"
	"github.com/qconv/qconv/runtime/model"
)

// Collector adds up the squares of what each matrix of a model's layers is multiplied with. It observes passes.
type Collector struct {
	Sums  *imatrix.Sums
	dev   device.Device
	index map[string]*imatrix.Sum
}

// NewCollector has sums for the matrices of all layers and, with output, for the output matrix, if the model has one.
// Matrices of routed experts have counts of their own; all heads of latent attention have one count.
func NewCollector(dev device.Device, block *arch.Block, output bool) *Collector {
	c := &Collector{Sums: &imatrix.Sums{}, dev: dev, index: map[string]*imatrix.Sum{}}
	inputs := block.Globals()
	for l := range block.Layers {
		inputs = append(inputs, block.Layer(l)...)
	}
	for _, in := range inputs {
		if len(in.Shape) < 2 || !strings.HasPrefix(in.Name, "blk.") && !(output && in.Name == "output.weight") {
			continue
		}
		matrices, counts := int64(1), int64(1)
		if len(in.Shape) > 2 {
			matrices = in.Shape[2]
		}
		if strings.HasSuffix(in.Name, "_exps.weight") {
			counts = matrices
		}
		c.Sums.Entries = append(c.Sums.Entries, imatrix.Sum{Name: in.Name, Counts: make([]int64, counts), Values: make([]float64, in.Shape[0]*matrices)})
	}
	c.Sums.Sort()
	for i := range c.Sums.Entries {
		c.index[c.Sums.Entries[i].Name] = &c.Sums.Entries[i]
	}
	return c
}

// Input implements model.Observer. What is not finite, or larger than importance can be, is a fault of kind Malformed.
func (c *Collector) Input(tensor string, matrix, matrices int, x device.View) error {
	e := c.index[tensor]
	if e == nil {
		return nil
	}
	sums := e.Values[matrix*x.Cols : (matrix+1)*x.Cols]
	if err := c.dev.Squares(sums, x); err != nil {
		return err
	}
	count := &e.Counts[0]
	if len(e.Counts) > 1 {
		count = &e.Counts[matrix]
	}
	if len(e.Counts) > 1 || matrix == 0 { // heads see the same rows
		*count += int64(x.Rows)
	}
	most := imatrix.MaxValue * float64(*count)
	for _, v := range sums {
		if !(v <= most) { // NaN too
			return e.Check()
		}
	}
	return nil
}

// Collection is a run of a model over a text that collects importance.
type Collection struct {
	Model  *model.Model
	Device device.Device
	Output bool // of the output matrix too

	// State is a file that keeps what is done from time to time, so that an interrupted run can go on; "": none. Who has used
	// the sums removes it. Only a run layer by layer keeps anything.
	State  string
	Digest string        // what the run belongs to: the model and its options
	Every  time.Duration // how often it is kept, at most

	Watch  func(done float64) // how much of the whole is done, as a share; may be nil
	Resume func(done float64) // called once when an earlier run's work is used; may be nil
	Notice func(text string)  // what is worth telling; may be nil

	collector *Collector
	keeper    keeper
}

// NewCollectionPlan is NewPlan for a Collection, which makes no logits, and prefers to go layer by layer.
func NewCollectionPlan(s *model.Sizes, block *arch.Block, output bool, windows, length int, ram int64) (Plan, error) {
	sizes := *s
	if !block.TiedOutput {
		sizes.Global, sizes.Total, sizes.Head = s.Global-s.Head, s.Total-s.Head, 0
	}
	const value, sum = 4, 8 // bytes of a float32, and of a float64
	var always int64
	for _, e := range NewCollector(nil, block, output).Sums.Entries {
		always += sum * int64(len(e.Values)+len(e.Counts))
	}
	sizes.Output = value * outputRows * block.Width
	p, err := layered([]*model.Sizes{&sizes}, sizes.Output, always, windows, length, ram)
	if err == nil {
		return p, nil
	}
	// A model of few layers may need less when it stays.
	var stays Plan
	tokens := int64(length)
	need := stays.fit([]phase{{s.Total + always + tokens*s.Position, tokens * (s.Work + s.Token), 0}}, windows, length, ram)
	if need > ram {
		return p, tooSmall(min(need, p.Peak), length, ram)
	}
	stays.Round, stays.Peak = stays.Batch, need
	return stays, nil
}

// outputRows is how many rows are normalized at a time for the output matrix.
const outputRows = 128

// Run sends windows through the model. The sums are the same to the last bit for any plan and number of threads, and after
// any interruption.
func (c *Collection) Run(ctx context.Context, w *Windows, plan Plan) (*imatrix.Sums, error) {
	c.collector = NewCollector(c.Device, &c.Model.Block, c.Output)
	c.collector.Sums.ChunkSize = int64(w.Length())
	c.keeper = keeper{path: c.State, every: c.Every, saved: time.Now()}
	watch := c.Watch
	if watch == nil {
		watch = func(float64) {}
	}
	var err error
	if plan.LayerMajor {
		err = c.layerMajor(ctx, w, plan, watch)
	} else {
		err = c.inMemory(ctx, w, plan, watch)
	}
	if err != nil {
		return nil, err
	}
	watch(1)
	return c.collector.Sums, nil
}

func (c *Collection) inMemory(ctx context.Context, w *Windows, plan Plan, watch func(float64)) error {
	if err := c.Model.Load(ctx); err != nil {
		return err
	}
	for first := 0; first < len(w.IDs); first += plan.Batch {
		pass, err := c.Model.Begin(batch(w.IDs[first:min(first+plan.Batch, len(w.IDs))]))
		if err != nil {
			return err
		}
		pass.Observe(c.collector)
		err = pass.Through(ctx, func(layers int) {
			watch((float64(first) + float64(len(pass.Windows)*layers)/float64(c.Model.Block.Layers)) / float64(len(w.IDs)))
		})
		if err == nil {
			err = pass.ObserveOutput()
		}
		pass.End()
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Collection) layerMajor(ctx context.Context, w *Windows, plan Plan, watch func(float64)) error {
	layers := int(c.Model.Block.Layers)
	digest := c.digest(w, plan)
	var state *SavedState
	if c.State != "" {
		s, notice, err := LoadState(c.State, digest)
		if err != nil {
			return err
		}
		if state = s; state != nil {
			defer state.Close()
		}
		if notice != "" && c.Notice != nil {
			c.Notice(notice)
		}
	}
	// A state's layer counts through all rounds. None is kept behind the last one of a round.
	from := 0
	if state != nil {
		from = state.Layer
		if n := (len(w.IDs) + plan.Round - 1) / plan.Round; from >= n*layers || from%layers == 0 {
			return unfit(errState)
		}
		if err := state.sums(c.collector.Sums); err != nil {
			return err
		}
	}
	round := -1
	return rounds(w.IDs, plan, watch, func(start int, windows [][]int32, watch func(float64)) error {
		if round++; from >= (round+1)*layers {
			return nil // all of it is done
		}
		k := &walk{lanes: []*lane{{m: c.Model, ahead: true}}, each: plan.Batch, lean: plan.Lean, from: max(0, from-round*layers)}
		k.watch = func(done float64) { watch((float64(k.from) + done*float64(layers-k.from)) / float64(layers)) }
		passes := func() []*model.Pass { return k.lanes[0].passes }
		k.begun = func(ctx context.Context, _ int) error {
			for _, p := range passes() {
				p.Observe(c.collector)
			}
			if k.from == 0 {
				return nil
			}
			if c.Resume != nil {
				c.Resume((float64(start) + float64(len(windows)*k.from)/float64(layers)) / float64(len(w.IDs)))
			}
			return state.streams(passes(), true)
		}
		k.layer = func(ctx context.Context, n int) error {
			if n+1 == layers {
				return nil
			}
			return c.keep(ctx, State{Digest: digest, Layer: round*layers + n + 1}, passes())
		}
		defer k.end()
		if err := k.embed(ctx, 0, k.lanes[0], windows); err != nil {
			return err
		}
		if err := k.layers(ctx); err != nil {
			return err
		}
		for _, p := range passes() {
			if err := p.ObserveOutput(); err != nil {
				return err
			}
		}
		return nil
	})
}

// digest is the identity of the run; a state has residual streams of rounds.
func (c *Collection) digest(w *Windows, plan Plan) string {
	h := sha256.New()
	fmt.Fprintf(h, "importance 1\n%q %v %d %d\n", c.Digest, c.Output, w.Length(), plan.Round)
	for _, ids := range w.IDs {
		binary.Write(h, binary.LittleEndian, ids)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// keep saves what is done behind a layer, when it is time to.
func (c *Collection) keep(ctx context.Context, s State, passes []*model.Pass) error {
	if !c.keeper.due(ctx) {
		return nil
	}
	return c.keeper.save(s, func(w *StateWriter) error {
		if err := w.sums(c.collector.Sums); err != nil {
			return err
		}
		return w.streams(passes)
	})
}
