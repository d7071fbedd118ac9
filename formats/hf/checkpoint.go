package hf

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/strictjson"
	"github.com/qconv/qconv/formats/internal/wire"
	"github.com/qconv/qconv/formats/safetensors"
)

// Limits bound what Open accepts. Exceeding one is a fault of kind Limit.
type Limits struct {
	File    safetensors.Limits // of each shard
	Index   int64              // bytes of the index
	Tensors int                // tensors of all shards together
}

// DefaultLimits are the documented ones.
func DefaultLimits() Limits {
	return Limits{File: safetensors.DefaultLimits(), Index: IndexLimit, Tensors: 1 << 20}
}

// Tensor is one tensor of a checkpoint.
type Tensor struct {
	Name       string
	Dtype      safetensors.Dtype
	Shape      []int64 // outermost dimension first
	File       int     // index into Checkpoint.Files
	Off, Bytes int64   // in that file; Off counts from the file's start
}

// File is one shard.
type File struct {
	Name         string
	Size         int64
	HeaderSHA256 [32]byte
	Blob         Blob
}

// Checkpoint is an opened checkpoint: every header was read and agrees with the index.
// It is immutable; ReadAt may be called from several goroutines.
type Checkpoint struct {
	Name    string // of the source
	Source  Source
	Root    strictjson.Value // config.json as it stands
	Config  strictjson.Value // config.json with the keys of the text model laid over the root's
	Files   []File           // sorted by name
	Tensors []Tensor         // sorted by file, then by name bytewise: the order of the reference
	Notices []string         // what a user should know, one sentence each
}

// Open reads config.json, the index and every shard's header, and checks that they agree. No tensor
// data is read. The caller closes the checkpoint.
func Open(src Source, lim Limits) (*Checkpoint, error) {
	c := &Checkpoint{Name: src.Name(), Source: src}
	if err := c.open(lim); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Checkpoint) open(lim Limits) (err error) {
	// The listing comes first: it tells apart a wrong path from a wrong checkpoint.
	if _, err = c.Source.List(); err != nil {
		return err
	}
	if c.Root, c.Config, err = LoadConfig(c.Source); err != nil {
		return err
	}
	var x *index
	doc, found, err := ReadFile(c.Source, indexName, lim.Index)
	if err != nil {
		return err
	}
	if found {
		if x, err = parseIndex(doc); err != nil {
			return err
		}
	}
	names, err := c.shardNames(x)
	if err != nil {
		return err
	}
	if err := c.openFiles(names); err != nil {
		return err
	}
	owner, err := c.readHeaders(lim)
	if err != nil || x == nil {
		return err
	}
	if err := c.compare(x, owner); err != nil {
		return err
	}
	c.compareSize(x)
	return nil
}

// openFiles opens all shards before any header is read, so that all missing ones are told at once.
func (c *Checkpoint) openFiles(names []string) error {
	var missing []string
	for _, name := range names {
		b, err := c.Source.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			missing = append(missing, name)
			continue
		}
		if err != nil {
			return err
		}
		c.Files = append(c.Files, File{Name: name, Size: b.Size(), Blob: b})
	}
	if len(missing) > 0 {
		return missingFault(missing, int64(len(missing)))
	}
	return nil
}

// readHeaders fills Tensors and gives the file of each tensor name.
func (c *Checkpoint) readHeaders(lim Limits) (owner map[string]int, err error) {
	owner = map[string]int{}
	for i := range c.Files {
		f := &c.Files[i]
		header, err := safetensors.Open(f.Blob, f.Size, f.Name, lim.File)
		if err != nil {
			return nil, err
		}
		if len(c.Tensors)+len(header.Tensors) > lim.Tensors {
			return nil, fault.New(fault.Limit, f.Name, "brings the checkpoint to %d tensors, the limit is %d", len(c.Tensors)+len(header.Tensors), lim.Tensors)
		}
		f.HeaderSHA256 = header.HeaderSHA256
		c.Tensors = slices.Grow(c.Tensors, len(header.Tensors))
		for _, t := range header.Tensors {
			if first, dup := owner[t.Name]; dup {
				return nil, fault.New(fault.Mismatch, f.Name, "%s holds this tensor too; keep one of the files, or an index that names the right ones", fault.Printable(c.Files[first].Name)).In(t.Name)
			}
			owner[t.Name] = i
			c.Tensors = append(c.Tensors, Tensor{t.Name, t.Dtype, t.Shape, i, t.Off, t.Bytes})
		}
	}
	return owner, nil
}

// compare makes sure that index and shards say the same.
func (c *Checkpoint) compare(x *index, owner map[string]int) error {
	var absent, extra []string
	for name := range x.file {
		if _, found := owner[name]; !found {
			absent = append(absent, name)
		}
	}
	for i := range c.Tensors {
		t := &c.Tensors[i]
		at, found := x.file[t.Name]
		switch {
		case !found:
			extra = append(extra, t.Name)
		case at != t.File:
			return fault.New(fault.Mismatch, indexName, "says %s, the tensor is in %s", fault.Printable(x.files[at]), fault.Printable(c.Files[t.File].Name)).In(t.Name)
		}
	}
	slices.Sort(absent)
	switch {
	case len(absent) > 0:
		return fault.New(fault.Mismatch, c.Files[x.file[absent[0]]].Name, "%s says that %d tensors are here that the file does not hold: %s", indexName, len(absent), some(absent, 5))
	case len(extra) > 0:
		return fault.New(fault.Mismatch, indexName, "does not name %d tensors that the files hold: %s", len(extra), some(extra, 5))
	}
	return nil
}

// compareSize only warns: total_size is written by many tools, not all of which count alike.
func (c *Checkpoint) compareSize(x *index) {
	if x.totalSize.Kind == 0 {
		return
	}
	var sum int64
	for i := range c.Tensors {
		var ok bool
		if sum, ok = wire.Add(sum, c.Tensors[i].Bytes); !ok {
			return
		}
	}
	if n, ok := x.totalSize.Int64(); !ok {
		c.notice("%s: total_size is not an integer; the tensors hold %d bytes", indexName, sum)
	} else if n != sum {
		c.notice("%s: total_size is %d, the tensors hold %d bytes", indexName, n, sum)
	}
}

func (c *Checkpoint) notice(format string, args ...any) {
	c.Notices = append(c.Notices, fmt.Sprintf(format, args...))
}

// ReadAt fills p from byte off of t's data, or fails: a file that ends early is a fault of kind IO.
func (c *Checkpoint) ReadAt(t *Tensor, p []byte, off int64) error {
	end, ok := wire.Add(off, int64(len(p)))
	if !ok || end > t.Bytes {
		return fmt.Errorf("read of %d bytes at %d of tensor %q, which has %d", len(p), off, t.Name, t.Bytes)
	}
	f := &c.Files[t.File]
	err := readFull(f.Blob, p, t.Off+off, f.Name)
	var e *fault.Error
	if errors.As(err, &e) {
		return e.In(t.Name)
	}
	return err
}

// Unchanged is a fault of kind IO when a shard is not the file that was opened any more.
func (c *Checkpoint) Unchanged() error {
	for i := range c.Files {
		if err := c.Files[i].Blob.Unchanged(); err != nil {
			return err
		}
	}
	return nil
}

// Close closes all files.
func (c *Checkpoint) Close() error {
	var errs []error
	for i := range c.Files {
		errs = append(errs, c.Files[i].Blob.Close())
	}
	return errors.Join(errs...)
}
