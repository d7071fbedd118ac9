package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/qconv/qconv/formats/gguf"
)

// copyDir copies the files of a directory: copydir FROM TO.
func copyDir(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: copydir FROM TO")
	}
	to := ts.MkAbs(args[1])
	ts.Check(os.MkdirAll(to, 0o777))
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(ts.MkAbs(args[0]), e.Name()))
		ts.Check(err)
		ts.Check(os.WriteFile(filepath.Join(to, e.Name()), b, 0o666))
	}
}

// same compares two files without printing them: [!] same A B.
func same(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: same A B")
	}
	a, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	b, err := os.ReadFile(ts.MkAbs(args[1]))
	ts.Check(err)
	if bytes.Equal(a, b) == neg {
		ts.Fatalf("%s and %s: equal is %v, want %v", args[0], args[1], neg, !neg)
	}
}

// patch overwrites bytes at an offset from the start, or from the end when negative: patch FILE OFFSET HEX.
func patch(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: patch FILE OFFSET HEX")
	}
	off, err := strconv.Atoi(args[1])
	ts.Check(err)
	raw, err := hex.DecodeString(args[2])
	ts.Check(err)
	rewrite(ts, args[0], func(b []byte) []byte {
		if off < 0 {
			off += len(b)
		}
		copy(b[off:], raw)
		return b
	})
}

// resize cuts a file or lets it grow with zeros: resize FILE SIZE, where -N and +N count from its size.
func resize(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: resize FILE SIZE|-N|+N")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	rewrite(ts, args[0], func(b []byte) []byte {
		if args[1][0] == '-' || args[1][0] == '+' {
			n += len(b)
		}
		return append(b, make([]byte, max(0, n-len(b)))...)[:n]
	})
}

// subst replaces a text wherever a file has it: subst FILE OLD NEW. OLD must be there; in a safetensors file NEW
// has its length.
func subst(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: subst FILE OLD NEW")
	}
	rewrite(ts, args[0], func(b []byte) []byte {
		if !bytes.Contains(b, []byte(args[1])) {
			ts.Fatalf("%s has no %q", args[0], args[1])
		}
		if strings.HasSuffix(args[0], ".safetensors") && len(args[1]) != len(args[2]) {
			ts.Fatalf("%q and %q differ in length", args[1], args[2])
		}
		return bytes.ReplaceAll(b, []byte(args[1]), []byte(args[2]))
	})
}

func rewrite(ts *testscript.TestScript, name string, f func([]byte) []byte) {
	b, err := os.ReadFile(ts.MkAbs(name))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(name), f(b), 0o666))
}

// setKey changes, adds or, without VALUE, removes a key of a GGUF file: setkey FILE KEY [VALUE]. VALUE is a whole number, or
// else a string, or with @ before it the name of a file with one.
func setKey(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 && len(args) != 3 {
		ts.Fatalf("usage: setkey FILE KEY [VALUE]")
	}
	rewrite(ts, args[0], func(b []byte) []byte {
		f, err := gguf.Open(bytes.NewReader(b), int64(len(b)), "x.gguf", gguf.DefaultLimits())
		ts.Check(err)
		kvs := slices.DeleteFunc(f.KVs, func(kv gguf.KV) bool { return kv.Key == args[1] })
		if len(args) == 3 {
			var v any = args[2]
			if n, err := strconv.ParseUint(args[2], 10, 32); err == nil {
				v = uint32(n)
			} else if name, ok := strings.CutPrefix(args[2], "@"); ok {
				v = ts.ReadFile(name)
			}
			kvs = append(kvs, gguf.KV{Key: args[1], Value: v})
		}
		l, err := gguf.NewLayout(kvs, f.Tensors, f.Align)
		ts.Check(err)
		return append(l.Header, b[f.DataStart:]...)
	})
}

// shard writes a safetensors file whose tensors are zero: shard FILE NAME:BF16:768,256 ...
func shard(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 1 {
		ts.Fatalf("usage: shard FILE NAME:DTYPE:SHAPE ...")
	}
	wide := map[string]int{"F64": 8, "F32": 4, "BF16": 2, "F16": 2, "F8_E4M3": 1, "I8": 1}
	header := map[string]any{}
	at := 0
	for _, a := range args[1:] {
		w := strings.Split(a, ":")
		n := wide[w[1]]
		var shape []int
		for d := range strings.SplitSeq(w[2], ",") {
			v, err := strconv.Atoi(d)
			ts.Check(err)
			shape = append(shape, v)
			n *= v
		}
		header[w[0]] = map[string]any{"dtype": w[1], "shape": shape, "data_offsets": []int{at, at + n}}
		at += n
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), safetensorsBytes(header, make([]byte, at)), 0o666))
}

// safetensorsBytes puts a header and its data together.
func safetensorsBytes(header any, data []byte) []byte {
	j, _ := json.Marshal(header)
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(j))), append(j, data...)...)
}
