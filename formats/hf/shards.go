package hf

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/qconv/qconv/formats/fault"
)

// isShard tells whether a file is taken when no index says which are.
func isShard(name string) bool {
	return strings.HasPrefix(name, "model") && strings.HasSuffix(name, ".safetensors")
}

// shardNames chooses the files to read, sorted: the index's when there is one, else every name that
// starts with "model" and ends with ".safetensors". The reference chooses in the same way.
func (c *Checkpoint) shardNames(x *index) ([]string, error) {
	names, err := c.Source.List()
	if err != nil {
		return nil, err
	}
	shards := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !isShard(n) })
	if x != nil {
		var unused []string
		for _, n := range shards {
			if _, used := slices.BinarySearch(x.files, n); !used {
				unused = append(unused, n)
			}
		}
		if len(unused) > 0 {
			c.notice("%s names the files to read; not read: %s", indexName, some(unused, 5))
		}
		return x.files, nil
	}
	if len(shards) == 0 {
		return nil, c.noShards(names)
	}
	return shards, c.checkNumbers(shards)
}

// noShards says why nothing can be read.
func (c *Checkpoint) noShards(names []string) error {
	// A pipe or directory of this name is not listed; opening it tells what it is.
	if b, err := c.Source.Open(singleName); err == nil {
		b.Close()
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, n := range names {
		switch {
		case strings.HasPrefix(n, "pytorch_model") && strings.HasSuffix(n, ".bin"), strings.HasSuffix(n, ".pt"), strings.HasSuffix(n, ".pth"):
			return fault.New(fault.Unsupported, n, "is a pickle, which can run code when it is read, and was not opened; save the model again with safe_serialization=True, or take a revision that has .safetensors files")
		case strings.HasPrefix(n, "consolidated") && strings.HasSuffix(n, ".safetensors"):
			return fault.New(fault.Unsupported, n, "is in Mistral's own layout; take the files that start with \"model\" from the same repository")
		case strings.HasSuffix(n, ".gguf"):
			return fault.New(fault.Usage, n, "is a GGUF file already; give the file instead of the directory")
		}
	}
	return fault.New(fault.Malformed, c.Name, "no file starts with \"model\" and ends with \".safetensors\"; the download may be incomplete")
}

// part is a file name of the form PREFIX-00001-of-00003.safetensors.
type part struct {
	prefix    string
	no, count int64
}

func parsePart(name string) (part, bool) {
	s, ok := strings.CutSuffix(name, ".safetensors")
	if !ok {
		return part{}, false
	}
	s, total, ok := cutLast(s, "-of-")
	if !ok {
		return part{}, false
	}
	prefix, no, ok := cutLast(s, "-")
	if !ok {
		return part{}, false
	}
	p := part{prefix: prefix}
	var err1, err2 error
	p.no, err1 = strconv.ParseInt(no, 10, 64)
	p.count, err2 = strconv.ParseInt(total, 10, 64)
	ok = err1 == nil && err2 == nil && len(no) >= 5 && len(total) >= 5 && no[0] != '-' && no[0] != '+' && total[0] != '-' && total[0] != '+'
	return p, ok
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// checkNumbers finds missing parts by the numbers in the names, when no index lists them.
func (c *Checkpoint) checkNumbers(shards []string) error {
	groups := map[string][]part{}
	example := map[string]string{}
	for _, n := range shards {
		if p, ok := parsePart(n); ok {
			groups[p.prefix] = append(groups[p.prefix], p)
			example[p.prefix] = n
		}
	}
	for _, n := range shards { // in order, so that the same input gives the same message
		p, ok := parsePart(n)
		if !ok || groups[p.prefix] == nil {
			continue
		}
		if err := c.checkGroup(groups[p.prefix], example[p.prefix]); err != nil {
			return err
		}
		delete(groups, p.prefix)
	}
	return nil
}

func (c *Checkpoint) checkGroup(parts []part, example string) error {
	have := make(map[int64]bool, len(parts))
	count := parts[0].count
	for _, p := range parts {
		if p.count != count {
			return fault.New(fault.Mismatch, example, "the directory has files of a set of %d and of a set of %d; keep one set", min(count, p.count), max(count, p.count))
		}
		if p.no < 1 || p.no > count {
			return fault.New(fault.Mismatch, example, "the directory has a part number %d of %d", p.no, count)
		}
		have[p.no] = true
	}
	missing := count - int64(len(have))
	if missing == 0 {
		return nil
	}
	// The count comes from a name: only as many names are made as are shown.
	var names []string
	const shown = 20
	for no := int64(1); no < math.MaxInt64 && no <= count && len(names) < shown; no++ {
		if have[no] {
			continue
		}
		name := partName(example, no)
		if err := c.probe(name); err != nil {
			return err
		}
		names = append(names, name)
	}
	return missingFault(names, missing)
}

// partName gives the sibling of example with another number, digits padded alike.
func partName(example string, no int64) string {
	s, total, _ := cutLast(strings.TrimSuffix(example, ".safetensors"), "-of-")
	prefix, old, _ := cutLast(s, "-")
	return fmt.Sprintf("%s-%0*d-of-%s.safetensors", prefix, len(old), no, total)
}

// probe tells when a file is not missing but unusable.
func (c *Checkpoint) probe(name string) error {
	b, err := c.Source.Open(name)
	if err == nil {
		return b.Close()
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// missingFault lists all names it gets; n is how many are missing in all.
func missingFault(names []string, n int64) error {
	list := strings.Join(printable(names), ", ")
	if more := n - int64(len(names)); more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	word := "files are"
	if n == 1 {
		word = "file is"
	}
	return fault.New(fault.Malformed, "", "%d model %s missing: %s; the download may be incomplete", n, word, list)
}

// some joins up to n names and counts the rest.
func some(names []string, n int) string {
	if len(names) <= n {
		return strings.Join(printable(names), ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(printable(names[:n]), ", "), len(names)-n)
}

func printable(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = fault.Printable(n)
	}
	return out
}
