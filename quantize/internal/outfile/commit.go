package outfile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/qconv/qconv/formats/fault"
)

// Commit proves the output and publishes it. headers[k] begins part k; it fits its header area, the rest
// of which stays zero. onRead, which may be nil, is told how many bytes were read back, one call at a
// time. Every unit must have been written or reused.
//
// The parts are published in order, the first one last: it holds the metadata, so a set whose first part
// has its name is whole. An output that appeared meanwhile is not overwritten without Force (Busy).
//
// After success the Set is closed. After an error it is not, and a later run can go on from what is
// there; when a sync failed, from nothing: what the disk holds is unknown then.
func (s *Set) Commit(ctx context.Context, headers [][]byte, onRead func(n int64)) ([]Written, error) {
	if err := s.ready(headers); err != nil {
		return nil, err
	}
	sums, err := s.readBack(ctx, headers, onRead)
	if err != nil {
		return nil, err
	}
	for k := range s.parts {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		if err := s.sealPart(k, headers[k]); err != nil {
			return nil, err
		}
	}
	if err := s.publish(); err != nil {
		return nil, err
	}
	done := make([]Written, len(s.parts))
	for k := range s.parts {
		done[k] = Written{s.parts[k].Path, sums[k], s.parts[k].Size}
	}
	return done, s.finish()
}

// ready says why there is nothing to commit yet.
func (s *Set) ready(headers [][]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return errClosed
	case s.dead != nil:
		return s.dead
	case len(headers) != len(s.parts):
		return fmt.Errorf("outfile: %d headers for %d parts", len(headers), len(s.parts))
	}
	for k := range s.parts {
		p := &s.parts[k]
		if n := int64(len(headers[k])); n > p.area() {
			return fmt.Errorf("outfile: the header of part %d has %d bytes, there is room for %d", k, n, p.area())
		}
		for u := range p.units {
			if p.units[u].state == absent {
				return fmt.Errorf("outfile: part %d unit %d was not written", k, u)
			}
		}
		if p.final != nil {
			continue
		}
		if err := s.stillOurs(p); err != nil {
			return err
		}
	}
	return nil
}

// stillOurs finds out that a partial was removed, replaced or cut while we worked on it.
func (s *Set) stillOurs(p *part) error {
	name := filepath.Base(p.partial())
	own, err := p.file.Stat()
	if err != nil {
		return ioFault(name, err, "look at the partial")
	}
	named, err := s.disk.stat(p.partial())
	if errors.Is(err, fs.ErrNotExist) || err == nil && !s.disk.same(own, named) {
		return fault.New(fault.IO, name, "the file was removed or replaced while it was written: run again")
	}
	if err != nil {
		return ioFault(name, err, "look at the partial")
	}
	if own.Size() != p.Size {
		return fault.New(fault.IO, name, "the file has %d bytes, %d were planned: something else writes to it", own.Size(), p.Size)
	}
	return nil
}

// sealPart makes part k durable: its data, then its header. Of a part that an earlier run published,
// only the header is compared.
func (s *Set) sealPart(k int, header []byte) error {
	p := &s.parts[k]
	h := sha256.New()
	hashHeader(h, header, p.area())
	seal := mark{state: written}
	h.Sum(seal.sum[:0])
	if p.final != nil {
		if seal.sum == p.seal.sum {
			return nil
		}
		return s.condemn(fault.New(fault.IO, p.name(), "an earlier run finished this file with another header: run again with --force"))
	}
	name := filepath.Base(p.partial())
	if err := p.file.Sync(); err != nil {
		return s.condemn(ioFault(name, err, "sync the data"))
	}
	if err := writeFull(p.file, header, 0); err != nil {
		return ioFaultAt(name, err, "write the header", 0)
	}
	if err := compareHeader(p.file, header, p.area()); err != nil {
		return ioFaultAt(p.name(), err, "read back the header", 0)
	}
	if err := p.file.Sync(); err != nil {
		return s.condemn(ioFault(name, err, "sync the header"))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p.seal = seal
	err := s.journal.append(appendLine(nil, k, -1, seal.sum))
	return ioFault(filepath.Base(journalPath(s.layouts())), err, "write the journal")
}

// compareHeader reads a header area back.
func compareHeader(f file, header []byte, area int64) error {
	buf := make([]byte, min(area, chunkLen))
	for off := int64(0); off < area; {
		b := buf[:min(area-off, chunkLen)]
		if err := readFull(f, b, off); err != nil {
			return err
		}
		off += int64(len(b))
		n := min(len(header), len(b))
		if !bytes.Equal(b[:n], header[:n]) || nonZero(b[n:]) >= 0 {
			return errors.New("the bytes on the disk are not those that were written: check memory and disk, then run again")
		}
		header = header[n:]
	}
	return nil
}

// condemn makes sure that nothing of this set is reused. A failed sync is reported only once: the system
// may have dropped the pages and call the next sync a success, and hashes of cached pages prove nothing.
func (s *Set) condemn(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead = err
	if s.journal.file != nil {
		s.journal.file.Truncate(0) // whichever of the two works is enough
		removeOwn(s.disk, journalPath(s.layouts()), s.journal.file)
	}
	return err
}
