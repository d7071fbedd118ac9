package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/pipeline"
)

// brokenWriter has a bug.
type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { panic("a bug") }

// TestH4Bug: a panic, in the command or in a goroutine of a conversion, is exit code 1 with its stack and a request
// to report it; with --json it is an object too.
func TestH4Bug(t *testing.T) {
	var text bytes.Buffer
	if code := run([]string{"version"}, nil, brokenWriter{}, &text); code != exitBug {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{"qconv: internal error: a bug\n", "ui_test.go", "please report it"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q does not say %q", text.String(), want)
		}
	}
	bug := fmt.Errorf("wrapped: %w", &pipeline.Panic{Value: "worker", Stack: []byte("the stack")})
	if code := exitCode(context.Background(), bug); code != exitBug {
		t.Errorf("exit code %d", code)
	}
	var out, stderr bytes.Buffer
	u := newUI(nil, &out, &stderr)
	u.json = true
	u.fail(bug, exitBug)
	u.fail(errors.New("second"), exitIO)
	if got, want := out.String(), `{"error":{"message":"wrapped: internal error: worker","kind":"bug","exit":1}}`+"\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if !strings.Contains(stderr.String(), "the stack") || strings.Contains(stderr.String(), "second") {
		t.Errorf("standard error: %q", stderr.String())
	}
}

func TestOneLine(t *testing.T) {
	for in, want := range map[string]string{
		"plain, größe":   "plain, größe",
		"a\nb":           "a; b",
		"\x1b[31m\r\t\a": `\x1b[31m\r\t\a`,
		"a\xffb":         `a\xffb`,
		"\u202e\u0085":   `\u202e\u0085`,
	} {
		if got := oneLine(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func TestAsksJSON(t *testing.T) {
	for line, want := range map[string]bool{
		"": false, "--json": true, "convert --frob --json": true, "convert --json=false": false, "convert --json=1": true,
		"tokenize m -- --json": false, "--jsonx": false,
	} {
		if got := asksJSON(strings.Fields(line)); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
}

func TestParseSize(t *testing.T) {
	for s, want := range map[string]int64{
		"1": 1, "1500000": 1500000, "64MiB": 64 << 20, "64 mib": 64 << 20, "1.5G": 1.5e9, "2K": 2000, "1Ti": 1 << 40, "3b": 3,
		"": -1, "G": -1, "0": -1, "0.5": -1, "-1": -1, "1X": -1, "1e3": -1, "9E": -1, "99999999T": -1, "1..2": -1, "NaN": -1,
	} {
		got, err := parseSize("--ram", s)
		if (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("%q: got %d and %v, want %d", s, got, err, want)
		}
	}
}

// TestInspectNonFinite: numbers that JSON does not have are words.
func TestInspectNonFinite(t *testing.T) {
	kvs := []gguf.KV{{Key: "general.architecture", Value: "x"}, {Key: "x.nan", Value: float32(math.NaN())},
		{Key: "x.inf", Value: []float32{float32(math.Inf(1)), 1, float32(math.Inf(-1))}}}
	l, err := gguf.NewLayout(kvs, nil, gguf.DefaultAlignment)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.gguf")
	if err := os.WriteFile(path, l.Header, 0o666); err != nil {
		t.Fatal(err)
	}
	var out, stderr bytes.Buffer
	if code := run([]string{"inspect", path, "--json"}, nil, &out, &stderr); code != 0 {
		t.Fatal(stderr.String())
	}
	for _, want := range []string{`"key":"x.nan","type":"f32","value":"NaN"`, `"value":["+Inf",1,"-Inf"]`} {
		if !json.Valid(out.Bytes()) || !strings.Contains(out.String(), want) {
			t.Errorf("%s does not say %s", out.String(), want)
		}
	}
	out.Reset()
	if code := run([]string{"inspect", path}, nil, &out, &stderr); code != 0 || !strings.Contains(out.String(), "[+Inf 1 -Inf]") {
		t.Error(out.String())
	}
}
