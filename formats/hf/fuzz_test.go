package hf

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

// FuzzIndex: an accepted index names plain files only and says what a lenient reader reads; a
// refused one gives a fault.
func FuzzIndex(f *testing.F) {
	f.Add([]byte(indexOf(48, "a", one, "b", one, "c", two)))
	f.Add([]byte(`{"weight_map":{"a":"../x"}}`))
	f.Add([]byte(`{"weight_map":{"a":"x","a":"y"},"metadata":{"total_size":1e3}}`))
	f.Add([]byte(`{"x":[{"y":null}],"weight_map":{"\u00e9\ud83d\ude00":"m\u002esafetensors"}}`))
	f.Add([]byte(`{"weight_map":{"a":"C:x"}} `))
	f.Fuzz(func(t *testing.T, doc []byte) {
		x, err := parseIndex(doc)
		if err != nil {
			var e *fault.Error
			if !errors.As(err, &e) || e.Kind != fault.Malformed {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		if !slices.IsSorted(x.files) || len(slices.Compact(slices.Clone(x.files))) != len(x.files) {
			t.Fatalf("files %q", x.files)
		}
		for _, name := range x.files {
			if strings.ContainsAny(name, "/\\\x00") || name == "" || name == "." || name == ".." {
				t.Fatalf("file name %q", name)
			}
		}
		var lenient struct {
			Map map[string]string `json:"weight_map"`
		}
		if json.Unmarshal(doc, &lenient) != nil {
			return // NaN, or depth: not JSON for that reader
		}
		if len(lenient.Map) != len(x.file) {
			return // it also takes "WEIGHT_MAP"
		}
		for tensor, i := range x.file {
			if lenient.Map[tensor] != x.files[i] {
				t.Fatalf("%q is in %q, or in %q", tensor, x.files[i], lenient.Map[tensor])
			}
		}
	})
}

// FuzzCard: whatever README.md, generation_config.json and the override hold, the keys are well
// formed and in order, or the fault says that the text is at fault.
func FuzzCard(f *testing.F) {
	for _, c := range [][3]string{
		{"---\nname: a\ntags: [x, y]\nbase_model:\n- a/b-7B\n- no\n---\n", `{"temperature":0.6,"top_k":20}`, `{"general.name":"x"}`},
		{"---\na: &a [*a]\n---", "", ""},
		{"---\na: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\ntags: [*c,*c]\n---", "{", "{}"},
		{"---\n<<: [{name: a}, {author: b}]\n=: x\n? y\n", `{"top_k":1.5}`, `{"general.tags":["a",1]}`},
		{"---\r\nversion: 1:30\rlicense: [0x1F, .inf]\u2028x: \"\\ud800\\0\"\n---", "[]", `{"general.base_models":[{"name":5}]}`},
		{"---\n- no\n\tx\n...\n--- y\n", "null", "null"},
		{"---\nname: !!str 5\nversion: !!binary aGk=\nsize_label: 2024-01-01\n---", `{"sequence":"\u001b"}`, "x"},
	} {
		f.Add(c[0], c[1], c[2])
	}
	f.Fuzz(func(t *testing.T, card, generation, override string) {
		src := memory{name: "Some-7B-chat", files: map[string]string{cardName: card, generationName: generation}}
		o := MetadataOptions{TotalParams: 7_000_000_000}
		if override != "" {
			o.JSON = []byte(override)
		}
		m, err := LoadMetadata(src, strictjson.Value{}, o)
		if err != nil {
			var e *fault.Error
			if !errors.As(err, &e) || e.Kind != fault.Malformed {
				t.Fatalf("%T %v", err, err)
			}
			if strings.ContainsAny(err.Error(), "\x00\x1b\n") {
				t.Fatalf("control characters in %q", err)
			}
			return
		}
		seen := map[string]bool{}
		for _, p := range m.Pairs() {
			if seen[p.Key] || !strings.HasPrefix(p.Key, "general.") {
				t.Fatalf("key %q", p.Key)
			}
			seen[p.Key] = true
			switch v := p.Value.(type) {
			case string:
				if v == "" || !utf8.ValidString(v) {
					t.Fatalf("%s = %q", p.Key, v)
				}
			case []string:
				if len(v) == 0 || !utf8.ValidString(strings.Join(v, "")) {
					t.Fatalf("%s = %q", p.Key, v)
				}
			case uint32, int32, float32, []int32, []float32, []bool:
			default:
				t.Fatalf("%s is a %T", p.Key, v)
			}
		}
		name := m.FileName("Q4_K_M")
		if strings.ContainsAny(name, "/\\:\x00\x1b\n") || !strings.HasSuffix(name, "-Q4_K_M.gguf") {
			t.Fatalf("file name %q", name)
		}
	})
}
