package safetensors

import (
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/wire"
)

// WriteHeader gives the bytes that go before the data of ts, whose data follow in the order given and
// without gaps. It sets Off and Bytes of each tensor. Metadata keys are written sorted.
func WriteHeader(ts []Tensor, metadata map[string]string) ([]byte, error) {
	var b strings.Builder
	b.WriteByte('{')
	if metadata != nil {
		b.WriteString(`"` + metadataKey + `":{`)
		keys := make([]string, 0, len(metadata))
		for k := range metadata {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for i, k := range keys {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := quote(&b, k); err != nil {
				return nil, err
			}
			b.WriteByte(':')
			if err := quote(&b, metadata[k]); err != nil {
				return nil, err
			}
		}
		b.WriteByte('}')
	}
	var end int64
	for i := range ts {
		t := &ts[i]
		bits, known := t.Dtype.Bits()
		elems, ok := wire.Product(t.Shape)
		if ok {
			bits, ok = wire.Mul(elems, bits)
		}
		if !known || !ok || bits%8 != 0 {
			return nil, fault.New(fault.Malformed, "", "%s %s is no tensor that safetensors can hold", t.Dtype, dims(t.Shape)).In(t.Name)
		}
		t.Off, t.Bytes = end, bits/8
		if end, ok = wire.Add(end, t.Bytes); !ok {
			return nil, fault.New(fault.Malformed, "", "data_offsets exceed any file").In(t.Name)
		}
		if i > 0 || metadata != nil {
			b.WriteByte(',')
		}
		if err := quote(&b, t.Name); err != nil {
			return nil, err
		}
		b.WriteString(`:{"dtype":"` + string(t.Dtype) + `","shape":` + dims(t.Shape) + `,"data_offsets":` + dims([]int64{t.Off, end}) + `}`)
	}
	b.WriteByte('}')
	for b.Len()%lengthBytes != 0 {
		b.WriteByte(' ')
	}
	head := binary.LittleEndian.AppendUint64(make([]byte, 0, lengthBytes+b.Len()), uint64(b.Len()))
	head = append(head, b.String()...)
	if _, ok := wire.Add(end, int64(len(head))); !ok {
		return nil, fault.New(fault.Malformed, "", "data_offsets exceed any file")
	}
	for i := range ts {
		ts[i].Off += int64(len(head))
	}
	return head, nil
}

func quote(b *strings.Builder, s string) error {
	if !utf8.ValidString(s) {
		return fault.New(fault.Malformed, "", "%q is not UTF-8", s)
	}
	text, err := json.Marshal(s)
	b.Write(text)
	return err
}
