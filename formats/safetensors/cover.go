package safetensors

import (
	"cmp"
	"slices"
	"strings"
)

// order gives the tensors' indexes sorted by less.
func (h *header) order(compare func(a, b int32) int) []int32 {
	idx := make([]int32, len(h.tensors))
	for i := range idx {
		idx[i] = int32(i)
	}
	if !slices.IsSortedFunc(idx, compare) {
		slices.SortFunc(idx, compare)
	}
	return idx
}

// unique refuses a name that is given twice.
func (h *header) unique() error {
	ts := h.tensors
	idx := h.order(func(a, b int32) int {
		return cmp.Or(strings.Compare(ts[a].Name, ts[b].Name), cmp.Compare(a, b))
	})
	for i := 1; i < len(idx); i++ {
		if a, b := idx[i-1], idx[i]; ts[a].Name == ts[b].Name {
			return h.bad(ts[a].Name, "header names it twice, at bytes %d and %d", lengthBytes+int64(h.at[a]), lengthBytes+int64(h.at[b]))
		}
	}
	return nil
}

// cover checks that the byte ranges fill the data exactly: no overlap, hole or rest.
func (h *header) cover(size int64) error {
	if err := h.unique(); err != nil {
		return err
	}
	ts := h.tensors
	idx := h.order(func(a, b int32) int {
		return cmp.Or(cmp.Compare(ts[a].Off, ts[b].Off), cmp.Compare(ts[a].Bytes, ts[b].Bytes), cmp.Compare(a, b))
	})
	end, last := h.data, ""
	for _, i := range idx {
		t := &ts[i]
		from, to := t.Off-h.data, t.Off-h.data+t.Bytes
		switch {
		case t.Off < end:
			return h.bad(t.Name, "data_offsets [%d,%d] overlap those of %q, which end at %d", from, to, last, end-h.data)
		case t.Off > end && last == "":
			return h.bad(t.Name, "data_offsets [%d,%d] leave %d unused bytes at the start of the data", from, to, t.Off-end)
		case t.Off > end:
			return h.bad(t.Name, "data_offsets [%d,%d] leave %d unused bytes after %q", from, to, t.Off-end, last)
		}
		end, last = t.Off+t.Bytes, t.Name
	}
	switch {
	case end > size:
		return h.bad(last, "data_offsets: have %d bytes of file, need %d; the file may be incomplete", size, end)
	case end < size:
		return h.bad("", "data_offsets end at byte %d of the file, but %d more bytes follow", end, size-end).At(end)
	}
	return nil
}

// sort puts the tensors in the order of File.
func (h *header) sort() {
	slices.SortFunc(h.tensors, func(a, b Tensor) int { return strings.Compare(a.Name, b.Name) })
}
