package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/qconv/qconv/formats/gguf"
)

// TestQuantizeGoldens repeats command lines of llama-quantize and compares every file with what the reference wrote, by
// its hash. testdata/quantize_parity.py recorded them, and compares many more with the reference itself.
func TestQuantizeGoldens(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(testdata(t, "golden/quantize/files.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Provenance string
		TypeFile   string `json:"tensor_type_file"`
		Rows       []struct {
			Source, Flags, Words []string
			Files                map[string]string
		}
	}
	if err := json.Unmarshal(raw, &golden); err != nil || len(golden.Rows) < 50 {
		t.Fatalf("%d rows (%v)", len(golden.Rows), err)
	}
	sources := t.TempDir()
	types := filepath.Join(sources, "types")
	if err := os.WriteFile(types, []byte(golden.TypeFile), 0o666); err != nil {
		t.Fatal(err)
	}
	made := map[string]string{}
	var todo sync.WaitGroup
	cores := make(chan bool, 4)
	for _, row := range golden.Rows {
		key := strings.Join(row.Source, " ")
		if made[key] == "" {
			made[key] = convertedSource(t, filepath.Join(sources, hex.EncodeToString([]byte{byte(len(made))})), row.Source)
		}
		args := append([]string{"quantize"}, row.Flags...)
		if i := slices.Index(args, "@types"); i > 0 {
			args[i] = types
		}
		out := t.TempDir()
		args = append(append(args, made[key], filepath.Join(out, "out.gguf")), row.Words...)
		todo.Go(func() {
			cores <- true
			defer func() { <-cores }()
			var stdout, stderr bytes.Buffer
			if code := run(args, nil, &stdout, &stderr); code != 0 {
				t.Errorf("%v: exit code %d: %s", args[1:], code, stderr.String())
				return
			}
			got := map[string]string{}
			files, _ := os.ReadDir(out)
			for _, f := range files {
				b, err := os.ReadFile(filepath.Join(out, f.Name()))
				if err != nil {
					t.Error(err)
				}
				sum := sha256.Sum256(b)
				got[f.Name()] = hex.EncodeToString(sum[:])
			}
			for name, want := range row.Files {
				if got[name] != want {
					t.Errorf("%v of %v: %s is %s, the reference wrote %s", args[1:], row.Source, name, got[name], want)
				}
			}
			if len(got) != len(row.Files) {
				t.Errorf("%v of %v: %d files, the reference wrote %d", args[1:], row.Source, len(got), len(row.Files))
			}
			os.RemoveAll(out)
		})
	}
	todo.Wait()
}

// convertedSource makes the file that a row starts from: convert's arguments, with the checkpoint under testdata. It gives the
// first part.
func convertedSource(t *testing.T, stem string, args []string) string {
	t.Helper()
	line := append([]string{"convert", testdata(t, args[0]), "-o", stem + ".gguf"}, args[1:]...)
	var stdout, stderr bytes.Buffer
	if code := run(line, nil, &stdout, &stderr); code != 0 {
		t.Fatalf("%v: exit code %d: %s", line, code, stderr.String())
	}
	if parts, _ := filepath.Glob(stem + "-00001-of-*.gguf"); len(parts) == 1 {
		return parts[0]
	}
	return stem + ".gguf"
}

// TestParseOverride holds the values against those that the reference's string_parse_kv_override and gguf_set_val give
// (common.cpp, llama-quant.cpp).
func TestParseOverride(t *testing.T) {
	for text, want := range map[string]gguf.KV{
		"a=int:3":            {Key: "a", Value: uint32(3)},
		"a=int:-5":           {Key: "a", Value: uint32(5)},
		"a=int:+7":           {Key: "a", Value: uint32(7)},
		"a=int:4294967295":   {Key: "a", Value: uint32(4294967295)},
		"a=int:-4294967295":  {Key: "a", Value: uint32(4294967295)},
		"a=float:0.1":        {Key: "a", Value: float32(0.1)},
		"a=float:-1.5e-7":    {Key: "a", Value: float32(-1.5e-7)},
		"a=float:0x1p3":      {Key: "a", Value: float32(8)},
		"a=bool:true":        {Key: "a", Value: true},
		"a=bool:false":       {Key: "a", Value: false},
		"a=str:":             {Key: "a", Value: ""},
		"a.b=str:x:y=z":      {Key: "a.b", Value: "x:y=z"},
		"a b=str: x ":        {Key: "a b", Value: " x "},
		"a=str:" + long(127): {Key: "a", Value: long(127)},
		long(127) + "=int:1": {Key: long(127), Value: uint32(1)},
	} {
		if got, err := parseOverride(text); err != nil || got != want {
			t.Errorf("%s: %v %T (%v), want %v %T", text, got, got.Value, err, want, want.Value)
		}
	}
	for _, text := range []string{"", "a", "a=", "a=int", "=int:1", "a=int:", "a=int:1.0", "a=int:0x10", "a=int: 1", "a=int:4294967296", "a=INT:1",
		"a=int:-9223372036854775808", "a=float:", "a=float:x", "a=float:inf", "a=float:1e39", "a=bool:True", "a=bool:1", "a=u32:1", "a:int=1",
		"a=str:" + long(128), long(128) + "=int:1", "ä=int:1", "a\n=int:1"} {
		if got, err := parseOverride(text); err == nil || exitCode(t.Context(), err) != exitUsage {
			t.Errorf("%q: %v (%v), want a usage error", text, got, err)
		}
	}
}

func long(n int) string { return strings.Repeat("x", n) }

// TestTypeWord holds the names that llama-quantize v0.5.0 puts into file names: numbers get the first name in its list.
func TestTypeWord(t *testing.T) {
	for typ, want := range map[string]string{"0": "F32", "1": "F16", "7": "Q8_0", "12": "Q3_K", "15": "Q4_K", "17": "Q5_K", "18": "Q6_K", "32": "BF16",
		"q4_k": "Q4_K", "Q4_K_m": "Q4_K_M", "copy": "COPY", "bf16": "BF16"} {
		if got := typeWord(typ); got != want {
			t.Errorf("%s: %s, want %s", typ, got, want)
		}
	}
}
