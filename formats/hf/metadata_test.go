package hf

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

// golden is testdata/metadata.json, recorded from the reference by record_metadata.py beside it.
type golden struct {
	IDs     [][]any `json:"ids"`
	Scalars [][3]string
	Sizes   [][]any
	Cards   []cardCase
}

type cardCase struct {
	Name       string
	Dir        string
	Readme     *string
	Config     *string
	Generation *string
	Override   *string
	ModelName  string `json:"model_name"`
	Total      int64
	Shared     int64
	Expert     int64
	Experts    int64
	Pairs      [][]any
	File       string
	Error      string
}

func loadGolden(t *testing.T) golden {
	t.Helper()
	doc, err := os.ReadFile("testdata/metadata.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	if err := d.Decode(&g); err != nil {
		t.Fatal(err)
	}
	return g
}

func number(t *testing.T, v any) int64 {
	t.Helper()
	n, err := v.(json.Number).Int64()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestModelIDsLikeReference(t *testing.T) {
	for _, row := range loadGolden(t).IDs {
		id, params := row[0].(string), number(t, row[1])
		if got, want := title(id), row[2].(string); got != want {
			t.Errorf("title(%q) = %q, reference %q", id, got, want)
		}
		m := parseModelID(id, params)
		org := any(m.org)
		if !m.hasOrg {
			org = nil
		}
		got := []any{m.full, org, m.basename, m.finetune, m.version, m.size}
		want := row[3:]
		for i := range want {
			if want[i] == nil && i != 1 {
				want[i] = ""
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("parseModelID(%q, %d)\n got %q\nwant %q", id, params, got, want)
		}
	}
}

func TestSizeLabelsLikeReference(t *testing.T) {
	for _, row := range loadGolden(t).Sizes {
		o := MetadataOptions{TotalParams: number(t, row[0]), SharedParams: number(t, row[1]), ExpertParams: number(t, row[2]), ExpertCount: number(t, row[3])}
		if got := sizeLabel(o); got != row[4] {
			t.Errorf("sizeLabel(%+v) = %q, reference %q", o, got, row[4])
		}
	}
}

// TestScalarsLikePyYAML compares the meaning of scalars, which YAML 1.1 and 1.2 disagree on.
func TestScalarsLikePyYAML(t *testing.T) {
	for _, row := range loadGolden(t).Scalars {
		src, kind, want := row[0], row[1], row[2]
		v, err := parseYAML("k: " + src + "\n")
		got := "error"
		if err == nil {
			got = describe(v.Get("k"))
		}
		switch kind {
		case "error", "date", "datetime":
			// Unusable where text is due, which is all that can be seen of them.
			if err == nil && !isTyped(v.Get("k")) && v.Get("k").Kind != strictjson.Object {
				t.Errorf("%q = %s, PyYAML: %s", src, got, kind)
			}
			continue
		case "float":
			want = "float " + want
		case "int", "str", "bool", "NoneType":
			want = kind + " " + want
		default:
			t.Fatalf("%q: kind %s in the golden", src, kind)
		}
		if strings.HasPrefix(src, "!!int") || strings.HasPrefix(src, "!!float") || strings.HasPrefix(src, "!!bool") || strings.HasPrefix(src, "!!null") {
			if err == nil {
				t.Errorf("%q: accepted, should be refused as an explicit tag", src)
			}
			continue
		}
		if got != want {
			t.Errorf("%q = %s (%v), PyYAML: %s", src, got, err, want)
		}
	}
}

func describe(v strictjson.Value) string {
	switch v.Kind {
	case strictjson.String:
		return "str " + v.Text
	case strictjson.Null:
		return "NoneType None"
	case strictjson.Bool:
		return "bool " + strings.ToUpper(v.Text[:1]) + v.Text[1:]
	case strictjson.Number:
		if !strings.ContainsAny(v.Text, ".eENI") {
			return "int " + v.Text
		}
		f, _ := strconv.ParseFloat(v.Text, 64)
		if math.IsNaN(f) {
			return "float nan"
		}
		var b [8]byte
		for i, u := 0, math.Float64bits(f); i < 8; i++ {
			b[i] = byte(u >> (56 - 8*i))
		}
		return "float " + hex.EncodeToString(b[:])
	}
	return fmt.Sprint(v)
}

// refusedHere tells what the reference writes and qconv refuses: an array of arrays, which no reader
// of GGUF takes, and NaN.
func refusedHere(pairs [][]any) bool {
	text := fmt.Sprint(pairs)
	return strings.Contains(text, "ARRAY ARRAY") || strings.Contains(text, "ARRAY FLOAT32 [4290772992]")
}

// renamedHere are default names that differ: a name that is not text is left out, and characters
// that are not safe in file names on every system become hyphens. No byte of the output depends on it.
var renamedHere = map[string]string{
	"size_label no":  "X-Q8_0.gguf",
	"size_label 0":   "X-Q8_0.gguf",
	"size_label 0.0": "X-Q8_0.gguf",
	"size_label -0":  "X-Q8_0.gguf",
	"size_label []":  "X-Q8_0.gguf",
	"size_label {}":  "X-Q8_0.gguf",
	"block text":     "a--b-keep-Q8_0.gguf",
	"escapes":        "tab-nl-uniéA😀---Q8_0.gguf",
}

func TestCardsLikeReference(t *testing.T) {
	for _, c := range loadGolden(t).Cards {
		t.Run(c.Name, func(t *testing.T) {
			src := memory{name: c.Dir, files: map[string]string{}}
			put := func(name string, s *string) {
				if s != nil {
					src.files[name] = *s
				}
			}
			put("README.md", c.Readme)
			put("generation_config.json", c.Generation)
			var root strictjson.Value
			if c.Config != nil {
				var err error
				if root, err = strictjson.Parse([]byte(*c.Config), maxDepth); err != nil {
					t.Fatal(err)
				}
			}
			o := MetadataOptions{ModelName: c.ModelName, TotalParams: c.Total, SharedParams: c.Shared, ExpertParams: c.Expert, ExpertCount: c.Experts}
			if c.Override != nil {
				o.JSON = []byte(*c.Override)
			}
			m, err := LoadMetadata(src, root, o)
			if err != nil {
				if c.Error == "" && !refusedHere(c.Pairs) {
					t.Errorf("refused: %v; the reference writes %v", err, c.Pairs)
				}
				if k := fault.KindOf(err); k != fault.Malformed {
					t.Errorf("kind %d, want Malformed: %v", k, err)
				}
				return
			}
			if c.Error != "" {
				t.Errorf("accepted as %v, the reference fails with %s", m.Pairs(), c.Error)
				return
			}
			if got := plainPairs(t, m.Pairs()); !reflect.DeepEqual(got, plainGolden(t, c.Pairs)) {
				t.Errorf("\n got %v\nwant %v", got, plainGolden(t, c.Pairs))
			}
			want := strings.NewReplacer("/", "-", `\`, "-", ":", "-").Replace(c.File)
			if other, renamed := renamedHere[c.Name]; renamed {
				want = other
			}
			if got := m.FileName("Q8_0"); want != "" && got != want {
				t.Errorf("file name %q, reference %q", got, want)
			}
		})
	}
}

// plainPairs writes pairs as the golden has them.
func plainPairs(t *testing.T, pairs []Pair) []string {
	var out []string
	for _, p := range pairs {
		switch v := p.Value.(type) {
		case string:
			out = append(out, fmt.Sprintf("%s STRING %q", p.Key, v))
		case uint32:
			out = append(out, fmt.Sprintf("%s UINT32 %d", p.Key, v))
		case int32:
			out = append(out, fmt.Sprintf("%s INT32 %d", p.Key, v))
		case float32:
			out = append(out, fmt.Sprintf("%s FLOAT32 %d", p.Key, math.Float32bits(v)))
		case []string:
			out = append(out, fmt.Sprintf("%s ARRAY STRING %q", p.Key, v))
		case []int32:
			out = append(out, fmt.Sprintf("%s ARRAY INT32 %d", p.Key, v))
		case []float32:
			bits := make([]uint32, len(v))
			for i := range v {
				bits[i] = math.Float32bits(v[i])
			}
			out = append(out, fmt.Sprintf("%s ARRAY FLOAT32 %d", p.Key, bits))
		case []bool:
			out = append(out, fmt.Sprintf("%s ARRAY BOOL %t", p.Key, v))
		default:
			t.Errorf("%s has type %T", p.Key, v)
		}
	}
	return out
}

func plainGolden(t *testing.T, pairs [][]any) []string {
	var out []string
	for _, p := range pairs {
		key, kind := p[0].(string), p[1].(string)
		switch {
		case strings.HasSuffix(kind, "STRING"):
			if list, ok := p[2].([]any); ok {
				out = append(out, fmt.Sprintf("%s %s %q", key, kind, list))
				continue
			}
			out = append(out, fmt.Sprintf("%s %s %q", key, kind, p[2]))
		default:
			out = append(out, fmt.Sprintf("%s %s %v", key, kind, p[2]))
		}
	}
	return out
}
