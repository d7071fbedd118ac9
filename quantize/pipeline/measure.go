package pipeline

import (
	"math"
	"sync"
)

// Error is how far a tensor's blocks are from the rows that they were made of, before these were rounded to 16 bits: sums over
// all values, where s is the row's value and q the block's.
type Error struct {
	Apart   float64 // Σ (q-s)²
	Source  float64 // Σ s²
	Blocks  float64 // Σ q²
	Product float64 // Σ q·s
	Largest float64 // max |q-s|
	Row     int64   // the row with the largest relative error,
	RowRMSE float64 // sqrt(Σ(q-s)²/Σs²) of that row
}

// RMSE is the relative error of all values, sqrt(Σ(q-s)²/Σs²).
func (e *Error) RMSE() float64 { return relative(e.Apart, e.Source) }

// Cosine is Σqs/sqrt(Σq²·Σs²); 1 when both are zero.
func (e *Error) Cosine() float64 {
	if e.Source == 0 || e.Blocks == 0 {
		if e.Apart == 0 {
			return 1
		}
		return 0
	}
	return e.Product / math.Sqrt(e.Source*e.Blocks)
}

// relative is a relative error; what is not zero is 1 from zeros.
func relative(apart, source float64) float64 {
	switch {
	case apart == 0:
		return 0
	case source == 0:
		return 1
	}
	return math.Sqrt(apart / source)
}

// AddRow adds a row; rows are added in their order, so that sums do not depend on who computes what when.
func (e *Error) AddRow(row int64, source, blocks []float32) {
	var one Error
	for i, x := range source {
		s, q := float64(x), float64(blocks[i])
		d := q - s
		one.Apart += float64(d * d)
		one.Source += float64(s * s)
		one.Blocks += float64(q * q)
		one.Product += float64(q * s)
		one.Largest = max(one.Largest, math.Abs(d))
	}
	one.Row, one.RowRMSE = row, relative(one.Apart, one.Source)
	e.Add(&one)
}

// Add adds the sums of rows that come after those of e.
func (e *Error) Add(o *Error) {
	e.Apart += o.Apart
	e.Source += o.Source
	e.Blocks += o.Blocks
	e.Product += o.Product
	e.Largest = max(e.Largest, o.Largest)
	if o.RowRMSE > e.RowRMSE {
		e.Row, e.RowRMSE = o.Row, o.RowRMSE
	}
}

// measure keeps the errors of units until somebody takes those of a slab.
type measure struct {
	mu    sync.Mutex
	p     *Plan
	units map[*unit]*Error
	of    map[Slab][]*unit
}

func newMeasure(p *Plan) *measure {
	m := &measure{p: p, units: map[*unit]*Error{}, of: map[Slab][]*unit{}}
	for i := range p.Parts {
		for k := range p.Parts[i].units {
			u := &p.Parts[i].units[k]
			m.of[Slab{u.step, u.slab}] = append(m.of[Slab{u.step, u.slab}], u)
		}
	}
	return m
}

// add adds rows of a unit, from its row first on: what they were, and what their blocks give.
func (m *measure) add(u *unit, first int64, before, after []float32) {
	m.mu.Lock()
	e := m.units[u]
	if e == nil {
		e = &Error{}
		m.units[u] = e
	}
	m.mu.Unlock() // a unit is made by one goroutine
	s := &m.p.Steps[u.step]
	row, cols := u.slab*s.slab+u.row+first, s.cols
	for i := int64(0); i*cols < int64(len(before)); i++ {
		e.AddRow(row+i, before[i*cols:(i+1)*cols], after[i*cols:(i+1)*cols])
	}
}

// Errors gives the errors of a slab that Make made with Output.Measure. ok is false for rows that were copied as they are, and
// for what an interrupted run made.
func (j *Job) Errors(b Slab) (sum Error, ok bool) {
	if j.measure == nil {
		return sum, false
	}
	for _, u := range j.measure.of[b] {
		e := j.measure.units[u]
		if e == nil {
			return Error{}, false
		}
		sum.Add(e)
		ok = true
	}
	return sum, ok
}

// AllErrors gives the errors of all slabs that Make made with Output.Measure.
func (j *Job) AllErrors() map[Slab]Error {
	all := map[Slab]Error{}
	for i := range j.p.Steps {
		for k := range j.p.Slabs(i) {
			if e, ok := j.Errors(Slab{i, k}); ok {
				all[Slab{i, k}] = e
			}
		}
	}
	return all
}
