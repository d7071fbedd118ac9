package arch

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/internal/strictjson"
)

// golden is a recording of llama.cpp's converter: testdata/record.py says what its lines mean.
type golden struct {
	config strictjson.Value
	src    []Source
	facts  []string // kv, out and values lines
	digest string
	count  int
}

func mustParse(t testing.TB, doc []byte) strictjson.Value {
	t.Helper()
	v, err := strictjson.Parse(doc, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func dims(t testing.TB, s string) []int64 {
	t.Helper()
	if s == "-" || s == "" {
		return nil
	}
	var out []int64
	for _, p := range strings.Split(s, "x") {
		n, err := strconv.ParseInt(p, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, n)
	}
	return out
}

func readGolden(t testing.TB, path string) *golden {
	t.Helper()
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	g := &golden{}
	for _, line := range strings.Split(strings.TrimSuffix(string(doc), "\n"), "\n") {
		f := strings.Split(line, "\t")
		switch f[0] {
		case "config":
			g.config = mustParse(t, []byte(f[1]))
		case "src":
			g.src = append(g.src, Source{f[1], f[2], dims(t, f[3])})
		case "digest":
			g.digest = f[1]
			g.count, _ = strconv.Atoi(f[2])
		default:
			g.facts = append(g.facts, line)
		}
	}
	return g
}

func joined(shape []int64) string {
	parts := make([]string, len(shape))
	for i, n := range shape {
		parts[i] = strconv.FormatInt(n, 10)
	}
	return strings.Join(parts, "x")
}

// facts writes a binding as the recording does; data gives a target's values, or nil.
func facts(b *Binding, data func(*Target) []float32) []string {
	var out, values []string
	for _, kv := range b.KVs {
		var kind, value string
		switch v := kv.Value.(type) {
		case uint32:
			kind, value = "UINT32", strconv.FormatUint(uint64(v), 10)
		case float32:
			kind, value = "FLOAT32", fmt.Sprintf("%08x", math.Float32bits(v))
		case bool:
			kind, value = "BOOL", map[bool]string{true: "True", false: "False"}[v]
		case string:
			kind, value = "STRING", v
		case []int32:
			kind, value = "ARRAY", strings.Trim(strings.ReplaceAll(fmt.Sprint(v), " ", ","), "[]")
		}
		out = append(out, "kv\t"+kv.Key+"\t"+kind+"\t"+value)
	}
	for i := range b.Targets {
		t := &b.Targets[i]
		kept, sum := "-", "-"
		if t.F32 {
			kept = "F32"
		}
		if data != nil {
			var raw []byte
			for _, v := range data(t) {
				raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
			}
			h := sha256.Sum256(raw)
			sum = hex.EncodeToString(h[:8])
		}
		out = append(out, "out\t"+t.Name+"\t"+joined(t.Shape)+"\t"+kept+"\t"+sum)
		if t.Op == Generated {
			bits := make([]string, len(t.Values))
			for i, v := range t.Values {
				bits[i] = fmt.Sprintf("%08x", math.Float32bits(v))
			}
			values = append(values, "values\t"+t.Name+"\t"+strings.Join(bits, ","))
		}
	}
	return append(out, values...)
}

// values makes the values that record.py stored in source s, its scale applied.
func values(b *Binding, src []Source, s, scale int) []float32 {
	n := int64(1)
	for _, d := range src[s].Shape {
		n *= d
	}
	v := make([]float32, n)
	for i := range v {
		if src[s].Dtype == "F8_E4M3" {
			v[i] = float32((i + s) % 16)
		} else {
			v[i] = float32((7*i + 13*s) % 251)
		}
		if scale >= 0 {
			cols := int(src[s].Shape[1])
			at := i/cols/int(b.ScaleBlock[0])*int(src[scale].Shape[1]) + i%cols/int(b.ScaleBlock[1])
			v[i] *= float32(1 + (at+scale)%3)
		}
	}
	return v
}

// apply does what a target's Op says, as its comment defines it.
func apply(b *Binding, src []Source, t *Target) []float32 {
	if t.Op == Generated {
		return t.Values
	}
	var in [][]float32
	for i := range t.Src {
		in = append(in, values(b, src, t.Src[i], t.Scale[i]))
	}
	var out []float32
	switch t.Op {
	case Copy, Stack:
		for _, v := range in {
			out = append(out, v...)
		}
	case PermuteQK:
		shape := src[t.Src[0]].Shape
		rows := int(shape[0])
		width := len(in[0]) / rows
		d := rows / int(t.Heads)
		for r := range rows {
			h, k := r/d, r%d
			from := h*d + k/2 + k%2*(d/2)
			out = append(out, in[0][from*width:(from+1)*width]...)
		}
	case Split, SplitTransposed:
		shape := src[t.Src[0]].Shape
		width := int(shape[1])
		rows := int(shape[0] / t.Heads)
		for h := range int(t.Heads) {
			head := in[0][(h*rows+int(t.Skip))*width:][:int(t.Take)*width]
			if t.Op == Split {
				out = append(out, head...)
				continue
			}
			for c := range width {
				for r := range int(t.Take) {
					out = append(out, head[r*width+c])
				}
			}
		}
	}
	return out
}

func bindConfig(t testing.TB, cfg strictjson.Value, src []Source) *Binding {
	t.Helper()
	s, err := Match(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Bind(cfg, src)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func compareFacts(t *testing.T, got, want []string) {
	t.Helper()
	for i := 0; i < len(got) || i < len(want); i++ {
		g, w := "(end)", "(end)"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Fatalf("fact %d:\n got %s\nwant %s", i, g, w)
		}
	}
}

// TestGolden compares Bind with what llama.cpp's converter wrote for random checkpoints: keys with
// their types and bits, tensors with their shapes, order and values, and which stay F32.
func TestGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.tsv")
	if err != nil || len(paths) < 28 {
		t.Fatalf("%d recordings, %v", len(paths), err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".tsv")
		if strings.HasPrefix(name, "published-") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			g := readGolden(t, path)
			b := bindConfig(t, g.config, g.src)
			data := func(x *Target) []float32 { return apply(b, g.src, x) }
			if strings.HasSuffix(name, "-defaults") {
				data = nil // too large to be recorded with values
			}
			compareFacts(t, facts(b, data), g.facts)
		})
	}
}

const published = "../../../shared/data/configs"

// publishedSources reads a list of tensors and puts it in checkpoint order by an index.
func publishedSources(t testing.TB, dir, index, rows string) []Source {
	t.Helper()
	files := map[string]string{}
	for _, m := range mustParse(t, publishedFile(t, dir, index)).Get("weight_map").Pairs {
		files[m.Name], _ = m.Value.Str()
	}
	var src []Source
	lines := bufio.NewScanner(bytes.NewReader(publishedFile(t, dir, rows)))
	for lines.Scan() {
		f := strings.Split(lines.Text(), "\t")
		src = append(src, Source{f[0], f[1], dims(t, f[2])})
	}
	sort.Slice(src, func(i, j int) bool {
		a, b := src[i].Name, src[j].Name
		return files[a] < files[b] || files[a] == files[b] && a < b
	})
	return src
}

func publishedFile(t testing.TB, dir, name string) []byte {
	t.Helper()
	doc, err := os.ReadFile(filepath.Join(published, dir, name))
	if err != nil {
		t.Skipf("the published configs are not here: %v", err)
	}
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(bytes.NewReader(doc))
		if err == nil {
			doc, err = io.ReadAll(z)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return doc
}

// TestPublished binds the listings of published models and compares the digest of all facts.
func TestPublished(t *testing.T) {
	for _, c := range []struct{ dir, index, rows string }{
		{"qwq-32b-preview-generated", "model.safetensors.index.synthetic.json", "tensors.tsv"},
		{"hunyuan-a13b-generated", "model.safetensors.index.synthetic.json", "tensors.tsv"},
		{"deepseek-r1", "model.safetensors.index.synthetic.json.gz", "tensors.tsv.gz"},
		{"llama3.2-3b", "", ""},
	} {
		t.Run(c.dir, func(t *testing.T) {
			g := readGolden(t, "testdata/published-"+c.dir+".tsv")
			cfg := mustParse(t, publishedFile(t, c.dir, "config.json"))
			src := g.src
			if c.rows != "" {
				src = publishedSources(t, c.dir, c.index, c.rows)
			}
			b := bindConfig(t, cfg, src)
			got := facts(b, nil)
			var values []string
			if last := got[len(got)-1]; strings.HasPrefix(last, "values\t") {
				got, values = got[:len(got)-1], []string{last}
			}
			head := g.facts[:min(60, len(g.facts))]
			compareFacts(t, append(got[:len(head):len(head)], values...), append(head[:len(head):len(head)], g.facts[len(head):]...))
			h := sha256.Sum256([]byte(strings.Join(got, "\n") + "\n"))
			if sum := hex.EncodeToString(h[:8]); len(got) != g.count || sum != g.digest {
				t.Fatalf("%d facts with digest %s, recorded %d with %s", len(got), sum, g.count, g.digest)
			}
		})
	}
}

// BenchmarkBindDeepSeekR1 binds the 91,991 tensors of DeepSeek-R1.
func BenchmarkBindDeepSeekR1(b *testing.B) {
	cfg := mustParse(b, publishedFile(b, "deepseek-r1", "config.json"))
	src := publishedSources(b, "deepseek-r1", "model.safetensors.index.synthetic.json.gz", "tensors.tsv.gz")
	s, err := Match(cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ReportMetric(float64(len(src)), "tensors")
	for b.Loop() {
		if _, err := s.Bind(cfg, src); err != nil {
			b.Fatal(err)
		}
	}
}
