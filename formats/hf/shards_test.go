package hf

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
)

// TestBRowsOfTheSet holds the rows about which files make a checkpoint.
func TestBRowsOfTheSet(t *testing.T) {
	plain := map[string]string{configName: `{}`}
	long := good(t)
	var places, absent []string
	for i := range 30 {
		name := fmt.Sprintf("part-%02d.safetensors", i)
		places, absent = append(places, fmt.Sprint("t", i), name), append(absent, name)
	}
	for _, x := range []struct {
		name  string
		files map[string]string
		kind  fault.Kind
		words []string
	}{
		{"B1 shard absent", with(good(t), two, ""), fault.Malformed, []string{two, "1 model file is missing"}},
		{"B1 all shards absent", with(good(t), one, "", two, ""), fault.Malformed, []string{one + ", " + two}},
		{"B1 thirty absent, all listed", with(long, indexName, indexOf(0, places...)), fault.Malformed, absent},
		{"B2 other shard", with(good(t), indexName, indexOf(48, "a", one, "b", two, "c", two)), fault.Mismatch, []string{`tensor "b"`, one, two}},
		{"B3 not in index", with(good(t), indexName, indexOf(48, "a", one, "c", two)), fault.Mismatch, []string{"does not name 1 tensors", "b"}},
		{"B3 not in shards", with(good(t), indexName, indexOf(48, "a", one, "b", one, "c", two, "d", two)), fault.Mismatch, []string{two, "d"}},
		{"B4 twice", with(good(t), two, shard(t, "c", "a")), fault.Mismatch, []string{`tensor "a"`, one, two}},
		{"B9 second of three", with(plain, "model-00001-of-00003.safetensors", shard(t, "a"), three, shard(t, "b")), fault.Malformed, []string{"model-00002-of-00003.safetensors"}},
		{"B9 first and last of five", with(plain, "model-00002-of-00005.safetensors", shard(t, "a")), fault.Malformed, []string{"model-00001-of-00005.safetensors", "model-00005-of-00005.safetensors", "4 model files"}},
		{"B9 wider numbers", with(plain, "model-00001-of-000002.safetensors", shard(t, "a")), fault.Malformed, []string{"model-00002-of-000002.safetensors"}},
		{"B9 a count from hell", with(plain, "model-00001-of-9223372036854775807.safetensors", shard(t, "a")), fault.Malformed, []string{"9223372036854775806 model files", "and 9223372036854775786 more"}},
		{"B9 two sets", with(plain, one, shard(t, "a"), three, shard(t, "b")), fault.Mismatch, []string{"set of 2", "set of 3"}},
		{"B9 number zero", with(plain, "model-00000-of-00002.safetensors", shard(t, "a")), fault.Mismatch, []string{"part number 0 of 2"}},
		{"B10 single beside shards, no index", with(good(t), indexName, "", singleName, shard(t, "a")), fault.Mismatch, []string{`tensor "a"`, singleName}},
		{"B11 pickle", with(plain, "pytorch_model.bin", "x", "notes.txt", "y"), fault.Unsupported, []string{"pytorch_model.bin", "safe_serialization"}},
		{"B11 pickle in parts", with(plain, "pytorch_model-00001-of-00002.bin", "x", "pytorch_model.bin.index.json", "{}"), fault.Unsupported, []string{"pickle"}},
		{"B11 pt", with(plain, "consolidated.00.pth", "x"), fault.Unsupported, []string{"consolidated.00.pth", "pickle"}},
		{"consolidated safetensors", with(plain, "consolidated.safetensors", shard(t, "a")), fault.Unsupported, []string{"Mistral"}},
		{"GGUF in a directory", with(plain, "x.gguf", "GGUF"), fault.Usage, []string{"give the file"}},
		{"no model", plain, fault.Malformed, []string{".safetensors"}},
		{"no config", with(good(t), configName, ""), fault.Malformed, []string{configName, "missing"}},
		{"A24 Git LFS pointer as shard", with(good(t), two, "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"), fault.Malformed, []string{two, "git lfs pull"}},
		{"A16 truncated shard", with(good(t), two, shard(t, "c")[:80]), fault.Malformed, []string{two}},
	} {
		t.Run(x.name, func(t *testing.T) {
			c, err := open(t, x.files)
			if err == nil {
				c.Close()
			}
			refuse(t, err, x.kind, x.words...)
		})
	}
}

func TestB5IndexNames(t *testing.T) {
	for _, name := range badNames {
		quoted := strings.NewReplacer(`\`, `\\`, "\x00", `\u0000`).Replace(name)
		var opened []string
		files := with(good(t), indexName, `{"weight_map":{"a":"`+one+`","b":"`+quoted+`"}}`)
		_, err := Open(memory{name: "m", files: files, opened: &opened}, DefaultLimits())
		refuse(t, err, fault.Malformed, indexName, `tensor "b"`, "file name")
		for _, o := range opened {
			if o != configName && o != indexName {
				t.Errorf("%q: %s was opened before the index was judged", name, o)
			}
		}
	}
}

func TestB8TotalSize(t *testing.T) {
	for _, x := range []struct{ metadata, notice string }{
		{`{"total_size":48}`, ""},
		{`{"total_size":48.0}`, ""},
		{`{}`, ""},
		{`null`, ""},
		{`[]`, ""},
		{`{"total_size":49}`, "total_size is 49, the tensors hold 48 bytes"},
		{`{"total_size":-1}`, "total_size is -1"},
		{`{"total_size":"48"}`, "not an integer"},
		{`{"total_size":1e300}`, "not an integer"},
		{`{"total_size":NaN}`, "not an integer"},
	} {
		c := mustOpen(t, with(good(t), indexName, `{"metadata":`+x.metadata+`,"weight_map":{"a":"`+one+`","b":"`+one+`","c":"`+two+`"}}`))
		wantNotice(t, c, x.notice)
		c.Close()
	}
}

func TestB10IndexDecides(t *testing.T) {
	c := mustOpen(t, with(good(t), singleName, shard(t, "a", "zzz")))
	defer c.Close()
	wantNotice(t, c, "not read: "+singleName)
	if len(c.Files) != 2 || c.Files[0].Name != one || c.Files[1].Name != two {
		t.Errorf("files %v", c.Files)
	}
}

func TestWithoutIndex(t *testing.T) {
	c := mustOpen(t, map[string]string{configName: "{}", singleName: shard(t, "a"), "adapter_model.safetensors": shard(t, "b"), "consolidated.safetensors": shard(t, "c")})
	defer c.Close()
	if len(c.Tensors) != 1 || c.Tensors[0].Name != "a" {
		t.Errorf("tensors %v", c.Tensors)
	}
	c2 := mustOpen(t, with(good(t), indexName, ""))
	defer c2.Close()
	if len(c2.Tensors) != 3 {
		t.Errorf("tensors %v", c2.Tensors)
	}
}

// TestB11PickleIsNotOpened and TestB23: code in a checkpoint is never even read.
func TestB11PickleIsNotOpened(t *testing.T) {
	var opened []string
	files := map[string]string{configName: `{}`, "pytorch_model.bin": "x"}
	_, err := Open(memory{name: "m", files: files, opened: &opened}, DefaultLimits())
	refuse(t, err, fault.Unsupported)
	if slices.Contains(opened, "pytorch_model.bin") {
		t.Error("the pickle was opened")
	}
}

func TestB23CodeIsNotOpened(t *testing.T) {
	var opened []string
	files := with(good(t), configName, `{"auto_map":{"AutoModelForCausalLM":"modeling_x.Model"},"architectures":["X"]}`, "modeling_x.py", "import os", "setup.sh", "true", "x.bin", "y")
	src := memory{name: "m", files: files, opened: &opened}
	c, err := Open(src, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Metadata(MetadataOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range opened {
		if !slices.Contains([]string{configName, indexName, one, two, cardName, generationName}, name) {
			t.Errorf("%s was opened", name)
		}
	}
}
