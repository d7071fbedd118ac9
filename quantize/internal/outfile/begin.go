package outfile

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/qconv/qconv/formats/fault"
)

// Begin takes the output: it locks the partials, finds out what of an earlier run can be kept, and
// reserves the space. Where it refuses, it leaves what it found. When o.Context ends while it hashes,
// it returns the context's cause and earlier work stays as it was.
func Begin(parts []Part, o Options) (*Set, error) {
	if err := Check(parts, o); err != nil {
		return nil, err
	}
	return begin(osDisk{}, parts, o)
}

// course is what is done about what an earlier run left of one part.
type course uint8

const (
	anew   course = iota
	resume        // the partial is of this plan
	adopt         // a finished file may be this part
)

func begin(d disk, parts []Part, o Options) (_ *Set, err error) {
	if o.Context == nil {
		o.Context = context.Background()
	}
	s := &Set{disk: d, opts: o, parts: make([]part, len(parts))}
	defer func() {
		if err != nil {
			s.abandon()
		}
	}()
	for k := range parts {
		s.parts[k].Part = parts[k]
		if err := s.acquire(k); err != nil {
			return nil, err
		}
	}
	// Only now does nobody else write the journal.
	rec, err := recall(d, parts, o)
	if err != nil {
		return nil, err
	}
	courses := make([]course, len(parts))
	for k := range parts {
		if courses[k], err = s.decide(k, rec); err != nil {
			return nil, err
		}
	}
	if err := s.rehash(courses); err != nil {
		return nil, err
	}
	for k := range parts {
		if courses[k] == adopt {
			if err := s.adopt(k, rec); err != nil {
				return nil, err
			}
		}
	}
	for k := range parts {
		if err := s.prepare(k, courses[k], rec); err != nil {
			return nil, err
		}
	}
	if err := s.writeJournal(); err != nil {
		return nil, ioFault(filepath.Base(journalPath(parts)), err, "write the journal")
	}
	return s, nil
}

// acquire opens the partial of part k, makes it where it is absent, and locks it. Between the opening
// and the lock another run may have published the file: then the name belongs to another file or to
// none, and we start over rather than write into a finished output.
func (s *Set) acquire(k int) error {
	p := &s.parts[k]
	name := filepath.Base(p.partial())
	for range 3 {
		f, created, err := s.openPartial(k)
		if err != nil {
			return err
		}
		if !s.opts.NoLock {
			if err := s.disk.lock(f); err != nil {
				if created && !errors.Is(err, errHeld) {
					err = errors.Join(err, removeOwn(s.disk, p.partial(), f))
				}
				f.Close()
				switch {
				case errors.Is(err, errHeld):
					return fault.New(fault.Busy, p.name(), "another run writes this output: wait for it, or give another name")
				case errors.Is(err, errNoLocks):
					return fault.New(fault.IO, name, "the file system has no locks: use --no-lock when no other run writes this output: %w", err)
				}
				return ioFault(name, err, "lock")
			}
		}
		own, err := f.Stat()
		if err != nil {
			f.Close()
			return ioFault(name, err, "look at the partial")
		}
		if !own.Mode().IsRegular() {
			f.Close()
			return fault.New(fault.Usage, name, "%s is where work in progress would go: remove it", kindOf(own.Mode()))
		}
		named, err := s.disk.stat(p.partial())
		if err == nil && s.disk.same(own, named) {
			p.file, p.created = f, created
			return nil
		}
		f.Close()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return ioFault(name, err, "look at the partial")
		}
	}
	return fault.New(fault.Busy, p.name(), "other runs keep finishing this output: wait for them")
}

// openPartial opens the partial and says whether it made it.
func (s *Set) openPartial(k int) (f file, created bool, err error) {
	path := s.parts[k].partial()
	name := filepath.Base(path)
	for range 8 { // the name may come and go between the two attempts
		f, err = s.disk.open(path, openNew)
		if err == nil || !errors.Is(err, fs.ErrExist) {
			return f, true, ioFault(name, err, "create")
		}
		f, err = s.disk.open(path, openExisting)
		if err == nil {
			return f, false, nil
		}
		if linkLoop(err) {
			return nil, false, fault.New(fault.Usage, name, "a symbolic link is where work in progress would go: remove it")
		}
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return nil, false, ioFault(name, err, "open")
}

// decide looks at part k under its lock.
func (s *Set) decide(k int, rec *record) (course, error) {
	p := &s.parts[k]
	partial, err := p.file.Stat()
	if err != nil {
		return anew, ioFault(p.name(), err, "look at the partial")
	}
	final, err := s.disk.stat(p.Path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return anew, ioFault(p.name(), err, "look at the output")
	}
	if err == nil {
		if s.disk.same(partial, final) {
			// Killed between link and unlink: the file is published and must not be written.
			if partial, err = s.disown(k); err != nil {
				return anew, err
			}
		}
		if adoptable(s.disk, &p.Part, k, rec, final, partial) {
			p.units = rec.units[k]
			if p.final, err = s.disk.open(p.Path, openRead); err != nil {
				return anew, ioFault(p.name(), err, "open")
			}
			return adopt, nil
		}
		if !s.opts.Force {
			return anew, exists(&p.Part)
		}
	}
	if partial.Size() > 0 && rec.match {
		p.units = rec.units[k]
		return resume, nil
	}
	p.units = make([]mark, len(p.Units))
	return anew, nil
}

// disown drops the partial's name from a file that is already published, and makes a new partial.
func (s *Set) disown(k int) (fs.FileInfo, error) {
	p := &s.parts[k]
	err := removeOwn(s.disk, p.partial(), p.file)
	err = errors.Join(err, p.file.Close())
	p.file = nil
	if err != nil {
		return nil, ioFault(p.name(), err, "finish what an earlier run began")
	}
	if err := s.acquire(k); err != nil {
		return nil, err
	}
	fi, err := p.file.Stat()
	return fi, ioFault(p.name(), err, "look at the partial")
}

// adopt takes a finished file as part k when all its units were equal, and so is the rest of it.
// Otherwise it is an output like any other that was there before.
func (s *Set) adopt(k int, rec *record) error {
	p := &s.parts[k]
	ok := true
	for u := range p.units {
		ok = ok && p.units[u].state == reused
	}
	if ok {
		sum, err := hashRange(p.final, 0, p.area())
		ok = err == nil && sum == rec.seals[k].sum
	}
	if ok {
		bad, err := p.firstStain(p.final)
		ok = err == nil && bad < 0
	}
	if ok {
		p.seal, p.published = rec.seals[k], true
		s.notice("%s: finished by an earlier run", p.name())
		return nil
	}
	err := p.final.Close()
	p.final = nil
	clear(p.units)
	if !s.opts.Force {
		return exists(&p.Part)
	}
	return ioFault(p.name(), err, "close")
}

// prepare makes the partial of part k ready: full length, header area and gaps zero.
func (s *Set) prepare(k int, c course, rec *record) error {
	p := &s.parts[k]
	if p.final != nil {
		return nil // its partial stays empty and carries the lock
	}
	name := filepath.Base(p.partial())
	fi, err := p.file.Stat()
	if err != nil {
		return ioFault(name, err, "look at the partial")
	}
	size := fi.Size()
	if c != resume && size > 0 {
		switch {
		case s.opts.NoResume:
		case rec.found && !rec.match:
			s.notice("%s: work of another plan, version or options is not used", name)
		default:
			s.notice("%s: nothing tells which of its bytes are whole, none are used", name)
		}
		size = 0
	}
	if size = min(size, p.Size); size != fi.Size() {
		if err := p.file.Truncate(size); err != nil {
			return ioFault(name, err, "empty the partial")
		}
	}
	need := p.Size
	if size > 0 {
		need = max(0, p.Size-allocated(fi))
	}
	_, free, known := volume(filepath.Dir(p.Path))
	if err := s.disk.reserve(p.file, p.Size); err != nil {
		if noSpace(err) && known {
			return fault.New(fault.IO, p.name(), "reserve space: needs %d bytes, %d free: %w", need, free, fault.Cause(err))
		}
		return ioFault(p.name(), err, "reserve space")
	}
	if c != resume {
		return nil
	}
	if err := writeZeros(p.file, 0, p.area()); err != nil {
		return ioFault(name, err, "clear the header")
	}
	return ioFault(name, p.scrub(), "clear the gaps")
}

// abandon undoes a Begin that failed: partials that it made go, what it found stays.
func (s *Set) abandon() {
	for k := range s.parts {
		p := &s.parts[k]
		if p.file != nil {
			if p.created {
				removeOwn(s.disk, p.partial(), p.file)
			}
			p.file.Close()
		}
		if p.final != nil {
			p.final.Close()
		}
	}
}
