// Package outfile writes an output file, or a set of split files, that exists complete or not at all.
//
// The bytes go to <path>.partial beside the output, at offsets that the plan fixed, under an exclusive
// lock. Each finished unit adds a line with its SHA-256 to a journal, <path of part 0>.partial.journal.
// A run that was killed leaves both; the next run with the same plan hashes the journaled units again
// and keeps those that are equal, so neither file has to be trusted or synced while the work goes on.
//
// Commit reads everything back and compares it with what was meant to be written, then: sync, header,
// sync, rename, sync of the directory, removal of the journal. Until the rename the output's name holds
// what it held before, and until the header a partial never looks like a GGUF file.
//
// Errors about the world are *fault.Error (Usage, Busy, IO). An error without a kind is a mistake of
// the caller: a layout that does not fit, a unit of the wrong length, a commit with units missing.
package outfile

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// Unit is a range of a part that is written at once. Off counts from the start of the part.
type Unit struct{ Off, Len int64 }

// Part is one file of the output. [0, Units[0].Off) is the header area (the whole file where there is
// no unit); units are in ascending order and do not overlap; bytes between them stay zero.
type Part struct {
	Path  string
	Size  int64
	Units []Unit
}

// Options say what an output belongs to and what may happen to files that are already there.
type Options struct {
	Digest   string        // identity of the plan: inputs, options, version. One line; never empty
	Inputs   []os.FileInfo // no output may be one of these files, under any name
	Force    bool          // replace outputs that exist
	NoLock   bool          // for file systems without locks, when no other run writes here
	NoResume bool          // start anew: a partial and its journal are emptied

	Context  context.Context   // stops Begin while it hashes what an earlier run left; nil never stops it
	OnResume func(total int64) // told before that hashing how many bytes it will read; may be nil
	OnRehash func(bytes int64) // progress of that hashing, one call at a time; may be nil
}

// Buffers is the most memory, in bytes, that Begin and Commit take for data. Write takes none.
const Buffers = maxReaders * chunkLen

const (
	chunkLen   = 1 << 20 // bytes read at once
	maxReaders = 8       // buffers in use at the same time
)

// Written is one finished file.
type Written struct {
	Path   string
	SHA256 [sha256.Size]byte // of the whole file
	Size   int64
}

// Set is the output while it is written. Write and Reused are safe for concurrent use; Commit, Close
// and Discard are called by one goroutine after the last Write returned.
type Set struct {
	disk    disk
	opts    Options
	parts   []part
	notices []string

	mu      sync.Mutex // journal, units of all parts, dead
	journal journal
	dead    error // a sync failed: nothing of this set can be trusted any more
	closed  bool
}

// part is the state of one file.
type part struct {
	Part
	file      file // the locked partial
	created   bool // Begin made the partial
	final     file // the finished file, when an earlier run already published this part
	units     []mark
	seal      mark // of the header area
	published bool
}

// mark is what is known of one unit: the hash that its bytes are meant to have.
type mark struct {
	state state
	sum   [sha256.Size]byte
}

type state uint8

const (
	absent   state = iota
	recorded       // an earlier run says so
	reused         // recorded, and the file's bytes have that hash
	written        // written by this run
)

// errClosed is the answer of a Set that was closed, discarded or committed.
var errClosed = errors.New("outfile: the set is closed")

func (p *Part) partial() string { return p.Path + ".partial" }

func (p *Part) name() string { return filepath.Base(p.Path) }

// area is the length of the header area.
func (p *Part) area() int64 {
	if len(p.Units) == 0 {
		return p.Size
	}
	return p.Units[0].Off
}

// journalPath is the journal of a set; fresh is the name under which a new one is prepared.
func journalPath(parts []Part) string { return parts[0].Path + ".partial.journal" }

func freshPath(parts []Part) string { return parts[0].Path + ".partial.new" }

// Reused says that a unit needs no Write: an earlier run wrote it and its bytes have the recorded hash.
func (s *Set) Reused(part, unit int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.parts[part].units[unit].state == reused
}

// Notices tells what Begin found worth telling: an earlier partial that is of no use, or parts that
// an earlier run had finished.
func (s *Set) Notices() []string { return slices.Clone(s.notices) }

func (s *Set) notice(format string, args ...any) {
	s.notices = append(s.notices, fmt.Sprintf(format, args...))
}

// layouts returns the plans of all parts.
func (s *Set) layouts() []Part {
	ps := make([]Part, len(s.parts))
	for k := range s.parts {
		ps[k] = s.parts[k].Part
	}
	return ps
}

// Close ends the work and keeps partials and journal, so that a later run can go on. It does nothing
// after Commit, Discard or Close.
func (s *Set) Close() error { return s.end(false) }

// Discard ends the work and removes partials and journal. Parts already published stay.
func (s *Set) Discard() error { return s.end(true) }

func (s *Set) end(discard bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	var errs []error
	if s.journal.file != nil {
		if discard {
			errs = append(errs, removeOwn(s.disk, journalPath(s.layouts()), s.journal.file))
		}
		errs = append(errs, s.journal.file.Close())
	}
	for k := range s.parts {
		p := &s.parts[k]
		if p.file != nil {
			// The partial of an adopted part is empty and only carries the lock.
			if discard || p.final != nil {
				errs = append(errs, removeOwn(s.disk, p.partial(), p.file))
			}
			errs = append(errs, p.file.Close())
		}
		if p.final != nil {
			errs = append(errs, p.final.Close())
		}
	}
	return ioFault(s.parts[0].name(), errors.Join(errs...), "close")
}
