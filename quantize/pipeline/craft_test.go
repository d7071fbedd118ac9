package pipeline_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"math"
	"testing"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/mix"
	"github.com/qconv/qconv/quantize/pipeline"
)

// crafted lays out a GGUF file whose F32 tensors hold first, first+1, ... where first counts tensors in thousands.
func crafted(t *testing.T, first int, kvs []gguf.KV, tensors ...gguf.Tensor) []byte {
	t.Helper()
	l, err := gguf.NewLayout(kvs, tensors, gguf.DefaultAlignment)
	check(t, err)
	file := make([]byte, l.Size)
	copy(file, l.Header)
	for i := range l.Tensors {
		x := &l.Tensors[i]
		if x.Type != gguf.TypeF32 {
			continue
		}
		for k := range x.Elems() {
			binary.LittleEndian.PutUint32(file[l.DataStart+x.Offset+4*k:], math.Float32bits(float32(1000*(first+i))+float32(k)))
		}
	}
	return file
}

// llamaKVs are the keys of a llama model without a vocabulary.
func llamaKVs(layers int, more ...gguf.KV) []gguf.KV {
	return append([]gguf.KV{{Key: "general.architecture", Value: "llama"}, {Key: "llama.block_count", Value: uint32(layers)},
		{Key: "llama.attention.head_count", Value: uint32(1)}, {Key: "general.name", Value: "crafted"}}, more...)
}

// planFiles plans what is made of files; the first is the one that is given, and its name begins with "in".
func planFiles(t *testing.T, files map[string][]byte, first, typ string, o pipeline.Options) (*pipeline.Plan, error) {
	t.Helper()
	set, err := gguf.OpenSet(func(name string) (io.ReaderAt, int64, error) {
		b, ok := files[name]
		if !ok {
			return nil, 0, fs.ErrNotExist
		}
		return bytes.NewReader(b), int64(len(b)), nil
	}, first, gguf.DefaultLimits())
	check(t, err)
	if o.Mix.Copy = typ == "COPY"; !o.Mix.Copy {
		var ok bool
		if o.Recipe, ok = mix.ParseRecipe(typ); !ok {
			t.Fatal(errors.New("no such type: " + typ))
		}
	}
	o.FileName = "out.gguf"
	return pipeline.FromGGUF(set, first, func() error { return nil }, o)
}
