package verify

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/qconv/qconv/formats/fault"
)

// Manifest is the digests that files had once, as `qconv hash` and llama.cpp's gguf-hash print them. Names in it are printable.
type Manifest struct {
	Name    string // of the file that holds it
	Digests []Digest
	Skipped int // lines with other kinds of digests (xxh64, sha1), which are not compared
}

// ReadManifest reads a manifest. Faults are Malformed and IO.
func ReadManifest(r io.Reader, name string) (*Manifest, error) {
	m := &Manifest{Name: name}
	in := bufio.NewScanner(r)
	for no := 1; in.Scan(); no++ {
		w := strings.SplitN(strings.TrimSpace(in.Text()), " ", 2)
		if w[0] == "" {
			continue
		}
		var rest []string
		if len(w) == 2 {
			rest = strings.SplitN(strings.TrimLeft(w[1], " "), "  ", 2)
		}
		if len(rest) != 2 {
			return nil, fault.New(fault.Malformed, name, "line %d is %.40q, expected KIND DIGEST NAME", no, in.Text())
		}
		if w[0] != "sha256" && w[0] != "sha256-file" {
			m.Skipped++
			continue
		}
		m.Digests = append(m.Digests, Digest{w[0], rest[0], strings.TrimLeft(rest[1], " ")})
	}
	switch err := in.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, fault.New(fault.Malformed, name, "has a line of more than %d bytes, expected KIND DIGEST NAME", bufio.MaxScanTokenSize)
	case err != nil:
		return nil, fault.New(fault.IO, name, "%w", fault.Cause(err))
	case len(m.Digests) == 0:
		return nil, fault.New(fault.Malformed, name, "holds no sha256 digest")
	}
	return m, nil
}

// Broken is a line of a manifest that does not hold.
type Broken struct {
	Want Digest
	Got  string // "" when there is nothing of that name
}

// Compare gives the lines that do not hold for what was hashed.
func (m *Manifest) Compare(got []Digest) (broken []Broken) {
	have := make(map[[2]string]string, len(got))
	for _, d := range got {
		have[[2]string{d.Kind, fault.Printable(d.Name)}] = d.Digest
	}
	for _, d := range m.Digests {
		if digest := have[[2]string{d.Kind, d.Name}]; digest != d.Digest {
			broken = append(broken, Broken{d, digest})
		}
	}
	return broken
}

// digests compares the file's digests with the manifest's.
func (s *Subject) digests(r *Report, got []Digest) {
	m := s.Manifest
	broken := m.Compare(got)
	if m.Skipped > 0 {
		r.note("lines of %s with another kind of digest, which were not compared: %d", fault.Printable(m.Name), m.Skipped)
	}
	text := fmt.Sprintf("%d of %s", len(m.Digests), fault.Printable(m.Name))
	absent := 0
	var found []Finding
	for _, b := range broken {
		tensor, what := "", "its SHA-256"
		for _, f := range s.Set.Files {
			if rest, ok := strings.CutPrefix(b.Want.Name, fault.Printable(f.Name)+":"); ok {
				tensor = rest
			} else if b.Want.Name == fault.Printable(f.Name) {
				what = s.inPart(f) + map[string]string{"sha256": "the SHA-256 of all tensors", "sha256-file": "the file's SHA-256"}[b.Want.Kind]
			}
		}
		if b.Got == "" {
			absent++
			found = append(found, finding("", "%s says that there is %s, which is missing", fault.Printable(m.Name), b.Want.Name))
			continue
		}
		found = append(found, finding(tensor, "%s is %s, %s says %s", what, b.Got, fault.Printable(m.Name), b.Want.Digest))
	}
	if absent == len(m.Digests) {
		found = []Finding{finding("", "none of the %d digests of %s is for this file: the first is of %s", absent, fault.Printable(m.Name), m.Digests[0].Name)}
	}
	r.Add(checkDigests, text, found...)
}
