package verify

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/arch"
	"github.com/qconv/qconv/quantize/mix"
	"github.com/qconv/qconv/quantize/pipeline"
)

// TestBlockKeys: every number of a forward recipe has its keys, or is known to have none.
func TestBlockKeys(t *testing.T) {
	left := map[string]bool{}
	for path := range blockKeys {
		left[path] = true
	}
	var walk func(v reflect.Type, path string)
	walk = func(v reflect.Type, path string) {
		for i := range v.NumField() {
			f := v.Field(i)
			if f.Type.Kind() == reflect.Struct {
				walk(f.Type, path+f.Name+".")
				continue
			}
			if _, ok := blockKeys[path+f.Name]; !ok {
				t.Errorf("no keys for %s", path+f.Name)
			}
			delete(left, path+f.Name)
		}
	}
	walk(reflect.TypeFor[arch.Block](), "")
	for path := range left {
		t.Errorf("keys for %s, which there is not", path)
	}
}

// changed gives a value near to one that a key has, of the same type.
func changed(v any) any {
	switch v := v.(type) {
	case uint32:
		return v + 2
	case int32:
		return v + 2
	case float32:
		return v*1.5 + 1
	case bool:
		return !v
	case string:
		return v + "x"
	case []string:
		v = slices.Clone(v)
		v[len(v)/2] += "x"
		return v
	case []float32:
		v = slices.Clone(v)
		v[len(v)/2]++
		return v
	case []int32:
		v = slices.Clone(v)
		v[len(v)/2] ^= 3
		return v
	case []uint32:
		v = slices.Clone(v)
		v[len(v)/2]++
		return v
	}
	panic(v)
}

// TestKeys changes and removes every key of every architecture's file. What the model or the tokenizer depends on is found,
// and the finding names the key.
func TestKeys(t *testing.T) {
	t.Parallel()
	dirs, _ := filepath.Glob(testdata + "fixtures/*/config.json")
	dirs = append(dirs, tiny+"/config.json")
	if len(dirs) < 9 {
		t.Fatalf("%d checkpoints", len(dirs))
	}
	recipe, _ := mix.ParseRecipe("Q8_0")
	keys := 0
	for _, config := range dirs {
		ck := checkpoint(t, filepath.Dir(config))
		whole := open(t, converted(t, ck, pipeline.Options{Recipe: recipe}))
		src := FromCheckpoint(ck, "")
		look := func(p *patient) *Report {
			s := subject(t, p.file(), src)
			r := s.describe()
			check(t, s.structure(r))
			check(t, s.keys(r))
			r.Settle()
			return r
		}
		if r := look(whole); !r.Pass || len(r.Notices) > 0 && ck.Name != "hunyuan-moe" { // whose vocabulary is cut, and its class names tokens of the whole one
			t.Errorf("%s: %v\n%s", config, r.Notices, findings(r))
		}
		name := src.whole.Arch
		for i, kv := range whole.kvs {
			isTokenizer := strings.HasPrefix(kv.Key, "tokenizer.")
			if !isTokenizer && !strings.HasPrefix(kv.Key, name+".") {
				continue
			}
			p := *whole
			p.kvs = slices.Clone(whole.kvs)
			p.kvs[i].Value = changed(kv.Value)
			keys++
			named(t, config, "changed", kv.Key, look(&p), false)
			p.kvs = slices.Delete(slices.Clone(whole.kvs), i, i+1)
			named(t, config, "removed", kv.Key, look(&p), !isTokenizer)
		}
	}
	t.Logf("%d keys", keys)
}

// named: a finding names the key, or for keys with a default the notes do.
func named(t *testing.T, config, what, key string, r *Report, noted bool) {
	t.Helper()
	if strings.Contains(findings(r), key) {
		return
	}
	if noted && slices.ContainsFunc(r.Notices, func(n string) bool { return strings.Contains(n, key+" is in only one") }) {
		return
	}
	if slices.ContainsFunc(r.Findings, func(f Finding) bool { return strings.Contains(f.Text, "is another model") }) {
		for _, short := range []string{".block_count", ".embedding_length"} {
			if strings.HasSuffix(key, short) {
				return
			}
		}
	}
	t.Errorf("%s: %s %s: %v\n%s", config, key, what, r.Notices, findings(r))
}

// TestDifference compares values of keys.
func TestDifference(t *testing.T) {
	for _, c := range []struct {
		mine, theirs any
		want         string
	}{
		{uint32(4), int64(4), ""},
		{uint32(4), uint32(5), "is 4, the source says 5"},
		{int32(-1), uint64(1<<64 - 1), "is -1, the source says 18446744073709551615"},
		{float32(1e-6), 1e-6, ""},
		{float32(1e-6), float32(1e-5), "is 1e-06, the source says 1e-05"},
		{true, false, "is true, the source says false"},
		{"a", "b", `is "a", the source says "b"`},
		{"1", uint32(1), `is "1", the source says 1`},
		{uint32(8), []uint32{8, 8}, ""},
		{[]int32{8, 9}, uint32(8), "is [8 9], the source says 8"},
		{[]string{"a", "b", "c"}, []string{"a", "c", "b"}, `has "b" at index 1, where the source has "c"; entries that differ: 2`},
		{[]string{"a"}, []string{"a", "b"}, `ends after 1 at index 1, where the source has "b"; entries that differ: 1`},
		{[]float32{1}, []float32{1}, ""},
	} {
		if got := difference(c.mine, c.theirs); got != c.want {
			t.Errorf("%v and %v: %q, want %q", c.mine, c.theirs, got, c.want)
		}
	}
}
