package hf

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/safetensors"
)

// shard makes a file with one F32 tensor of 4 elements for each name. The first byte of each
// tensor's data is its place.
func shard(t testing.TB, names ...string) string {
	t.Helper()
	ts := make([]safetensors.Tensor, len(names))
	for i, n := range names {
		ts[i] = safetensors.Tensor{Name: n, Dtype: "F32", Shape: []int64{2, 2}}
	}
	head, err := safetensors.WriteHeader(ts, nil)
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 16*len(names))
	for i := range names {
		data[16*i] = byte(i)
	}
	return string(head) + string(data)
}

// indexOf makes an index; places are tensor, file, tensor, file, ...
func indexOf(totalSize int64, places ...string) string {
	var entries []string
	for i := 0; i < len(places); i += 2 {
		entries = append(entries, fmt.Sprintf("%q:%q", places[i], places[i+1]))
	}
	return fmt.Sprintf(`{"metadata":{"total_size":%d},"weight_map":{%s}}`, totalSize, strings.Join(entries, ","))
}

const (
	one   = "model-00001-of-00002.safetensors"
	two   = "model-00002-of-00002.safetensors"
	three = "model-00003-of-00003.safetensors"
)

// good is a checkpoint of two shards and an index.
func good(t testing.TB) map[string]string {
	return map[string]string{
		configName: `{"architectures":["LlamaForCausalLM"]}`,
		indexName:  indexOf(48, "a", one, "b", one, "c", two),
		one:        shard(t, "a", "b"),
		two:        shard(t, "c"),
	}
}

// with gives a copy of files with changes: pairs of name and content, where "" removes a file.
func with(files map[string]string, changes ...string) map[string]string {
	out := map[string]string{}
	for k, v := range files {
		out[k] = v
	}
	for i := 0; i < len(changes); i += 2 {
		if changes[i+1] == "" {
			delete(out, changes[i])
		} else {
			out[changes[i]] = changes[i+1]
		}
	}
	return out
}

// writeDir puts files into a new directory.
func writeDir(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// refuse checks the kind of an error and that its text has all of words.
func refuse(t *testing.T, err error, kind fault.Kind, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("accepted, want a fault of kind %d", kind)
	}
	if got := fault.KindOf(err); got != kind {
		t.Errorf("kind %d, want %d: %v", got, kind, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
	if strings.ContainsAny(err.Error(), "\x00\x1b\n") {
		t.Errorf("control characters in %q", err)
	}
}

// wantNotice checks that exactly one notice has the words, or that there is none when words is "".
func wantNotice(t *testing.T, c *Checkpoint, words string) {
	t.Helper()
	if words == "" && len(c.Notices) == 0 || len(c.Notices) == 1 && words != "" && strings.Contains(c.Notices[0], words) {
		return
	}
	t.Errorf("notices %q, want %q", c.Notices, words)
}
