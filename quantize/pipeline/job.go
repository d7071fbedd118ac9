package pipeline

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/internal/outfile"
)

// Job is a plan that is carried out, all at once or tensor by tensor. Its methods are for one goroutine; what Set gives is not.
type Job struct {
	p       *Plan
	o       Output
	set     *outfile.Set
	found   damage
	unseen  map[int]bool    // steps of which an earlier run made a part
	todo    map[Slab][]todo // units that are not there yet
	slabs   []Slab          // all, in order of the files
	reused  int64
	late    *late
	measure *measure // nil: nobody wants to know
}

// todo is a unit to make.
type todo struct {
	*unit
	part  int
	there bool // an earlier run made it, but its blocks are to be measured
}

// Start opens the output, and takes over what an interrupted run of the same plan left. After it, Close must be called.
func (p *Plan) Start(ctx context.Context, o Output) (*Job, error) {
	parts, opts := p.outfiles(&o)
	if o.Watcher == nil {
		o.Watcher = silent{}
	}
	opts.Context, opts.OnResume, opts.OnRehash = ctx, o.Watcher.Resuming, o.Watcher.Resumed
	set, err := outfile.Begin(parts, opts)
	if err != nil {
		return nil, err
	}
	j := &Job{p: p, o: o, set: set, found: make(damage, len(p.Steps)), unseen: map[int]bool{}, todo: map[Slab][]todo{}, late: &late{weights: map[Slab][]float32{}}}
	if o.Measure {
		j.measure = newMeasure(p)
	}
	for i := range p.Parts {
		for k := range p.Parts[i].units {
			u := &p.Parts[i].units[k]
			b := Slab{u.step, u.slab}
			if n := len(j.slabs); n == 0 || j.slabs[n-1] != b {
				j.slabs = append(j.slabs, b)
			}
			there := set.Reused(i, u.index)
			if there && !o.Measure {
				j.reused += u.len
				j.unseen[u.step] = true
				continue
			}
			j.todo[b] = append(j.todo[b], todo{u, i, there})
		}
	}
	o.Watcher.Begin(p, j.reused, set.Notices())
	return j, nil
}

// MakeAll writes everything that is not there yet.
func (j *Job) MakeAll(ctx context.Context) error { return j.Make(ctx, j.slabs) }

// Make writes those of slabs that are not there yet.
func (j *Job) Make(ctx context.Context, slabs []Slab) error {
	var now []todo
	for _, b := range slabs {
		now = append(now, j.todo[b]...)
	}
	units := make([]*unit, len(now))
	for i := range now {
		units[i] = now[i].unit
	}
	err := j.p.stream(ctx, units, j, func(i int, data []byte) error {
		if err := j.set.Write(now[i].part, units[i].index, data); err != nil {
			return err
		}
		j.o.Watcher.Wrote(&j.p.Steps[units[i].step], units[i].len)
		return nil
	})
	if err != nil {
		return j.giveUp(err)
	}
	j.done(slabs)
	return nil
}

// Have takes slabs over from an interrupted run, whose errors are known; false, if some are not there.
func (j *Job) Have(slabs []Slab) bool {
	var reused int64
	for _, b := range slabs {
		for _, t := range j.todo[b] {
			if !t.there {
				return false
			}
			reused += t.len
		}
	}
	j.reused += reused
	j.done(slabs)
	return true
}

// done forgets what slabs needed to be made.
func (j *Job) done(slabs []Slab) {
	for _, b := range slabs {
		delete(j.todo, b)
	}
	j.late.forget(slabs)
}

// Damaged gives the steps with rows so far that a defect of their codec touches.
func (j *Job) Damaged() (steps []int) {
	for i := range j.found {
		if j.found[i].Load() {
			steps = append(steps, i)
		}
	}
	return steps
}

// SetDamaged says which steps an interrupted run found to be damaged.
func (j *Job) SetDamaged(steps []int) {
	for _, i := range steps {
		if i >= 0 && i < len(j.found) {
			j.found[i].Store(true)
		}
	}
}

// Set is the files as they will be. What is not made yet reads as zeros.
func (j *Job) Set() (*gguf.Set, error) {
	return gguf.OpenSet(func(name string) (io.ReaderAt, int64, error) {
		for i := range j.p.Parts {
			if p := &j.p.Parts[i]; p.Name == name {
				return &growing{j, i}, p.Layout.Size, nil
			}
		}
		return nil, 0, fs.ErrNotExist
	}, j.p.Parts[0].Name, gguf.DefaultLimits())
}

// growing is a part while it is written: its header, which the file has only at the end, and the data so far.
type growing struct {
	j    *Job
	part int
}

func (g *growing) ReadAt(p []byte, off int64) (n int, err error) {
	l := g.j.p.Parts[g.part].Layout
	if off >= l.Size {
		return 0, io.EOF
	}
	if room := l.Size - off; int64(len(p)) > room {
		p, err = p[:room], io.EOF
	}
	if off < l.DataStart {
		n = int(min(l.DataStart-off, int64(len(p))))
		clear(p[:n])
		if off < int64(len(l.Header)) {
			copy(p[:n], l.Header[off:])
		}
	}
	if n < len(p) {
		if err := g.j.set.ReadAt(g.part, p[n:], off+int64(n)); err != nil {
			return n, err
		}
	}
	return len(p), err
}

// Commit reads everything back and gives the files their names.
func (j *Job) Commit(ctx context.Context) (*Report, error) {
	p := j.p
	if err := p.origin.unchanged(); err != nil {
		return nil, err
	}
	headers := make([][]byte, len(p.Parts))
	var data int64
	for i := range p.Parts {
		headers[i] = p.Parts[i].Layout.Header
		data += p.Parts[i].Layout.Size - p.Parts[i].Layout.DataStart
	}
	j.o.Watcher.Sealing(data)
	written, err := j.set.Commit(ctx, headers, j.o.Watcher.Sealed)
	if err != nil {
		return nil, err
	}
	r := p.report()
	r.Reused = j.reused
	j.found.report(p, r, j.unseen)
	if p.calibration != nil {
		r.Notices = append(r.Notices, j.late.gaps.notices(fault.Printable(p.calibration.File), p.correct)...)
	}
	r.Notices = append(r.Notices, j.set.Notices()...)
	for i, w := range written {
		r.Files[i].Path, r.Files[i].SHA256 = w.Path, hex.EncodeToString(w.SHA256[:])
	}
	return r, nil
}

// Close ends the job. What it made and did not commit stays for the next one.
func (j *Job) Close() error { return j.set.Close() }

// Discard ends the job and removes what it made.
func (j *Job) Discard() error { return j.set.Discard() }

// giveUp removes the partial output when the input is at fault, because running again cannot help; what a
// full disk or an interruption left stays for the next run.
func (j *Job) giveUp(err error) error {
	switch fault.KindOf(err) {
	case fault.Malformed, fault.Mismatch, fault.Unsupported, fault.Limit:
		return errors.Join(err, j.set.Discard())
	}
	return err
}
