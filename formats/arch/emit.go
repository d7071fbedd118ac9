package arch

import (
	"sort"
	"strconv"
	"strings"
)

// emit lays the targets out in the reference's order: generated ones first, then those of each
// source in checkpoint order; the stacks of a layer stand where its last expert was.
func (k *binder) emit() error {
	if k.spec.Extra != nil {
		k.Targets = k.spec.Extra(k.m)
	}
	var stacks []int // rules with {e}
	for i := range k.spec.Rules {
		if k.spec.Rules[i].experts() {
			stacks = append(stacks, i)
		}
	}
	seen := map[int32]int64{}
	for i := range k.slots {
		at := &k.slots[i]
		r := &k.spec.Rules[at.rule]
		if !r.experts() {
			for o := range r.To {
				t, err := k.target(int(at.rule), &r.To[o], []slot{*at})
				if err != nil {
					return err
				}
				k.Targets = append(k.Targets, t)
			}
			continue
		}
		if seen[at.layer]++; seen[at.layer] < k.Experts*int64(len(stacks)) {
			continue
		}
		for _, ri := range stacks {
			t, err := k.target(ri, &k.spec.Rules[ri].To[0], k.experts(int32(ri), at.layer))
			if err != nil {
				return err
			}
			k.Targets = append(k.Targets, t)
		}
	}
	return nil
}

// experts gives the sources of one stack, by expert.
func (k *binder) experts(rule, layer int32) []slot {
	want := slot{rule: rule, layer: layer, expert: -1}
	from := sort.Search(len(k.sorted), func(i int) bool { return compareSlots(k.sorted[i], want) >= 0 })
	return k.sorted[from : from+int(k.Experts)] // complete() found all of them
}

// target builds one target from its sources.
func (k *binder) target(rule int, out *Out, from []slot) (Target, error) {
	t := Target{Op: out.Op, Src: make([]int, len(from)), Scale: make([]int, len(from))}
	t.Name = strings.Replace(out.To, "{l}", strconv.Itoa(int(from[0].layer)), 1)
	for i, f := range from {
		t.Src[i], t.Scale[i] = int(f.src), int(f.scale)
	}
	for _, n := range []struct {
		expr string
		to   *int64
	}{{out.Heads, &t.Heads}, {out.Skip, &t.Skip}, {out.Take, &t.Take}} {
		if n.expr == "" {
			continue
		}
		var err error
		if *n.to, err = k.m.eval(n.expr); err != nil {
			return Target{}, err
		}
	}
	dims := k.shapes[rule]
	switch out.Op {
	case Stack:
		dims = append([]int64{int64(len(from))}, dims...)
	case Split:
		dims = []int64{t.Heads, t.Take, dims[1]}
	case SplitTransposed:
		dims = []int64{t.Heads, dims[1], t.Take}
	}
	t.Shape = reversed(dims)
	t.F32 = keptF32(t.Name, len(dims))
	return t, nil
}
