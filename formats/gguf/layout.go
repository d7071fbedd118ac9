package gguf

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/wire"
)

// Layout is a file before its data exist.
type Layout struct {
	Header    []byte   // everything before the data, padded to Align with zeros
	Tensors   []Tensor // in file order, Offset set
	DataStart int64    // len(Header)
	Size      int64    // of the whole file; bytes between tensors and after the last one are zero
	Align     int64
}

// NewLayout fixes every byte before the data and every offset: version 3, keys and tensors in the
// order given, n_dims = len(Shape). A name, shape or value that the format cannot hold is a fault, as
// is an alignment other than 32 that general.alignment does not say.
func NewLayout(kvs []KV, ts []Tensor, align int64) (*Layout, error) {
	if err := alignmentSaid(kvs, align); err != nil {
		return nil, err
	}
	if err := uniqueKeys(kvs, ""); err != nil {
		return nil, err
	}
	l := &Layout{Tensors: slices.Clone(ts), Align: align}
	size := 24
	for i := range ts {
		size += 8 + len(ts[i].Name) + 4 + 8*len(ts[i].Shape) + 4 + 8
	}
	b := make([]byte, 0, size)
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint32(b, latestVersion)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(ts)))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(kvs)))
	for _, kv := range kvs {
		var err error
		if b, err = kv.append(b); err != nil {
			return nil, err
		}
	}
	end, err := l.offsets()
	if err != nil {
		return nil, err
	}
	for i := range l.Tensors {
		t := &l.Tensors[i]
		b = appendString(b, t.Name)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(t.Shape)))
		for _, d := range t.Shape {
			b = binary.LittleEndian.AppendUint64(b, uint64(d))
		}
		b = binary.LittleEndian.AppendUint32(b, uint32(t.Type))
		b = binary.LittleEndian.AppendUint64(b, uint64(t.Offset))
	}
	start, ok := wire.Align(int64(len(b)), align)
	if ok {
		l.Size, ok = wire.Add(start, end)
	}
	if !ok {
		return nil, fault.New(fault.Malformed, "", "the tensors are larger than any file")
	}
	l.Header, l.DataStart = append(b, make([]byte, start-int64(len(b)))...), start
	return l, nil
}

// offsets checks every tensor, sets its offset and gives the padded size of the data.
func (l *Layout) offsets() (end int64, err error) {
	for i := range l.Tensors {
		t := &l.Tensors[i]
		if msg := badName(t.Name); msg != "" {
			return 0, fault.New(fault.Unsupported, "", "name %s", msg).In(t.Name)
		}
		if n := len(t.Shape); n < 1 || n > MaxDims {
			return 0, fault.New(fault.Unsupported, "", "shape %v has %d dimensions, GGUF holds 1 to %d", t.Shape, n, MaxDims).In(t.Name)
		}
		n, err := t.size("")
		if err != nil {
			return 0, err
		}
		t.Offset = end
		if end, err = after(end, n, l.Align, "", t.Name); err != nil {
			return 0, err
		}
	}
	return end, uniqueNames(l.Tensors, "")
}

// after gives where the next tensor starts.
func after(off, n, align int64, file, tensor string) (int64, error) {
	n, ok := wire.Align(n, align)
	if ok {
		n, ok = wire.Add(off, n)
	}
	if !ok {
		return 0, fault.New(fault.Malformed, file, "offset %d: the data up to its end are larger than any file", off).In(tensor)
	}
	return n, nil
}

// alignmentSaid checks that a reader will use align too.
func alignmentSaid(kvs []KV, align int64) error {
	if _, ok := wire.Align(0, align); !ok || align > 1<<31 {
		return fault.New(fault.Malformed, "", "alignment %d is no power of two", align)
	}
	said := int64(DefaultAlignment)
	for _, kv := range kvs {
		if kv.Key != keyAlignment {
			continue
		}
		n, ok := kv.Value.(uint32)
		if !ok {
			return fault.New(fault.Malformed, "", "key %q is of Go type %T, expected uint32", kv.Key, kv.Value)
		}
		said = int64(n)
	}
	if said != align {
		return fault.New(fault.Mismatch, "", "data aligned to %d, but %s says %d", align, keyAlignment, said)
	}
	return nil
}

// badName says why a tensor cannot have this name; "" when it can.
func badName(name string) string {
	switch {
	case name == "":
		return "is empty"
	case len(name) > MaxName:
		return "is longer than 63 bytes"
	case strings.IndexByte(name, 0) >= 0:
		return "holds a zero byte"
	}
	return ""
}

// twice finds two equal names; a is the earlier index.
func twice(n int, name func(i int) string) (a, b int, found bool) {
	idx := make([]int32, n)
	for i := range idx {
		idx[i] = int32(i)
	}
	slices.SortStableFunc(idx, func(x, y int32) int { return strings.Compare(name(int(x)), name(int(y))) })
	for i := 1; i < n; i++ {
		if a, b := int(idx[i-1]), int(idx[i]); name(a) == name(b) {
			return a, b, true
		}
	}
	return 0, 0, false
}

func uniqueKeys(kvs []KV, file string) error {
	if a, b, found := twice(len(kvs), func(i int) string { return kvs[i].Key }); found {
		return fault.New(fault.Malformed, file, "key %q is given twice, as number %d and %d", kvs[a].Key, a, b)
	}
	return nil
}

func uniqueNames(ts []Tensor, file string) error {
	if a, b, found := twice(len(ts), func(i int) string { return ts[i].Name }); found {
		return fault.New(fault.Malformed, file, "name is given twice, to number %d and %d", a, b).In(ts[a].Name)
	}
	return nil
}
