package safetensors

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/qconv/qconv/formats/fault"
)

// FuzzSafetensorsOpen: what is accepted fits its file and survives being written again; what is
// refused is a fault.
func FuzzSafetensorsOpen(f *testing.F) {
	f.Add(good(f))
	f.Add(raw("{}", 0))
	f.Add(raw(`{"w":{"dtype":"F4","shape":[2,2],"data_offsets":[0,2]},"v":{"dtype":"U8","shape":[],"data_offsets":[2,3]}}`, 3))
	f.Add(raw(`{"w":{"dtype":"I32","shape":[4611686018427387904,4,1],"data_offsets":[0,0]}}`, 0))
	f.Add(raw(`{"__metadata__":{"a":"b"},"w":{"x":[{}],"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, 0))
	f.Add([]byte("version https://git-lfs.github.com/spec/v1\n"))
	f.Add(raw("\xff", 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := open(b)
		if err != nil {
			var e *fault.Error
			if !errors.As(err, &e) || got != nil {
				t.Fatalf("%T %v, file %v", err, err, got)
			}
			return
		}
		holds(t, got, int64(len(b)))
		ts := slices.Clone(got.Tensors)
		head, err := WriteHeader(ts, got.Metadata)
		if err != nil {
			t.Fatal(err)
		}
		again, err := open(append(head, bytes.Repeat([]byte{1}, len(b)-int(got.HeaderBytes))...))
		if err != nil {
			t.Fatal(err)
		}
		for i := range again.Tensors {
			x, y := again.Tensors[i], got.Tensors[i]
			if x.Name != y.Name || x.Dtype != y.Dtype || !slices.Equal(x.Shape, y.Shape) || x.Bytes != y.Bytes || x.Off != ts[i].Off {
				t.Fatalf("written again: %+v, was %+v", x, y)
			}
		}
	})
}
