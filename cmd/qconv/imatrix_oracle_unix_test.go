//go:build unix

package main

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var (
	quantizeReference = flag.String("oracle", "", "path of quantize_parity.py, which runs llama-quantize's code")
	pythonPath        = flag.String("python", "python3", "interpreter with numpy for -oracle")
)

// TestImatrixReference lets the reference's quantizer use importance files that imatrix writes, in both forms: it makes the
// bytes that quantize and convert make with them. Without -oracle there is nothing to compare with.
func TestImatrixReference(t *testing.T) {
	if *quantizeReference == "" {
		t.Skip("the reference is not asked; -oracle ../../testdata/quantize_parity.py -python PYTHON does")
	}
	script, err := filepath.Abs(*quantizeReference)
	if err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(testdata(t, "harbour-2m"), "held-out.txt")
	ok := func(line ...string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if code := run(line, nil, &stdout, &stderr); code != 0 {
			t.Fatalf("%q: exit code %d: %s", line, code, stderr.String())
		}
	}
	files := 0
	sources := []string{testdata(t, "harbour-2m"), testdata(t, "fixtures/mixtral"), testdata(t, "fixtures/deepseek-v3")}
	for i, source := range []struct {
		name  string
		types []string
	}{
		{"harbour-2m", []string{"Q2_K", "Q2_K_S", "Q3_K_M", "Q4_0", "Q4_K_M", "Q5_K_S", "Q6_K", "IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_M", "IQ3_XXS", "IQ3_M", "IQ4_NL", "IQ4_XS"}},
		{"fixtures/mixtral", []string{"Q2_K", "Q4_K_M", "IQ2_M", "IQ4_XS"}},
		{"fixtures/deepseek-v3", []string{"Q4_K_M", "IQ4_XS"}},
	} {
		t.Chdir(t.TempDir())
		src := sources[i]
		ok("convert", src, "--type", "BF16", "-o", "base.gguf")
		for _, file := range []string{"i.gguf", "i.dat"} {
			ok("imatrix", src, "-f", text, "--ctx", "128", "--chunks", "16", "--process-output", "-o", file)
			for _, typ := range source.types {
				if log, err := exec.Command(*pythonPath, script, "reference", "--imatrix", file, "base.gguf", "theirs.gguf", typ).CombinedOutput(); err != nil {
					t.Errorf("%s: the reference refused %s with %s: %v: %s", source.name, typ, file, err, log)
					continue
				}
				ok("quantize", "--imatrix", file, "base.gguf", "quantized.gguf", typ)
				ok("convert", src, "--type", typ, "--imatrix", file, "-o", "converted.gguf")
				theirs := contents(t, "theirs.gguf")
				for _, ours := range []string{"quantized.gguf", "converted.gguf"} {
					files++
					if !bytes.Equal(contents(t, ours), theirs) {
						t.Errorf("%s as %s with %s: %s is not the reference's", source.name, typ, file, ours)
					}
					must(t, os.Remove(ours))
				}
				must(t, os.Remove("theirs.gguf"))
			}
		}
	}
	t.Logf("%d files compared", files)
}

// TestImatrixProgress: with --json, every line is an object, and the last says that it is done.
func TestImatrixProgress(t *testing.T) {
	dir := testdata(t, "harbour-2m")
	t.Chdir(t.TempDir())
	var stdout, stderr bytes.Buffer
	if code := run([]string{"imatrix", dir, "-f", filepath.Join(dir, "held-out.txt"), "--ctx", "512", "--json"}, nil, &stdout, &stderr); code != 0 {
		t.Fatal(stderr.String())
	}
	lines := strings.Split(strings.TrimSpace(stdout.String()), "\n")
	for i, line := range lines {
		want := `{"event":"progress","phase":"collect","done_tokens":`
		if i == len(lines)-1 {
			want = `{"event":"done","source":"harbour-2m","file":{"path":"imatrix.gguf",`
		}
		if !strings.HasPrefix(line, want) {
			t.Errorf("line %d: %s", i, line)
		}
	}
	holds(t, ".", "imatrix.gguf")
}
