package gguf

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
)

func seeds(f *testing.F) {
	f.Add(file(0, 0).b)
	f.Add(cutFile())
	f.Add(file(1, 1).kv(keyAlignment, ValueUint32).u32(64).tensor("w", TypeQ4_K, 0, 256, 0).data(64, 0))
	f.Add(file(0, 2).arr(keyTokens, ValueString, 2).str("a").str("").arr(keyScores, ValueFloat32, 2).u64(0).b)
	f.Add(file(0, 2).kv(keyArchitecture, ValueString).str("a").kv("a.block_count", ValueUint32).u32(3).b)
	f.Add(file(2, 0).tensor("a", TypeI8, 0, 1<<62).tensor("b", TypeI8, 1<<62, 1<<62).data(32, 64))
	f.Add(new(bytesOf).raw("GGUF").u32(2).u64(0).u64(1).kv("k", ValueBool).u8(1).b)
	names, _ := filepath.Glob("testdata/*.gguf")
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, h := range handcraftedFiles {
		if c := newCraft(h, 1, 2); len(c.b) < 8192 {
			f.Add(c.b)
		}
	}
}

// FuzzGGUFOpen: what is accepted lies inside its file; what is refused is a fault that names it.
func FuzzGGUFOpen(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := open(b)
		if err != nil {
			var e *fault.Error
			if !errors.As(err, &e) || got != nil || !strings.HasPrefix(err.Error(), fileName+": ") {
				t.Fatalf("%T %v, file %v", err, err, got)
			}
			return
		}
		holds(t, got)
		for i := range got.Tensors {
			if err := got.ReadAt(&got.Tensors[i], make([]byte, got.Tensors[i].Bytes()), 0); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzLayoutRoundTrip: open, lay out, open gives the same keys and tensors, and the same bytes.
func FuzzLayoutRoundTrip(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := open(b)
		if err != nil {
			return
		}
		l, err := NewLayout(got.KVs, got.Tensors, got.Align)
		if err != nil {
			for i := range got.Tensors {
				if len(got.Tensors[i].Shape) == 0 && fault.KindOf(err) == fault.Unsupported {
					return // shown, but not written
				}
			}
			t.Fatal(err)
		}
		again, err := Open(bytes.NewReader(append(l.Header, make([]byte, l.Size-l.DataStart)...)), l.Size, fileName, DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		l2, err := NewLayout(again.KVs, again.Tensors, again.Align)
		if err != nil || !bytes.Equal(l2.Header, l.Header) || l2.Size != l.Size {
			t.Fatalf("laid out twice, the headers differ: %v", err)
		}
		if len(got.KVs) != len(again.KVs) || len(got.Tensors) != len(again.Tensors) {
			t.Fatal("counts differ")
		}
		for i := range got.Tensors {
			if !reflect.DeepEqual(got.Tensors[i], again.Tensors[i]) {
				t.Fatalf("%+v, was %+v", again.Tensors[i], got.Tensors[i])
			}
		}
		// Apart from the version and the padding, the bytes are those of the file.
		n := min(len(l.Header), int(got.DataStart))
		n = max(len(bytes.TrimRight(l.Header[:n], "\x00")), headerBytes)
		if !bytes.Equal(l.Header[8:n], b[8:n]) {
			t.Fatal("the header differs from the file's")
		}
	})
}
