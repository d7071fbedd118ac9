package gguf

import (
	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/wire"
)

// infos reads n tensor infos; offsets stay as the file says them.
func (f *File) infos(c *cursor, n int64) (err error) {
	if err := c.room(n, minTensor, "tensor count"); err != nil {
		return err
	}
	c.record = "tensor"
	f.Tensors = make([]Tensor, n)
	for i := range f.Tensors {
		t := &f.Tensors[i]
		c.recordNo, c.tensor = int64(i), ""
		if t.Name, err = c.text("name", MaxName); err != nil {
			return err
		}
		if msg := badName(t.Name); msg != "" {
			return c.fail(fault.Malformed, "name %q %s", t.Name, msg)
		}
		c.tensor = t.Name
		dims, err := c.u32("n_dims")
		if err != nil {
			return err
		}
		if dims > MaxDims {
			return c.fail(fault.Malformed, "n_dims is %d, expected at most %d", dims, MaxDims)
		}
		t.Shape = make([]int64, dims)
		for j := range t.Shape {
			if t.Shape[j], err = c.count("shape"); err != nil {
				return err
			}
		}
		raw, err := c.u32("type")
		if err != nil {
			return err
		}
		t.Type = Type(raw)
		if t.Offset, err = c.count("offset"); err != nil {
			return err
		}
		if _, err := t.size(f.Name); err != nil {
			return err
		}
	}
	c.record, c.tensor = "", ""
	return uniqueNames(f.Tensors, f.Name)
}

// place checks that the data follow each other, aligned and inside the file.
func (f *File) place(c *cursor) error {
	start, ok := wire.Align(c.pos, f.Align)
	if !ok || start > f.Size {
		if len(f.Tensors) > 0 {
			return c.fail(fault.Malformed, "the data should start at byte %d, but the file has %d; the file may be incomplete", start, f.Size)
		}
		start = f.Size // a vocabulary without tensors ends unpadded
	}
	f.HeaderEnd, f.DataStart = c.pos, start
	var end int64
	for i := range f.Tensors {
		t := &f.Tensors[i]
		if t.Offset != end {
			return fault.New(fault.Malformed, f.Name, "offset is %d, expected %d: data must follow each other, aligned to %d", t.Offset, end, f.Align).In(t.Name)
		}
		n, err := t.size(f.Name)
		if err != nil {
			return err
		}
		last, ok := wire.Add(start, end)
		if ok {
			last, ok = wire.Add(last, n)
		}
		if !ok || last > f.Size {
			return fault.New(fault.Malformed, f.Name, "offset %d: %d bytes of data from byte %d on exceed the file's %d; the file may be incomplete", t.Offset, n, start+min(end, f.Size), f.Size).In(t.Name)
		}
		if end, err = after(end, n, f.Align, f.Name, t.Name); err != nil {
			return err
		}
	}
	if end > f.Size-start {
		return fault.New(fault.Malformed, f.Name, "%d bytes of data with padding from byte %d on exceed the file's %d; the file may be incomplete", end, start, f.Size).In(f.Tensors[len(f.Tensors)-1].Name)
	}
	f.DataEnd = start + end
	return nil
}
