package stream

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/qconv/qconv/formats/arch"
	"github.com/qconv/qconv/quantize/imatrix"
	"github.com/qconv/qconv/quantize/pipeline"
	"github.com/qconv/qconv/runtime/device"
	"github.com/qconv/qconv/runtime/model"
)

// Conversion writes a file while its source runs. Layer by layer: the source's weights come into memory once, all windows go
// through them, what they were multiplied with becomes importance, the layer is quantized with it and written, and then, if
// that is wanted, all windows go through what was written, so that both can be compared.
type Conversion struct {
	Plan *pipeline.Plan // with Options.Held; with Options.Calibration if windows calibrate
	Job  *pipeline.Job

	Source     *model.Model  // of a plan with the same Held, with as many positions as windows have
	Run        bool          // what is written runs too,
	FileDevice device.Device // here; nil: on the source's device
	Calibrated int           // the first so many windows calibrate
	Compared   int           // the file runs from this window on
	Output     bool          // importance of the output matrix is wanted too

	Logits func(source, file []float32, next []int32) error // as Pair's

	// State is a file that keeps what is done from time to time, so that an interrupted run can go on with the layer behind;
	// "": none. Who has committed the job removes it.
	State  string
	Digest string             // what the run belongs to, beside the plan and the windows
	Every  time.Duration      // how often it is kept, at most; negative: behind every layer
	Resume func(done float64) // called when an earlier run's work is used; may be nil
	Notice func(text string)  // what is worth telling; may be nil

	Sums   *imatrix.Sums                    // what was collected, by name
	Errors map[pipeline.Slab]pipeline.Error // of all slabs that were not copied as they are

	keeper      keeper
	pair        Pair
	seen        *Collector
	calibrating []*model.Pass
	groups      groups
	drop        func() // of what is held for what is outside the layers
}

// groups are a plan's slabs by when they are made.
type groups struct {
	outer  []pipeline.Slab   // with the embeddings
	head   []pipeline.Slab   // with the output matrix, after the layers
	bodies [][]pipeline.Slab // of each layer
	stacks [][]int           // steps of each layer's routed experts
}

func group(p *pipeline.Plan) groups {
	g := groups{bodies: make([][]pipeline.Slab, p.Block.Layers), stacks: make([][]int, p.Block.Layers)}
	for i := range p.Steps {
		name := p.Steps[i].Name
		var slabs []pipeline.Slab
		for k := range p.Slabs(i) {
			slabs = append(slabs, pipeline.Slab{Step: i, Slab: k})
		}
		var layer int
		_, err := fmt.Sscanf(name, "blk.%d.", &layer)
		switch {
		case name == "output.weight":
			g.head = append(g.head, slabs...)
		case err != nil || layer >= len(g.bodies): // layers that only predict ahead do not run
			g.outer = append(g.outer, slabs...)
		case strings.HasSuffix(name, "_exps.weight") && int64(len(slabs)) == p.Block.Experts.Count:
			g.stacks[layer] = append(g.stacks[layer], i)
		default:
			g.bodies[layer] = append(g.bodies[layer], slabs...)
		}
	}
	return g
}

// of gives the slabs of a layer's body or of an expert.
func (g *groups) of(layer, expert int) []pipeline.Slab {
	if expert == body {
		return g.bodies[layer]
	}
	var slabs []pipeline.Slab
	for _, i := range g.stacks[layer] {
		slabs = append(slabs, pipeline.Slab{Step: i, Slab: int64(expert)})
	}
	return slabs
}

// Make makes all slabs, and gives the distances behind each layer if the file runs too. All windows must fit into one round. The
// job is not committed.
func (c *Conversion) Make(ctx context.Context, w *Windows, plan Plan, watch func(done float64, layers []Distance)) ([]Distance, error) {
	c.groups = group(c.Plan)
	c.seen = NewCollector(c.Source.Device(), &c.Source.Block, c.Output)
	c.Sums, c.Errors = c.seen.Sums, map[pipeline.Slab]pipeline.Error{}
	c.Sums.ChunkSize = int64(w.Length())
	c.keeper = keeper{path: c.State, every: c.Every, saved: time.Now()}
	c.pair = Pair{Source: c.Source, Logits: c.Logits, sums: make([]distances, c.Plan.Block.Layers)}
	var layers []Distance
	k := &walk{
		lanes: []*lane{{m: c.Source, hold: c.hold}}, each: plan.Batch, cut: c.Calibrated, lean: plan.Lean,
		begin: c.begin, through: c.through, head: c.head,
	}
	k.watch = func(done float64) {
		if n := float64(c.Plan.Block.Layers); watch != nil {
			watch((float64(k.from)+done*(n-float64(k.from)))/n, layers)
		}
	}
	saved, err := c.resume(k, w)
	if err != nil {
		return nil, err
	}
	if saved != nil {
		defer saved.Close()
		for n := range k.from {
			layers = append(layers, c.pair.sums[n].distance())
		}
	}
	k.begun = func(ctx context.Context, lane int) error { return c.begun(ctx, k, lane, saved) }
	k.layer = func(ctx context.Context, n int) error {
		if c.Run {
			if err := c.pair.compare(k, n, w, 0); err != nil {
				return err
			}
			layers = append(layers, c.pair.sums[n].distance())
		}
		return c.keep(ctx, k, n+1, w)
	}
	defer c.release()
	if !c.Run {
		return nil, k.run(ctx, w.IDs, nil)
	}
	k.lanes = append(k.lanes, &lane{skip: c.Compared}) // its model opens when there is something to read
	defer func() {
		if m := k.lanes[1].m; m != nil {
			m.Close()
		}
	}()
	err = k.run(ctx, w.IDs, func(i, first int) error { return c.pair.logits(ctx, k, i, w, first) })
	return layers, err
}

// hold is the source lane's.
func (c *Conversion) hold(ctx context.Context, layer, expert int) (func(), error) {
	return c.Plan.Hold(ctx, c.groups.of(layer, expert))
}

// begin holds what the embeddings come from until it is quantized too, or longer when they are the head.
func (c *Conversion) begin(ctx context.Context, lane int) error {
	if lane != 0 {
		return nil
	}
	drop, err := c.Plan.Hold(ctx, c.groups.outer)
	c.drop = drop
	return err
}

func (c *Conversion) begun(ctx context.Context, k *walk, lane int, saved *SavedState) error {
	watchFinite(k.lanes[lane], sides[lane])
	if saved != nil {
		if err := saved.streams(k.lanes[lane].passes, lane == len(k.lanes)-1); err != nil {
			return err
		}
	}
	if lane != 0 {
		return nil
	}
	first := 0
	for _, p := range k.lanes[0].passes {
		if first < c.Calibrated {
			p.Observe(c.seen)
			c.calibrating = append(c.calibrating, p)
		}
		first += len(p.Windows)
	}
	defer c.release()
	if err := c.make(ctx, c.groups.outer); err != nil || !c.Run {
		return err
	}
	set, err := c.Job.Set()
	if err != nil {
		return err
	}
	_, block, err := arch.FromGGUF(set) // numbers are as the keys have them, in float32
	if err != nil {
		return err
	}
	dev := c.FileDevice
	if dev == nil {
		dev = c.Source.Device()
	}
	k.lanes[1].m, err = model.New(ctx, dev, block, model.FromSet(set), c.Source.Limit())
	c.pair.File = k.lanes[1].m
	return err
}

func (c *Conversion) release() {
	if c.drop != nil {
		c.drop()
		c.drop = nil
	}
}

// through quantizes what the source went through.
func (c *Conversion) through(ctx context.Context, lane, layer, expert int) error {
	if lane != 0 {
		return nil
	}
	return c.make(ctx, c.groups.of(layer, expert))
}

// head quantizes the output matrix.
func (c *Conversion) head(ctx context.Context) error {
	if len(c.groups.head) == 0 {
		return nil
	}
	if c.Output {
		for _, p := range c.calibrating {
			if err := p.ObserveOutput(); err != nil {
				return err
			}
		}
	}
	drop, err := c.Plan.Hold(ctx, c.groups.head)
	if err != nil {
		return err
	}
	c.drop = drop // when the source's head is loaded too
	return c.make(ctx, c.groups.head)
}

// weigh gives slabs the importance that was seen.
func (c *Conversion) weigh(slabs []pipeline.Slab) error {
	if c.Calibrated == 0 {
		return nil
	}
	for _, b := range slabs {
		step := &c.Plan.Steps[b.Step]
		sum := c.Sums.Find(step.Name)
		if sum == nil {
			continue // it is no matrix of a layer
		}
		values, seen, err := sum.Means(int(b.Slab), int(step.Shape[0]))
		if err != nil {
			return err
		}
		c.Job.SetImportance(b, values, seen)
	}
	return nil
}

// make writes slabs.
func (c *Conversion) make(ctx context.Context, slabs []pipeline.Slab) error {
	if err := c.weigh(slabs); err != nil {
		return err
	}
	if err := c.Job.Make(ctx, slabs); err != nil {
		return err
	}
	for _, b := range slabs {
		if e, ok := c.Job.Errors(b); ok {
			c.Errors[b] = e
		}
	}
	return nil
}
