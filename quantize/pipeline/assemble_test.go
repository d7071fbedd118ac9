package pipeline_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/safetensors"
)

// recipe says how to put a checkpoint together from ../shared/data; testdata/assemble_real.py does the same.
type recipe struct {
	Files   [][2]string
	Cut     [][2]string
	Replace [][3]string
	Write   map[string]string
	Tensors string
	Index   string
}

func recipes(t *testing.T) map[string]recipe {
	t.Helper()
	b, err := os.ReadFile(goldens + "/real/recipes.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]recipe
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func realNames(t *testing.T) []string { return slices.Sorted(maps.Keys(recipes(t))) }

// assemble writes the checkpoint with sparse shards and gives its directory.
func assemble(t *testing.T, name string) string {
	t.Helper()
	r := recipes(t)[name]
	dir := filepath.Join(t.TempDir(), name)
	check(t, os.Mkdir(dir, 0o777))
	files := map[string][]byte{}
	for _, f := range r.Files {
		files[f[0]] = readData(t, f[1])
	}
	for _, c := range r.Cut {
		var kept []byte
		for line := range bytes.Lines(files[c[0]]) {
			if !bytes.HasPrefix(line, []byte(c[1])) {
				kept = append(kept, line...)
			}
		}
		files[c[0]] = kept
	}
	for _, c := range r.Replace {
		files[c[0]] = bytes.ReplaceAll(files[c[0]], []byte(c[1]), []byte(c[2]))
	}
	for name, text := range r.Write {
		files[name] = []byte(text)
	}
	files["model.safetensors.index.json"] = readData(t, r.Index)
	for name, b := range files {
		check(t, os.WriteFile(filepath.Join(dir, name), b, 0o666))
	}
	writeShards(t, dir, tensorList(t, r.Tensors), files["model.safetensors.index.json"])
	return dir
}

func readData(t *testing.T, path string) []byte {
	t.Helper()
	if golden, ok := strings.CutPrefix(path, "golden:"); ok {
		path = goldens + "/real/" + golden
	} else {
		path = filepath.Join(shared, path)
	}
	b, err := os.ReadFile(path)
	check(t, err)
	if strings.HasSuffix(path, ".gz") {
		z, err := gzip.NewReader(bytes.NewReader(b))
		check(t, err)
		b, err = io.ReadAll(z)
		check(t, err)
	}
	return b
}

func tensorList(t *testing.T, path string) (list []safetensors.Tensor) {
	t.Helper()
	for line := range strings.Lines(string(readData(t, path))) {
		w := strings.Split(strings.TrimSpace(line), "\t")
		x := safetensors.Tensor{Name: w[0], Dtype: safetensors.Dtype(w[1])}
		bits, _ := x.Dtype.Bits()
		x.Bytes = bits / 8
		for d := range strings.SplitSeq(w[2], "x") {
			n, err := strconv.ParseInt(d, 10, 64)
			check(t, err)
			x.Shape = append(x.Shape, n)
			x.Bytes *= n
		}
		list = append(list, x)
	}
	return list
}

// writeShards writes headers and leaves the data a hole.
func writeShards(t *testing.T, dir string, list []safetensors.Tensor, index []byte) {
	t.Helper()
	var in struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	check(t, json.Unmarshal(index, &in))
	shards := map[string][]safetensors.Tensor{}
	size := map[string]int64{}
	for _, x := range list {
		f := in.WeightMap[x.Name]
		x.Off = size[f]
		size[f] += x.Bytes
		shards[f] = append(shards[f], x)
	}
	for f, tensors := range shards {
		head, err := safetensors.WriteHeader(tensors, nil)
		check(t, err)
		path := filepath.Join(dir, f)
		check(t, os.WriteFile(path, head, 0o666))
		check(t, os.Truncate(path, int64(len(head))+size[f]))
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// atoi gives a decimal number, or 0.
func atoi(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}
