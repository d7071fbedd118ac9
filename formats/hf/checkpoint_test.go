package hf

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/strictjson"
	"github.com/qconv/qconv/formats/safetensors"
)

func open(t testing.TB, files map[string]string) (*Checkpoint, error) {
	t.Helper()
	return Open(memory{name: "m", files: files}, DefaultLimits())
}

func mustOpen(t testing.TB, files map[string]string) *Checkpoint {
	t.Helper()
	c, err := open(t, files)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestOpenInReferenceOrder(t *testing.T) {
	// Files are in the order of their names, tensors bytewise inside: layers.10 comes before layers.2.
	files := with(good(t), "zz.safetensors", shard(t, "m.layers.2.w", "m.layers.10.w", "M"), one, shard(t, "é", "z"), two, "",
		indexName, indexOf(80, "é", one, "z", one, "m.layers.2.w", "zz.safetensors", "M", "zz.safetensors", "m.layers.10.w", "zz.safetensors"))
	c := mustOpen(t, files)
	defer c.Close()
	var got []string
	for _, x := range c.Tensors {
		got = append(got, fmt.Sprint(x.File, " ", x.Name))
	}
	if want := []string{"0 z", "0 é", "1 M", "1 m.layers.10.w", "1 m.layers.2.w"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	wantNotice(t, c, "")
	for i := range c.Tensors {
		x := &c.Tensors[i]
		if !reflect.DeepEqual(x.Shape, []int64{2, 2}) || x.Bytes != 16 || x.Dtype != "F32" {
			t.Errorf("tensor %+v", x)
		}
		p := []byte{9, 9}
		if err := c.ReadAt(x, p, 0); err != nil || p[0] > 2 || p[1] != 0 {
			t.Errorf("%s: read %v, %v", x.Name, p, err)
		}
	}
	// The data follow the file's own order: "m.layers.2.w" was written first.
	p := []byte{9}
	if c.ReadAt(&c.Tensors[4], p, 0); p[0] != 0 {
		t.Errorf("m.layers.2.w starts with %d", p[0])
	}
	if c.Files[0].HeaderSHA256 == c.Files[1].HeaderSHA256 || c.Files[0].HeaderSHA256 == [32]byte{} {
		t.Error("header digests do not tell files apart")
	}
	if err := c.Unchanged(); err != nil {
		t.Error(err)
	}
}

func TestReadAtStaysInside(t *testing.T) {
	c := mustOpen(t, good(t))
	defer c.Close()
	for _, x := range []struct {
		n   int
		off int64
	}{{17, 0}, {1, 16}, {2, 15}, {1, -1}, {1, 1 << 62}} {
		if err := c.ReadAt(&c.Tensors[0], make([]byte, x.n), x.off); err == nil {
			t.Errorf("read of %d bytes at %d of a tensor of 16 succeeded", x.n, x.off)
		}
	}
	if err := c.ReadAt(&c.Tensors[0], nil, 16); err != nil {
		t.Errorf("empty read at the end: %v", err)
	}
}

func TestB15ReadError(t *testing.T) {
	src := memory{name: "m", files: good(t), fail: map[string]int64{one: 0}}
	_, err := Open(src, DefaultLimits())
	refuse(t, err, fault.IO, one, "input/output error", "byte 0")

	size := int64(len(src.files[one]))
	src.fail = map[string]int64{one: size - 1}
	c, err := Open(src, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	refuse(t, c.ReadAt(&c.Tensors[1], make([]byte, 16), 0), fault.IO, one, `tensor "b"`, "input/output error", fmt.Sprintf("byte %d", size-16))

	src.fail = map[string]int64{configName: 0}
	_, err = Open(src, DefaultLimits())
	refuse(t, err, fault.IO, configName, "input/output error")
}

// TestD13ShortReadIsAnError: bytes that a reader did not deliver are never taken for data.
func TestD13ShortReadIsAnError(t *testing.T) {
	c := mustOpen(t, good(t))
	defer c.Close()
	c.Files[0].Blob.(*memoryBlob).size -= 3
	refuse(t, c.ReadAt(&c.Tensors[1], make([]byte, 16), 0), fault.IO, one, "ends 3 bytes early")
}

func TestIndexSyntax(t *testing.T) {
	for _, x := range []struct{ name, index, words string }{
		{"empty", " ", "unexpected end"},
		{"list", `[]`, "expected an object"},
		{"no map", `{"metadata":{}}`, "no weight_map"},
		{"map is null", `{"weight_map":null}`, "expected an object"},
		{"map is empty", `{"weight_map":{}}`, "weight_map is empty"},
		{"duplicate tensor", `{"weight_map":{"a":"x","a":"x"}}`, `duplicate key "a"`},
		{"duplicate map", `{"weight_map":{"a":"x"},"weight_map":{"a":"x"}}`, "duplicate key"},
		{"number as file", `{"weight_map":{"a":1}}`, "expected a string"},
		{"null as file", `{"weight_map":{"a":null}}`, "expected a string"},
		{"second document", `{"weight_map":{"a":"x"}}{}`, "more data"},
		{"not UTF-8", "{\"weight_map\":{\"\xff\":\"x\"}}", "UTF-8"},
		{"deep", strings.Repeat(`{"metadata":`, 1) + strings.Repeat("[", 20000), "nested deeper"},
		{"escape in a name", `{"weight_map":{"\u001b[31m":"../\u001b"}}`, `\x1b`},
	} {
		t.Run(x.name, func(t *testing.T) {
			_, err := open(t, with(good(t), indexName, x.index))
			refuse(t, err, fault.Malformed, indexName, x.words)
		})
	}
}

func TestLimits(t *testing.T) {
	small := DefaultLimits()
	small.Tensors = 2
	_, err := Open(memory{name: "m", files: good(t)}, small)
	refuse(t, err, fault.Limit, "3 tensors", "limit is 2")
	small.Tensors = 3
	if c, err := Open(memory{name: "m", files: good(t)}, small); err != nil {
		t.Error(err)
	} else {
		c.Close()
	}
	for _, name := range []string{indexName, configName, cardName, generationName} {
		limit := map[string]int64{indexName: IndexLimit, cardName: CardLimit}[name]
		if limit == 0 {
			limit = ConfigLimit
		}
		// The size alone is judged: the file is not read.
		src := memory{name: "m", files: with(good(t), name, "x"), size: map[string]int64{name: limit + 1}, fail: map[string]int64{name: 0}}
		c, err := Open(src, DefaultLimits())
		if err == nil {
			_, err = c.Metadata(MetadataOptions{})
			c.Close()
		}
		refuse(t, err, fault.Limit, name, fmt.Sprint(limit))
	}
	for _, n := range []int64{9, 10, 11} {
		data, found, err := ReadFile(memory{files: map[string]string{"f": strings.Repeat("x", int(n))}}, "f", 10)
		if !found || (err == nil) != (n <= 10) || err == nil && int64(len(data)) != n {
			t.Errorf("%d bytes with a limit of 10: %d bytes, %v", n, len(data), err)
		}
	}
}

// TestDeepSeekSize opens headers of the size of DeepSeek-R1: 91,991 tensors in 163 files. The data
// are zeros that exist nowhere.
func TestDeepSeekSize(t *testing.T) {
	const nTensors, nFiles = 91_991, 163
	src := memory{name: "R1", files: map[string]string{configName: `{}`}, size: map[string]int64{}}
	var places []string
	var total int64
	for f := range nFiles {
		name := fmt.Sprintf("model-%05d-of-%06d.safetensors", f+1, nFiles)
		var ts []safetensors.Tensor
		for i := f; i < nTensors; i += nFiles {
			tensor := fmt.Sprintf("model.layers.%d.mlp.experts.%d.down_proj.weight_scale_inv.%d", i%61, i%256, i)
			ts = append(ts, safetensors.Tensor{Name: tensor, Dtype: "F8_E4M3", Shape: []int64{2048, 3584}})
			places = append(places, tensor, name)
			total += 2048 * 3584
		}
		head, err := safetensors.WriteHeader(ts, nil)
		if err != nil {
			t.Fatal(err)
		}
		last := ts[len(ts)-1]
		src.files[name], src.size[name] = string(head), int64(len(head))+last.Bytes*int64(len(ts))
	}
	src.files[indexName] = indexOf(total, places...)
	c, err := Open(src, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if len(c.Tensors) != nTensors || len(c.Files) != nFiles {
		t.Errorf("%d tensors in %d files", len(c.Tensors), len(c.Files))
	}
	wantNotice(t, c, "")
	p := []byte{1}
	x := &c.Tensors[nTensors-1]
	if err := c.ReadAt(x, p, x.Bytes-1); err != nil || p[0] != 0 {
		t.Errorf("last byte %d, %v", p[0], err)
	}
}

// TestShippedModels opens the checkpoints that the project ships.
func TestShippedModels(t *testing.T) {
	dirs, err := filepath.Glob("../../testdata/*/model*.safetensors")
	if err != nil || len(dirs) == 0 {
		t.Skip("skipped: no checkpoint under testdata")
	}
	more, _ := filepath.Glob("../../testdata/fixtures/*/model*.safetensors")
	seen := map[string]bool{}
	for _, file := range append(dirs, more...) {
		dir := filepath.Dir(file)
		if seen[dir] {
			continue
		}
		seen[dir] = true
		t.Run(filepath.Base(dir), func(t *testing.T) {
			c, err := Open(Dir(dir, false), DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			wantNotice(t, c, "")
			if c.Name != filepath.Base(dir) || len(c.Tensors) == 0 {
				t.Errorf("%q with %d tensors", c.Name, len(c.Tensors))
			}
			if _, err := c.Metadata(MetadataOptions{}); err != nil {
				t.Error(err)
			}
			if err := c.Unchanged(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestRealIndexes parses indexes of published models.
func TestRealIndexes(t *testing.T) {
	files, _ := filepath.Glob("../../../shared/data/configs/*/model.safetensors.index*.json")
	if len(files) == 0 {
		t.Skip("skipped: ../shared/data is absent")
	}
	for _, f := range files {
		doc, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		x, err := parseIndex(doc)
		if err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		v, _ := strictjson.Parse(doc, maxDepth)
		if want := len(v.Get("weight_map").Pairs); len(x.file) != want || want == 0 {
			t.Errorf("%s: %d tensors, want %d", f, len(x.file), want)
		}
	}
}
