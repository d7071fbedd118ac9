package stream

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/qconv/qconv/quantize/pipeline"
)

// progress is what a Conversion has found when it has come through some layers, beside sums and residual streams.
type progress struct {
	Distances []distances
	Errors    []slabError
	Damaged   []int
}

type slabError struct {
	Slab  pipeline.Slab
	Error pipeline.Error
}

// digest is the identity of the run.
func (c *Conversion) digest(w *Windows) string {
	h := sha256.New()
	fmt.Fprintf(h, "conversion 1\n%q %q %d %d %v %v %d %d\n", c.Plan.Digest, c.Digest, c.Calibrated, c.Compared, c.Run, c.Output, w.Length(), w.First)
	for _, ids := range w.IDs {
		binary.Write(h, binary.LittleEndian, ids)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// keep saves what is done behind a layer, when it is time to.
func (c *Conversion) keep(ctx context.Context, k *walk, layer int, w *Windows) error {
	if layer == len(c.groups.bodies) || !c.keeper.due(ctx) {
		return nil
	}
	p := progress{Distances: c.pair.sums[:layer], Damaged: c.Job.Damaged()}
	for b, e := range c.Errors {
		p.Errors = append(p.Errors, slabError{b, e})
	}
	slices.SortFunc(p.Errors, func(a, b slabError) int {
		return cmp.Or(cmp.Compare(a.Slab.Step, b.Slab.Step), cmp.Compare(a.Slab.Slab, b.Slab.Slab))
	})
	doc, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return c.keeper.save(State{Digest: c.digest(w), Layer: layer, JSON: doc}, func(s *StateWriter) error {
		if err := s.sums(c.Sums); err != nil {
			return err
		}
		for _, l := range k.lanes {
			if err := s.streams(l.passes); err != nil {
				return err
			}
		}
		return nil
	})
}

// resume takes over what an interrupted run saved, if all that it had made is still there; the residual streams are to be read
// when there are passes. Without such it gives nil.
func (c *Conversion) resume(k *walk, w *Windows) (saved *SavedState, err error) {
	if c.State == "" {
		return nil, nil
	}
	saved, notice, err := LoadState(c.State, c.digest(w))
	tell := func(text string) {
		if text != "" && c.Notice != nil {
			c.Notice(text)
		}
	}
	tell(notice)
	if err != nil || saved == nil {
		return nil, err
	}
	defer func() {
		if saved == nil || err != nil {
			return
		}
		if c.Resume != nil {
			c.Resume(float64(k.from) / float64(len(c.groups.bodies)))
		}
	}()
	var p progress
	if json.Unmarshal(saved.JSON, &p) != nil || saved.Layer < 1 || saved.Layer >= len(c.groups.bodies) || len(p.Distances) != saved.Layer {
		saved.Close()
		return nil, unfit(errState)
	}
	slabs := slices.Clone(c.groups.outer)
	for n := range saved.Layer {
		slabs = append(slabs, c.groups.bodies[n]...)
		for e := range int(c.Plan.Block.Experts.Count) {
			slabs = append(slabs, c.groups.of(n, e)...)
		}
	}
	if !c.Job.Have(slabs) {
		tell("the output of the interrupted run is gone or was changed: the run starts anew")
		saved.Close()
		return nil, nil
	}
	err = saved.sums(c.Sums)
	if err == nil {
		err = c.weigh(slabs) // for what is to be said of them
	}
	c.Job.Have(slabs) // they need no weights any more
	if err != nil {
		saved.Close()
		return nil, err
	}
	c.Job.SetDamaged(p.Damaged)
	copy(c.pair.sums, p.Distances)
	for _, e := range p.Errors {
		c.Errors[e.Slab] = e.Error
	}
	k.from = saved.Layer
	return saved, nil
}
