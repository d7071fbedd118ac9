package pipeline

import (
	"context"
	"slices"
	"sync"

	"github.com/qconv/qconv/formats/arch"
)

// Held keeps parts of source tensors in memory, so that several plans of the same source read them once: one that is
// run and one that is written. It may be used from several goroutines.
type Held struct {
	mu    sync.RWMutex
	parts map[int][]*held // by number of the source tensor
}

// held is bytes of a source tensor from off on.
type held struct {
	source int
	off, n int64
	data   []byte
}

// NewHeld makes one for Options.Held. All plans that share it must be of one source.
func NewHeld() *Held { return &Held{parts: map[int][]*held{}} }

// heldOrigin asks Held before the source.
type heldOrigin struct {
	origin
	held *Held
}

func (o heldOrigin) readAt(i int, p []byte, off int64) error {
	if o.held.read(i, p, off) {
		return nil
	}
	return o.origin.readAt(i, p, off)
}

func (h *Held) read(i int, p []byte, off int64) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	x := h.find(i, off, int64(len(p)))
	if x != nil {
		copy(p, x.data[off-x.off:])
	}
	return x != nil
}

// find gives what has n bytes of a tensor from off on.
func (h *Held) find(i int, off, n int64) *held {
	for _, x := range h.parts[i] {
		if off >= x.off && off+n <= x.off+x.n {
			return x
		}
	}
	return nil
}

func (h *Held) add(x *held) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.parts[x.source] = append(h.parts[x.source], x)
}

func (h *Held) drop(list []*held) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, x := range list {
		h.parts[x.source] = slices.DeleteFunc(h.parts[x.source], func(y *held) bool { return x == y })
	}
}

// Slab is a slab of a step: an expert's or a head's matrix, or the whole tensor where it is not divided.
type Slab struct {
	Step int
	Slab int64
}

// Slabs gives the number of slabs of a step.
func (p *Plan) Slabs(step int) int64 { s := &p.Steps[step]; return s.rows / s.slab }

// Hold reads the sources of slabs into memory, where all plans with the same Held find them until drop is called. What is
// held already is not read again, and stays as long as the other holds it.
func (p *Plan) Hold(ctx context.Context, slabs []Slab) (drop func(), err error) {
	var mine []*held
	drop = func() { p.held.drop(mine) }
	for _, x := range p.sources(slabs) {
		p.held.mu.RLock()
		there := p.held.find(x.source, x.off, x.n) != nil
		p.held.mu.RUnlock()
		if there {
			continue
		}
		x.data = make([]byte, x.n)
		for at := int64(0); at < x.n; at += unitSource {
			if err = ctx.Err(); err == nil {
				err = p.origin.readAt(x.source, x.data[at:min(at+unitSource, x.n)], x.off+at)
			}
			if err != nil {
				drop()
				return nil, err
			}
		}
		mine = append(mine, x)
		p.held.add(x)
	}
	return drop, nil
}

// sources are the parts of source tensors that slabs come from.
func (p *Plan) sources(slabs []Slab) (list []*held) {
	need := func(i int, off, n int64) {
		for _, x := range list {
			if x.source == i && x.off == off && x.n == n {
				return // two tensors are cut from one source
			}
		}
		list = append(list, &held{source: i, off: off, n: n})
	}
	for _, b := range slabs {
		s := &p.Steps[b.Step]
		if s.op == arch.Generated {
			continue
		}
		i := s.source(b.Slab)
		g := p.origin.tensor(i)
		if one := len(s.target.Src) == 1 && s.op == arch.Copy; one && p.Slabs(b.Step) > 1 {
			need(i, b.Slab*s.slab*g.rowBytes, s.slab*g.rowBytes)
		} else {
			need(i, 0, g.rows*g.rowBytes)
		}
		if s.target.Scale == nil {
			continue
		}
		if k := s.target.Scale[min(int(b.Slab), len(s.target.Scale)-1)]; k >= 0 {
			sg := p.origin.tensor(k)
			need(k, 0, sg.rows*sg.rowBytes)
		}
	}
	return list
}
