package outfile

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/qconv/qconv/formats/fault"
)

// longest is the length of a file name that every supported file system takes.
const longest = 255

// Check refuses what can be refused before the work, and creates nothing: outputs that are a
// directory, a device, a FIFO or a dangling link, or whose name leaves no room for the journal's
// (Usage); outputs that are an input, or exist without Force (Busy); directories that are absent, not
// writable or too small (IO). Begin checks the same again.
func Check(parts []Part, o Options) error {
	if err := wellFormed(parts, o); err != nil {
		return err
	}
	for k := range parts {
		if err := checkNames(&parts[k], o); err != nil {
			return err
		}
	}
	if err := distinct(parts); err != nil {
		return err
	}
	rec, err := recall(osDisk{}, parts, o)
	if err != nil {
		return err
	}
	need := make([]int64, len(parts))
	for k := range parts {
		if need[k], err = checkTarget(&parts[k], k, rec, o); err != nil {
			return err
		}
	}
	return checkSpace(parts, need)
}

// wellFormed finds mistakes of the caller.
func wellFormed(parts []Part, o Options) error {
	if len(parts) == 0 {
		return errors.New("outfile: no parts")
	}
	if o.Digest == "" || strings.ContainsAny(o.Digest, "\r\n") {
		return fmt.Errorf("outfile: plan digest %q is not one line", o.Digest)
	}
	for k := range parts {
		p := &parts[k]
		if p.Size < 0 {
			return fmt.Errorf("outfile: part %d has %d bytes", k, p.Size)
		}
		end := int64(0)
		for i, u := range p.Units {
			if u.Len < 0 || u.Off < end || u.Off > p.Size || u.Len > p.Size-u.Off {
				return fmt.Errorf("outfile: part %d unit %d [%d,+%d) does not fit between %d and %d", k, i, u.Off, u.Len, end, p.Size)
			}
			end = u.Off + u.Len
		}
	}
	return nil
}

// checkNames looks at the names that a part will use, and at what has them now.
func checkNames(p *Part, o Options) error {
	name := p.name()
	if p.Path == "" {
		return fault.New(fault.Usage, "", "the output has no name")
	}
	if os.IsPathSeparator(p.Path[len(p.Path)-1]) || name == "." || name == ".." {
		return fault.New(fault.Usage, "", "output %q names a directory: give a file name", p.Path)
	}
	if n := len(name) + len(".partial.journal"); n > longest {
		return fault.New(fault.Usage, name, "the name leaves no room for %q: %d bytes, at most %d", ".partial.journal", n, longest)
	}
	switch st, err := os.Stat(filepath.Dir(p.Path)); {
	case err == nil && !st.IsDir():
		return fault.New(fault.IO, name, "%s is %s, not a directory", fault.Printable(filepath.Dir(p.Path)), kindOf(st.Mode()))
	case err != nil:
		if errors.Is(err, fs.ErrNotExist) {
			return fault.New(fault.IO, name, "directory %s does not exist: make it first", fault.Printable(filepath.Dir(p.Path)))
		}
		return fault.New(fault.IO, name, "directory %s: %w", fault.Printable(filepath.Dir(p.Path)), fault.Cause(err))
	}
	fi, err := os.Stat(p.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Lstat(p.Path); err == nil {
			return fault.New(fault.Usage, name, "the output is a dangling symbolic link")
		}
	case err != nil && linkLoop(err):
		return fault.New(fault.Usage, name, "the output is a symbolic link that leads nowhere")
	case err != nil:
		return ioFault(name, err, "look at the output")
	case !fi.Mode().IsRegular():
		return fault.New(fault.Usage, name, "the output is %s, not a file", kindOf(fi.Mode()))
	case isInput(fi, o):
		return fault.New(fault.Busy, name, "the output is an input: give another name")
	}
	for _, own := range []string{p.partial(), journalPath([]Part{*p}), freshPath([]Part{*p})} {
		fi, err := os.Lstat(own)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return ioFault(filepath.Base(own), err, "look at an earlier partial")
		case !fi.Mode().IsRegular():
			return fault.New(fault.Usage, filepath.Base(own), "%s is where work in progress would go: remove it", kindOf(fi.Mode()))
		case isInput(fi, o):
			return fault.New(fault.Busy, filepath.Base(own), "work in progress would go to an input: give another output name")
		}
	}
	return nil
}

func kindOf(m os.FileMode) string {
	switch {
	case m.IsDir():
		return "a directory"
	case m&os.ModeSymlink != 0:
		return "a symbolic link"
	case m&os.ModeNamedPipe != 0:
		return "a FIFO"
	case m&os.ModeSocket != 0:
		return "a socket"
	case m&os.ModeDevice != 0:
		return "a device"
	case m.IsRegular():
		return "a file"
	}
	return "a special file"
}

func isInput(fi os.FileInfo, o Options) bool {
	for _, in := range o.Inputs {
		if in != nil && os.SameFile(fi, in) {
			return true
		}
	}
	return false
}

// distinct refuses parts that would write to the same name.
func distinct(parts []Part) error {
	taken := map[string]bool{}
	for k := range parts {
		for i, path := range []string{parts[k].Path, parts[k].partial(), journalPath(parts), freshPath(parts)} {
			if k > 0 && i > 1 {
				break
			}
			abs, err := filepath.Abs(path)
			if err != nil {
				return ioFault(parts[k].name(), err, "find the working directory")
			}
			if taken[abs] {
				return fault.New(fault.Usage, filepath.Base(path), "the name is used twice in one output")
			}
			taken[abs] = true
		}
	}
	return nil
}

// recall reads what an earlier run left, unless the caller wants nothing of it.
func recall(d disk, parts []Part, o Options) (*record, error) {
	if o.NoResume {
		return newRecord(parts), nil
	}
	rec, err := readJournal(d, parts, o.Digest)
	return rec, ioFault(filepath.Base(journalPath(parts)), err, "read the journal of an earlier run")
}

// adoptable says that a finished file may be this part, published by a run that ended before it had
// published all. partial is nil where there is none.
func adoptable(d disk, p *Part, k int, rec *record, final, partial os.FileInfo) bool {
	if !rec.complete(k) || !final.Mode().IsRegular() || final.Size() != p.Size {
		return false
	}
	return partial == nil || partial.Size() == 0 || d.same(partial, final)
}

func exists(p *Part) error {
	return fault.New(fault.Busy, p.name(), "the output exists: use --force to replace it")
}

// checkTarget returns the bytes that part k will still take.
func checkTarget(p *Part, k int, rec *record, o Options) (int64, error) {
	partial, err := os.Lstat(p.partial())
	if err != nil {
		partial = nil
	}
	if final, err := os.Lstat(p.Path); err == nil {
		if adoptable(osDisk{}, p, k, rec, final, partial) {
			return 0, nil
		}
		if !o.Force {
			return 0, exists(p)
		}
	}
	if partial == nil {
		return p.Size, nil
	}
	return max(0, p.Size-allocated(partial)), nil
}

// checkSpace adds up what each file system has to hold.
func checkSpace(parts []Part, need []int64) error {
	type demand struct {
		first      *Part
		need, free int64
	}
	var order []string
	demands := map[string]*demand{}
	for k := range parts {
		dir := filepath.Dir(parts[k].Path)
		if err := writable(dir); err != nil {
			return fault.New(fault.IO, parts[k].name(), "directory %s is not writable: %w", fault.Printable(dir), err)
		}
		id, free, ok := volume(dir)
		if !ok {
			continue
		}
		d := demands[id]
		if d == nil {
			d = &demand{first: &parts[k], free: free}
			demands[id] = d
			order = append(order, id)
		}
		if d.need > math.MaxInt64-need[k] {
			d.need = math.MaxInt64
		} else {
			d.need += need[k]
		}
	}
	for _, id := range order {
		if d := demands[id]; d.need > d.free {
			return fault.New(fault.IO, d.first.name(), "directory %s needs %d bytes, %d free",
				fault.Printable(filepath.Dir(d.first.Path)), d.need, d.free)
		}
	}
	return nil
}
