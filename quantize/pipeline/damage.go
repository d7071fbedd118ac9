package pipeline

import (
	"fmt"
	"sync/atomic"

	"github.com/qconv/qconv/formats/gguf"
)

// defects says what is wrong with the blocks that the reference, and so qconv unless it is told to correct them, makes
// of some rows.
var defects = map[gguf.Type]string{
	gguf.TypeIQ3_S: "behind 32 zeros in a block, IQ3_S stores everything one place early, and most of the block becomes noise",
	gguf.TypeMXFP4: "MXFP4 has no exponent for blocks whose largest value is below 2^-125, and they become zeros",
}

// damage remembers, for each step of a run, whether a defect of its codec touched it.
type damage []atomic.Bool

// look is called with the rows of a step before they are encoded.
func (d damage) look(p *Plan, step int, rows []float32) {
	s := &p.Steps[step]
	if s.codec.Damages == nil || d[step].Load() {
		return
	}
	if s.codec.Damages(rows) {
		d[step].Store(true)
	}
}

// report names the damaged tensors. unseen has the steps of which an interrupted run made a part: what it made cannot be
// looked at again without its rows.
func (d damage) report(p *Plan, r *Report, unseen map[int]bool) {
	types := map[gguf.Type][]string{}
	var order []gguf.Type
	var skipped []string
	for i := range p.Steps {
		s := &p.Steps[i]
		switch {
		case d[i].Load():
			r.Damaged = append(r.Damaged, s.Name)
			if types[s.Type] == nil {
				order = append(order, s.Type)
			}
			types[s.Type] = append(types[s.Type], s.Name)
		case unseen[i] && !s.raw && s.codec.Damages != nil:
			skipped = append(skipped, s.Name)
		}
	}
	for _, t := range order {
		r.Warnings = append(r.Warnings, fmt.Sprintf("tensors with blocks that llama.cpp gets wrong, and this file too: %d (%s): %s; --correct writes them right", len(types[t]), few(types[t]), defects[t]))
	}
	if len(skipped) > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("tensors of which an interrupted run made a part, which was not looked at again for blocks that llama.cpp gets wrong: %d (%s); --no-resume looks at all", len(skipped), few(skipped)))
	}
}
