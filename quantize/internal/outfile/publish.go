package outfile

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/qconv/qconv/formats/fault"
)

// publish gives the sealed parts their names, the first part last. Between the names of a set the
// directory is synced, so that not even a power failure shows a first part without the others; the
// journal is synced before, because it tells the next run that the named parts are its own.
func (s *Set) publish() error {
	for k := range s.parts {
		p := &s.parts[k]
		if p.published {
			continue
		}
		if err := s.stillOurs(p); err != nil {
			return err
		}
		if s.opts.Force {
			continue
		}
		if _, err := s.disk.stat(p.Path); err == nil {
			return appeared(p)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return ioFault(p.name(), err, "look at the output")
		}
	}
	if err := s.journal.file.Sync(); err != nil {
		return s.condemn(ioFault(filepath.Base(journalPath(s.layouts())), err, "sync the journal"))
	}
	if len(s.parts) > 1 {
		if err := s.syncDirs(s.parts); err != nil {
			return err
		}
		for k := 1; k < len(s.parts); k++ {
			if err := s.rename(k); err != nil {
				return err
			}
		}
		if err := s.syncDirs(s.parts[1:]); err != nil {
			return err
		}
	}
	if err := s.rename(0); err != nil {
		return err
	}
	return s.syncDirs(s.parts[:1])
}

func (s *Set) rename(k int) error {
	p := &s.parts[k]
	if p.published {
		return nil
	}
	err := s.disk.rename(p.partial(), p.Path, s.opts.Force)
	switch {
	case err == nil:
		p.published = true
		return nil
	case errors.Is(err, fs.ErrExist) && !s.opts.Force:
		return appeared(p)
	}
	return ioFault(p.name(), err, "rename the partial")
}

func appeared(p *part) error {
	return fault.New(fault.Busy, p.name(), "the output appeared while it was made and is not overwritten: run again with --force, finished work is kept")
}

// syncDirs syncs each directory of these parts once.
func (s *Set) syncDirs(parts []part) error {
	last := ""
	for k := range parts {
		dir := filepath.Dir(parts[k].Path)
		if dir == last {
			continue
		}
		last = dir
		if err := s.disk.syncDir(dir); err != nil {
			return ioFault(parts[k].name(), err, "sync the directory")
		}
	}
	return nil
}

// finish removes what is of no use once the output has its name, and closes the Set. The output is
// already there: what cannot be removed is not worth an error, the next run does it.
func (s *Set) finish() error {
	s.mu.Lock()
	for k := range s.parts {
		if p := &s.parts[k]; p.final != nil {
			removeOwn(s.disk, p.partial(), p.file)
		}
	}
	removeOwn(s.disk, journalPath(s.layouts()), s.journal.file)
	s.mu.Unlock()
	return s.Close()
}
