package chat

import (
	"context"
	"strings"
	"time"
)

// run counts what one render has used. Everything whose cost a template controls goes through it.
type run struct {
	ctx   context.Context
	now   time.Time
	allow int // steps
	steps int
	bytes int
	depth int
}

// checkEvery is how many steps pass between two looks at the context.
const checkEvery = 4096

// tick counts n steps.
func (r *run) tick(line, n int) error {
	before := r.steps
	r.steps += n
	if n < 0 || r.steps > r.allow {
		return limit(line, "more than %d steps: the template loops for too long", r.allow)
	}
	if before == 0 || before/checkEvery != r.steps/checkEvery {
		if err := r.ctx.Err(); err != nil {
			return limit(line, "stopped: %w", err)
		}
	}
	return nil
}

// look counts the reading of n bytes of text.
func (r *run) look(line, n int) error { return r.tick(line, 1+n/256) }

// make counts n bytes of new values, before they are made.
func (r *run) make(line, n int) error {
	if n < 0 || n > maxBytes || r.bytes+n > maxBytes {
		return limit(line, "values of more than %d MiB", maxBytes>>20)
	}
	r.bytes += n
	return r.look(line, n)
}

// grown refuses a text that is being put together and has n bytes, when that is too much.
func (r *run) grown(line, n int) error {
	if n > MaxOutput {
		return limit(line, "more than %d MiB of text", MaxOutput>>20)
	}
	return nil
}

// slot is what an element of a list counts as, in bytes.
const slot = 16

// newList makes a list whose elements are counted.
func (r *run) newList(line int, items []value) (value, error) {
	return &list{items: items}, r.make(line, slot*(len(items)+4))
}

// enter counts one more level of evaluation; the caller leaves by r.depth--.
func (r *run) enter(line int) error {
	if r.depth == maxDepth {
		return limit(line, "more than %d levels deep: macros that call themselves, or values inside each other", maxDepth)
	}
	r.depth++
	return nil
}

// output collects text.
type output struct {
	run  *run
	text strings.Builder
}

func (o *output) write(line int, s string) error {
	if err := o.run.grown(line, o.text.Len()+len(s)); err != nil {
		return err
	}
	if err := o.run.make(line, len(s)); err != nil {
		return err
	}
	o.text.WriteString(s)
	return nil
}

// scope holds the variables of a block; what is not in it is looked up in the ones around it.
type scope struct {
	vars   map[string]value
	around *scope
}

func (s *scope) get(name string) (value, bool) {
	for ; s != nil; s = s.around {
		if v, ok := s.vars[name]; ok {
			return v, true
		}
	}
	return nil, false
}

func (s *scope) set(name string, v value) {
	if s.vars == nil {
		s.vars = map[string]value{}
	}
	s.vars[name] = v
}

// frame is where statements are carried out: their variables and where text goes.
type frame struct {
	*run
	scope *scope
	out   *output
}

// inner is a frame with a scope of its own.
func (f *frame) inner() *frame { return &frame{f.run, &scope{around: f.scope}, f.out} }

// capture is an inner frame that collects its text apart.
func (f *frame) capture() *frame {
	in := f.inner()
	in.out = &output{run: f.run}
	return in
}
