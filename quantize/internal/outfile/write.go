package outfile

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
)

// Write stores one unit and notes its hash in the journal. p is the whole unit and is not kept. Units
// may be written in any order and from many goroutines, each unit by one at a time. A unit that an
// earlier run left may be written again; in a part that is already published only the same bytes may.
func (s *Set) Write(part, unit int, p []byte) error {
	if part < 0 || part >= len(s.parts) || unit < 0 || unit >= len(s.parts[part].Units) {
		return fmt.Errorf("outfile: there is no unit %d in part %d", unit, part)
	}
	dst := &s.parts[part]
	at := dst.Units[unit]
	if int64(len(p)) != at.Len {
		return fmt.Errorf("outfile: part %d unit %d has %d bytes, got %d", part, unit, at.Len, len(p))
	}
	sum := sha256.Sum256(p)
	if done, err := s.claim(dst, unit, sum); done || err != nil {
		return err
	}
	if err := writeFull(dst.file, p, at.Off); err != nil {
		return ioFaultAt(filepath.Base(dst.partial()), err, "write", at.Off)
	}
	line := appendLine(make([]byte, 0, maxLine), part, unit, sum)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead != nil {
		return s.dead
	}
	if err := s.journal.append(line); err != nil {
		return ioFault(filepath.Base(journalPath(s.layouts())), err, "write the journal")
	}
	dst.units[unit] = mark{written, sum}
	return nil
}

// claim marks a unit as not there while it is written. done: there is nothing to write.
func (s *Set) claim(dst *part, unit int, sum [sha256.Size]byte) (done bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return false, errClosed
	case s.dead != nil:
		return false, s.dead
	case dst.published && dst.units[unit].sum == sum:
		return true, nil
	case dst.published:
		return false, errors.New("outfile: the part is already published with other bytes")
	}
	dst.units[unit] = mark{}
	return false, nil
}

// ReadAt reads what was written to a part. It may be called while other units are written.
func (s *Set) ReadAt(part int, p []byte, off int64) error {
	f := s.parts[part].file
	if s.parts[part].final != nil {
		f = s.parts[part].final
	}
	if n, err := f.ReadAt(p, off); n < len(p) {
		return ioFaultAt(filepath.Base(s.parts[part].partial()), err, "read", off)
	}
	return nil
}
