package pipeline

import (
	"cmp"
	"slices"
	"sync"

	"github.com/qconv/qconv/formats/arch"
	"github.com/qconv/qconv/quantize/imatrix"
)

// Calibration says where importance will come from while a job runs: the plan is the one of an importance file that has an
// entry for each matrix of the layers, and steps wait for Job.SetImportance.
type Calibration struct {
	File    string // what quantize.imatrix.file says
	Dataset string // what quantize.imatrix.dataset says
	Chunks  int64
	Output  bool   // the output matrix has an entry too, unless it is the embeddings
	Digest  string // identifies text, windows and whatever else the importance depends on
}

// entries stand for the file: all columns of all matrices count 1 until it is known better.
func (c *Calibration) entries(b *arch.Block) *imatrix.Matrix {
	m := &imatrix.Matrix{File: c.File, Chunks: c.Chunks}
	if c.Dataset != "" {
		m.Datasets = []string{c.Dataset}
	}
	var inputs []arch.Input
	for l := range b.Layers {
		inputs = append(inputs, b.Layer(l)...)
	}
	if c.Output && !b.TiedOutput {
		inputs = append(inputs, arch.Input{Name: "output.weight", Shape: []int64{b.Width, b.Vocab}})
	}
	var ones []float32
	for _, in := range inputs {
		if len(in.Shape) < 2 {
			continue
		}
		n, matrices := in.Shape[0], 1
		if len(in.Shape) > 2 {
			n, matrices = n*in.Shape[2], int(in.Shape[2])
		}
		for int64(len(ones)) < n {
			ones = append(ones, 1)
		}
		m.Entries = append(m.Entries, imatrix.Entry{Name: in.Name, Values: ones[:n], Largest: 1, Matrices: matrices})
	}
	slices.SortFunc(m.Entries, func(a, b imatrix.Entry) int { return cmp.Compare(a.Name, b.Name) })
	return m
}

// wait takes the weights away from the steps of a calibrated plan, whose jobs will get them.
func (p *Plan) wait() {
	for i := range p.Steps {
		if s := &p.Steps[i]; s.weight != nil {
			s.weight, s.late = nil, true
		}
	}
}

// late is importance that comes while a job runs.
type late struct {
	mu      sync.RWMutex
	weights map[Slab][]float32
	gaps    gaps
}

// SetImportance gives the importance of a slab's columns, before Make makes it; seen is false when nothing was multiplied
// with the slab, and values are all the same. Slabs that have no use for importance ignore it.
func (j *Job) SetImportance(b Slab, values []float32, seen bool) {
	s := &j.p.Steps[b.Step]
	if !s.late {
		return
	}
	j.late.mu.Lock()
	defer j.late.mu.Unlock()
	if !seen {
		j.late.gaps.unseen(s.Name, 1)
	}
	if mended := j.late.gaps.mend(s.Name, values, j.p.correct); mended != nil {
		values = mended
	}
	j.late.weights[b] = values
}

// of gives the weights of a unit's slab, nil when they have not come.
func (l *late) of(u *unit) []float32 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.weights[Slab{u.step, u.slab}]
}

// forget drops the weights of slabs that are made.
func (l *late) forget(slabs []Slab) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range slabs {
		delete(l.weights, b)
	}
}
