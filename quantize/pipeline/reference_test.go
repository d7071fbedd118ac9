package pipeline_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/formats/hf"
	"github.com/qconv/qconv/quantize/mix"
	"github.com/qconv/qconv/quantize/pipeline"
)

const (
	goldens = "../../testdata/golden"
	shared  = "../../../shared/data"
)

// listing is a recording of a file that the reference converter made; testdata/listing.py has the form.
type listing struct {
	file, header string // SHA-256
	kvs          []string
	tensors      []string
}

func readListing(t *testing.T, path string) (l listing) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		w := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		switch w[0] {
		case "file":
			l.file = w[2]
		case "header":
			l.header = w[2]
		case "kv":
			l.kvs = append(l.kvs, w[1])
		case "tensor":
			l.tensors = append(l.tensors, strings.Join(w[1:5], " "))
		}
	}
	return l
}

// TestReferenceFiles converts every small source to F32, F16 and BF16: the whole file equals the one that the
// reference converter made (testdata/record_reference.py).
func TestReferenceFiles(t *testing.T) {
	sources := map[string]string{"harbour-2m": "../../testdata/harbour-2m"}
	for _, dir := range []string{"../../testdata/fixtures", shared + "/models/stories260K"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Logf("skipped: %s is absent", dir)
			continue
		}
		for _, e := range entries {
			if !e.IsDir() {
				continue
			}
			name := e.Name()
			if strings.HasPrefix(dir, shared) {
				name = "stories260K-" + name
			}
			sources[name] = filepath.Join(dir, e.Name())
		}
	}
	for name, dir := range sources {
		for _, typ := range []string{"f32", "f16", "bf16"} {
			t.Run(name+"."+typ, func(t *testing.T) {
				want := readListing(t, filepath.Join(goldens, "reference", name+"."+typ+".tsv"))
				opts := pipeline.Options{FileName: "out.gguf"}
				if name == "stories260K-derived-qwen2-bf16" {
					opts.Pre = "default"
				}
				p := planCheckpoint(t, dir, typ, opts)
				compareHeader(t, p, want)
				r, err := p.WriteFiles(context.Background(), pipeline.Output{Dir: t.TempDir()})
				if err != nil {
					t.Fatal(err)
				}
				if got := r.Files[0].SHA256; got != want.file {
					t.Errorf("file is %s, the reference's %s", got, want.file)
				}
			})
		}
	}
}

// TestReferenceRealHeaders plans checkpoints with real configs, tokenizers and tensor lists: the header equals the
// reference's. The weights do not matter to it and are sparse zeros.
func TestReferenceRealHeaders(t *testing.T) {
	if _, err := os.Stat(shared); err != nil {
		t.Skipf("skipped: %s is absent", shared)
	}
	for _, name := range realNames(t) {
		t.Run(name, func(t *testing.T) {
			dir := assemble(t, name)
			want := readListing(t, filepath.Join(goldens, "reference", name+".bf16.tsv"))
			compareHeader(t, planCheckpoint(t, dir, "bf16", pipeline.Options{FileName: "out.gguf"}), want)
		})
	}
}

func planCheckpointFiles(t *testing.T, dir string) *hf.Checkpoint {
	t.Helper()
	ck, err := hf.Open(hf.Dir(dir, false), hf.DefaultLimits())
	check(t, err)
	t.Cleanup(func() { ck.Close() })
	return ck
}

func planWith(t *testing.T, dir, typ string, o pipeline.Options) (*pipeline.Plan, error) {
	t.Helper()
	var ok bool
	if o.Recipe, ok = mix.ParseRecipe(typ); !ok {
		t.Fatalf("no recipe %q", typ)
	}
	return pipeline.FromCheckpoint(planCheckpointFiles(t, dir), o)
}

func planCheckpoint(t *testing.T, dir, typ string, o pipeline.Options) *pipeline.Plan {
	t.Helper()
	p, err := planWith(t, dir, typ, o)
	check(t, err)
	return p
}

// compareHeader compares keys, tensors and at last every byte.
func compareHeader(t *testing.T, p *pipeline.Plan, want listing) {
	t.Helper()
	var kvs, tensors []string
	for _, kv := range p.KVs {
		kvs = append(kvs, kv.Key)
	}
	l := p.Parts[0].Layout
	for _, x := range l.Tensors {
		tensors = append(tensors, fmt.Sprintf("%s %v %s %d", x.Name, x.Type, dims(x), x.Offset))
	}
	firstDifference(t, "key", kvs, want.kvs)
	firstDifference(t, "tensor", tensors, want.tensors)
	if got := sha256.Sum256(l.Header); hex.EncodeToString(got[:]) != want.header {
		t.Errorf("header is %x, the reference's %s", got, want.header)
	}
}

func dims(t gguf.Tensor) string {
	var b bytes.Buffer
	for i, d := range t.Shape {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprint(&b, d)
	}
	return b.String()
}

func firstDifference(t *testing.T, what string, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		g, w := "nothing", "nothing"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Errorf("%s %d is %s, the reference's %s", what, i, g, w)
			return
		}
	}
}
