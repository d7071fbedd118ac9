package safetensors

import (
	"errors"
	"strconv"
	"strings"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/strictjson"
	"github.com/qconv/qconv/formats/internal/wire"
)

const (
	metadataKey = "__metadata__"
	maxDepth    = 127 // as the reference's JSON reader
	minEntry    = 45  // bytes of the shortest tensor entry, for sizing
)

// header is the state of reading one header.
type header struct {
	file     string
	lim      Limits
	data     int64 // where the tensors' bytes start
	s        *strictjson.Scanner
	tensors  []Tensor // in file order until sort
	at       []int32  // byte offset of each tensor's name in the text
	metadata map[string]string
	dims     []int64 // slab that shapes are cut from
}

// place turns a syntax error into a fault at its byte of the file.
func (h *header) place(err error, tensor string) error {
	var syntax *strictjson.Error
	if errors.As(err, &syntax) {
		return fault.New(fault.Malformed, h.file, "header is not valid JSON: %s", syntax.Msg).In(tensor).At(lengthBytes + int64(syntax.Off))
	}
	return err
}

// parse reads the whole text; every tensor's own rules hold afterwards.
func (h *header) parse(text string) (err error) {
	if h.s, err = strictjson.NewScanner(text, maxDepth, false); err != nil {
		return h.place(err, "")
	}
	n := min(strings.Count(text, "{"), len(text)/minEntry+1, h.lim.Tensors)
	h.tensors = make([]Tensor, 0, n)
	h.at = make([]int32, 0, n)
	seenMetadata := -1
	err = h.s.Members(func(name string, at int) error {
		if name != metadataKey {
			return h.tensor(name, at)
		}
		if seenMetadata >= 0 {
			return fault.New(fault.Malformed, h.file, "%s is given twice, at bytes %d and %d", metadataKey, lengthBytes+seenMetadata, lengthBytes+at)
		}
		seenMetadata = at
		return h.strings()
	})
	if err == nil {
		err = h.s.End()
	}
	if err != nil {
		return h.place(err, "")
	}
	return nil
}

// strings reads __metadata__; null counts as absent, as for the reference.
func (h *header) strings() error {
	kind, err := h.s.Peek()
	if err != nil {
		return err
	}
	if kind == strictjson.Null {
		return h.s.Skip()
	}
	h.metadata = map[string]string{}
	err = h.s.Object(func(key string) error {
		kind, err := h.s.Peek()
		if err != nil {
			return err
		}
		if kind != strictjson.String {
			return h.bad("", "%s: %q is %v, expected a string", metadataKey, key, kind)
		}
		h.metadata[key], err = h.s.String()
		return err
	})
	return err
}

func (h *header) bad(tensor, format string, args ...any) *fault.Error {
	return fault.New(fault.Malformed, h.file, format, args...).In(tensor)
}

// tensor reads one entry. Fields other than the three are ignored, as the reference does.
func (h *header) tensor(name string, at int) error {
	if len(h.tensors) >= h.lim.Tensors {
		return fault.New(fault.Limit, h.file, "header names more tensors than the limit of %d", h.lim.Tensors).At(lengthBytes + int64(at))
	}
	if len(name) > h.lim.Name {
		return fault.New(fault.Limit, h.file, "tensor name of %d bytes exceeds the limit of %d", len(name), h.lim.Name).At(lengthBytes + int64(at))
	}
	kind, err := h.s.Peek()
	if err != nil {
		return h.place(err, name)
	}
	if kind != strictjson.Object {
		return h.bad(name, "entry is %v, expected an object with dtype, shape and data_offsets", kind)
	}
	t := Tensor{Name: name}
	var begin, end int64
	var hasDtype, hasShape, hasOffsets bool
	err = h.s.Object(func(field string) (err error) {
		switch field {
		case "dtype":
			hasDtype = true
			t.Dtype, err = h.dtype(name)
		case "shape":
			hasShape = true
			t.Shape, err = h.shape(name)
		case "data_offsets":
			hasOffsets = true
			begin, end, err = h.offsets(name)
		default:
			err = h.s.Skip()
		}
		return err
	})
	if err != nil {
		return h.place(err, name)
	}
	switch {
	case !hasDtype:
		return h.bad(name, "field dtype is missing")
	case !hasShape:
		return h.bad(name, "field shape is missing")
	case !hasOffsets:
		return h.bad(name, "field data_offsets is missing")
	}
	if err := h.fits(&t, begin, end); err != nil {
		return err
	}
	h.tensors = append(h.tensors, t)
	h.at = append(h.at, int32(at))
	return nil
}

func (h *header) dtype(tensor string) (Dtype, error) {
	kind, err := h.s.Peek()
	if err != nil {
		return "", err
	}
	if kind != strictjson.String {
		return "", h.bad(tensor, "dtype is %v, expected a string", kind)
	}
	text, err := h.s.String()
	if err != nil {
		return "", err
	}
	d, ok := intern(text)
	if !ok {
		return "", fault.New(fault.Unsupported, h.file, "dtype %q is unknown", text).In(tensor)
	}
	return d, nil
}

// number reads a count: digits only.
func (h *header) number(tensor, field string) (int64, error) {
	kind, err := h.s.Peek()
	if err != nil {
		return 0, err
	}
	if kind != strictjson.Number {
		return 0, h.bad(tensor, "%s holds %v, expected whole numbers", field, kind)
	}
	text, err := h.s.Number()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, h.bad(tensor, "%s holds %s, expected whole numbers from 0 to 2^63-1", field, text)
	}
	return int64(n), nil
}

func (h *header) array(tensor, field string, f func(i int) error) error {
	kind, err := h.s.Peek()
	if err != nil {
		return err
	}
	if kind != strictjson.Array {
		return h.bad(tensor, "%s is %v, expected an array", field, kind)
	}
	return h.s.Array(f)
}

func (h *header) shape(tensor string) ([]int64, error) {
	const slab = 1024
	if cap(h.dims)-len(h.dims) < h.lim.Dims {
		h.dims = make([]int64, 0, max(slab, h.lim.Dims))
	}
	start := len(h.dims)
	err := h.array(tensor, "shape", func(i int) error {
		if i >= h.lim.Dims {
			return fault.New(fault.Limit, h.file, "shape has more dimensions than the limit of %d", h.lim.Dims).In(tensor)
		}
		n, err := h.number(tensor, "shape")
		h.dims = append(h.dims, n)
		return err
	})
	return h.dims[start:len(h.dims):len(h.dims)], err
}

func (h *header) offsets(tensor string) (begin, end int64, err error) {
	var pair [2]int64
	count := 0
	err = h.array(tensor, "data_offsets", func(i int) (err error) {
		if i >= len(pair) {
			return h.bad(tensor, "data_offsets has more than 2 items")
		}
		pair[i], err = h.number(tensor, "data_offsets")
		count++
		return err
	})
	if err == nil && count != len(pair) {
		err = h.bad(tensor, "data_offsets has %d items, expected 2", count)
	}
	return pair[0], pair[1], err
}

// fits checks shape x dtype against the byte range and sets Off and Bytes.
func (h *header) fits(t *Tensor, begin, end int64) error {
	if begin > end {
		return h.bad(t.Name, "data_offsets [%d,%d] run backwards", begin, end)
	}
	bits, _ := t.Dtype.Bits()
	elems, ok := wire.Product(t.Shape)
	if ok {
		bits, ok = wire.Mul(elems, bits)
	}
	if !ok {
		return h.bad(t.Name, "%s %s is larger than any file", t.Dtype, dims(t.Shape))
	}
	if bits%8 != 0 {
		return h.bad(t.Name, "shape: %s %s holds %d bits, which is no whole number of bytes", t.Dtype, dims(t.Shape), bits)
	}
	t.Bytes = end - begin
	if t.Bytes != bits/8 {
		return h.bad(t.Name, "data_offsets [%d,%d] hold %d bytes, %s %s needs %d", begin, end, t.Bytes, t.Dtype, dims(t.Shape), bits/8)
	}
	if t.Off, ok = wire.Add(h.data, begin); ok {
		_, ok = wire.Add(h.data, end)
	}
	if !ok {
		return h.bad(t.Name, "data_offsets [%d,%d] lie beyond any file", begin, end)
	}
	return nil
}

// dims prints a shape as the header writes it.
func dims(shape []int64) string {
	b := []byte{'['}
	for i, d := range shape {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, d, 10)
	}
	return string(append(b, ']'))
}
