package outfile

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strconv"
)

// A journal is text. Its first line names the version and the plan; each later line says which hash a
// unit's bytes have: `part unit sha256`, counted from 0. In place of a unit, "header" stands for a
// header area that was written and synced, the last step before a part is published. Of two lines for
// one unit the later counts. A line that is not whole is ignored: what it said is done again.
const (
	journalVersion = "qconv-journal 1 "
	headerWord     = "header"
	maxLine        = 128 // no line is as long
)

// journal is the one that this run appends to.
type journal struct {
	file file
	end  int64
}

// append adds one line with one write. A failed write leaves end where it was, so that the next line
// covers what was stored of this one.
func (j *journal) append(line []byte) error {
	if err := writeFull(j.file, line, j.end); err != nil {
		return err
	}
	j.end += int64(len(line))
	return nil
}

// record is what an earlier run's journal says.
type record struct {
	found bool // there is a journal
	match bool // it is of this plan; otherwise nothing is taken from it
	units [][]mark
	seals []mark
}

func newRecord(parts []Part) *record {
	r := &record{units: make([][]mark, len(parts)), seals: make([]mark, len(parts))}
	for k := range parts {
		r.units[k] = make([]mark, len(parts[k].Units))
	}
	return r
}

// complete says that part k was ready to be published.
func (r *record) complete(k int) bool {
	if !r.match || r.seals[k].state == absent {
		return false
	}
	for i := range r.units[k] {
		if r.units[k][i].state == absent {
			return false
		}
	}
	return true
}

// planLine is the first line of a journal of these parts. The layout is in it, so that offsets of one
// plan are never read as those of another, whatever the caller's digest covers.
func planLine(digest string, parts []Part) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %d\n", digest, len(parts))
	var line []byte
	for k := range parts {
		fmt.Fprintf(h, "%d %d\n", parts[k].Size, len(parts[k].Units))
		for _, u := range parts[k].Units {
			line = strconv.AppendInt(line[:0], u.Off, 10)
			line = append(line, ' ')
			line = strconv.AppendInt(line, u.Len, 10)
			h.Write(append(line, '\n'))
		}
	}
	return journalVersion + hex.EncodeToString(h.Sum(nil))
}

// appendLine adds the line of a unit, or of the header area where unit is -1.
func appendLine(b []byte, part, unit int, sum [sha256.Size]byte) []byte {
	b = strconv.AppendInt(b, int64(part), 10)
	b = append(b, ' ')
	if unit < 0 {
		b = append(b, headerWord...)
	} else {
		b = strconv.AppendInt(b, int64(unit), 10)
	}
	b = append(b, ' ')
	b = hex.AppendEncode(b, sum[:])
	return append(b, '\n')
}

// parseLine reads what appendLine wrote, the line end included.
func parseLine(line []byte) (part, unit int, sum [sha256.Size]byte, ok bool) {
	line, ok = bytes.CutSuffix(line, []byte("\n"))
	if !ok {
		return 0, 0, sum, false
	}
	a, rest, _ := bytes.Cut(line, []byte(" "))
	b, c, _ := bytes.Cut(rest, []byte(" "))
	n, err := strconv.ParseUint(string(a), 10, 31)
	if err != nil {
		return 0, 0, sum, false
	}
	u := int64(-1)
	if string(b) != headerWord {
		v, err := strconv.ParseUint(string(b), 10, 31)
		if err != nil {
			return 0, 0, sum, false
		}
		u = int64(v)
	}
	if len(c) != hex.EncodedLen(len(sum)) {
		return 0, 0, sum, false
	}
	if _, err := hex.Decode(sum[:], c); err != nil {
		return 0, 0, sum, false
	}
	return int(n), int(u), sum, true
}

// parseJournal takes from r what fits this plan. Memory is bounded by the plan, not by the journal.
func parseJournal(r io.Reader, digest string, parts []Part) *record {
	rec := newRecord(parts)
	rec.found = true
	in := bufio.NewReaderSize(r, len(zeros))
	first, err := in.ReadSlice('\n')
	if err != nil || string(first) != planLine(digest, parts)+"\n" {
		return rec
	}
	rec.match = true
	for {
		line, err := in.ReadSlice('\n')
		for errors.Is(err, bufio.ErrBufferFull) { // skip the rest of a line that is too long
			line = nil
			_, err = in.ReadSlice('\n')
		}
		if part, unit, sum, ok := parseLine(line); ok && part < len(parts) && unit < len(parts[part].Units) {
			m := mark{recorded, sum}
			if unit < 0 {
				rec.seals[part] = m
			} else {
				rec.units[part][unit] = m
			}
		}
		if err != nil {
			return rec
		}
	}
}

// readJournal reads the journal of these parts. A journal far longer than any run could have written
// is read up to that length. A missing one is an empty record.
func readJournal(d disk, parts []Part, digest string) (*record, error) {
	path := journalPath(parts)
	fi, err := d.stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return newRecord(parts), nil
	}
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() {
		return nil, errors.New("the journal is not a regular file")
	}
	f, err := d.open(path, openRead)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := int64(len(parts)) + 1
	for k := range parts {
		lines += int64(len(parts[k].Units))
	}
	limit := min(lines, math.MaxInt64/(4*maxLine)) * 4 * maxLine
	return parseJournal(io.NewSectionReader(f, 0, limit), digest, parts), nil
}

// writeJournal replaces the journal by one with what is known now. The old one stays until the new one
// is whole. It is synced when it holds something worth keeping, so that a power failure cannot leave
// the name with an empty file.
func (s *Set) writeJournal() error {
	parts := s.layouts()
	fresh := freshPath(parts)
	if err := s.disk.remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := s.disk.open(fresh, openNew)
	if err != nil {
		return err
	}
	j := journal{file: f}
	if err := s.fillJournal(&j, parts); err != nil {
		return errors.Join(err, f.Close(), s.disk.remove(fresh))
	}
	s.journal = j
	return nil
}

func (s *Set) fillJournal(j *journal, parts []Part) error {
	buf := append([]byte(planLine(s.opts.Digest, parts)), '\n')
	first := len(buf)
	for k := range s.parts {
		p := &s.parts[k]
		for u := range p.units {
			if p.units[u].state == absent {
				continue
			}
			buf = appendLine(buf, k, u, p.units[u].sum)
			if len(buf) >= len(zeros) {
				if err := j.append(buf); err != nil {
					return err
				}
				buf = buf[:0]
			}
		}
		if p.final != nil {
			buf = appendLine(buf, k, -1, p.seal.sum)
		}
	}
	if err := j.append(buf); err != nil {
		return err
	}
	if j.end > int64(first) {
		if err := j.file.Sync(); err != nil {
			return err
		}
	}
	return s.disk.rename(freshPath(parts), journalPath(parts), true)
}
