package pipeline

import (
	"sync"

	"github.com/qconv/qconv/formats/arch"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/formats/hf"
	"github.com/qconv/qconv/quantize/mix"
)

// SourceRecipe is the file type that holds a checkpoint's matrices as they are: F32, F16 or BF16 (also for FP8).
func SourceRecipe(ck *hf.Checkpoint) *mix.Recipe {
	r, _ := mix.ParseRecipe(viaType(ck).String())
	return r
}

// Tensors makes parts of a plan's output tensors when they are asked for, without writing a file. It may be used from
// several goroutines.
type Tensors struct {
	p     *Plan
	found damage
	pool  sync.Pool // of *part
}

// part is what one call works with.
type part struct {
	scratch
	src, dst []byte
}

// Tensors gives the plan's output tensors.
func (p *Plan) Tensors() *Tensors {
	t := &Tensors{p: p, found: make(damage, len(p.Steps))}
	t.pool.New = func() any { return &part{scratch: scratch{found: t.found}} }
	return t
}

// Index gives the number of a tensor among Plan.Steps.
func (t *Tensors) Index() map[string]int {
	index := make(map[string]int, len(t.p.Steps))
	for i := range t.p.Steps {
		index[t.p.Steps[i].Name] = i
	}
	return index
}

// Tensor describes the tensor of a step.
func (t *Tensors) Tensor(step int) gguf.Tensor {
	s := &t.p.Steps[step]
	return gguf.Tensor{Name: s.Name, Type: s.Type, Shape: s.Shape}
}

// ReadAt fills buf with what WriteFiles would write of a step's data from byte off on. Faults are those of WriteFiles.
func (t *Tensors) ReadAt(step int, buf []byte, off int64) error {
	w := t.pool.Get().(*part)
	defer t.pool.Put(w)
	w.scaleOf = 0 // of another step
	s := &t.p.Steps[step]
	rowLen := s.Bytes / s.rows
	for len(buf) > 0 {
		row, skip := off/rowLen, off%rowLen
		u := t.unit(step, row, (skip+int64(len(buf))+rowLen-1)/rowLen)
		w.src, w.dst = grow(w.src, u.srcBytes), grow(w.dst, u.len)
		f, err := t.p.fetch(&u, w.src)
		if err == nil {
			err = t.p.encode(&u, &f, w.dst, nil, &w.scratch)
		}
		if err != nil {
			return err
		}
		n := copy(buf, w.dst[skip:])
		buf, off = buf[n:], off+int64(n)
	}
	return nil
}

// Rows gives whole rows of a step, from row on: in data what WriteFiles would write, in values what the source says, transformed
// but neither rounded nor encoded. Types without a codec cannot be asked for. Faults are those of WriteFiles.
func (t *Tensors) Rows(step int, row int64, values []float32, data []byte) error {
	w := t.pool.Get().(*part)
	defer t.pool.Put(w)
	w.scaleOf = 0 // of another step
	cols := t.p.Steps[step].cols
	for len(values) > 0 {
		u := t.unit(step, row, int64(len(values))/cols)
		w.src = grow(w.src, u.srcBytes)
		f, err := t.p.fetch(&u, w.src)
		if err == nil {
			err = t.p.encode(&u, &f, data[:u.len], values[:u.nRows*cols], &w.scratch)
		}
		if err != nil {
			return err
		}
		row, values, data = row+u.nRows, values[u.nRows*cols:], data[u.len:]
	}
	return nil
}

// unit is up to n rows of one slab, from row on, no more than WriteFiles takes at a time.
func (t *Tensors) unit(step int, row, n int64) unit {
	s := &t.p.Steps[step]
	u := unit{step: step, slab: row / s.slab, row: row % s.slab}
	u.nRows = min(n, s.slab-u.row)
	if s.op == arch.Generated {
		u.len = u.nRows * (s.Bytes / s.rows)
		return u
	}
	g := t.p.origin.tensor(s.source(u.slab))
	if s.transposed() {
		u.srcBytes = s.target.Take * g.rowBytes
	} else {
		u.nRows = min(u.nRows, max(unitSource/max(g.rowBytes, 1), 1))
		u.srcBytes = u.nRows * g.rowBytes
	}
	u.len = u.nRows * (s.Bytes / s.rows)
	return u
}
