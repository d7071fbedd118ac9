package hf

import (
	"testing"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

func TestConfigMerge(t *testing.T) {
	for _, x := range []struct {
		name, doc   string
		hidden      string // hidden_size of the merged configuration
		arch, outer string // architectures[0], merged and at the root
	}{
		{"plain", `{"hidden_size":1,"architectures":["A"]}`, "1", "A", "A"},
		{"text_config", `{"hidden_size":1,"architectures":["A"],"text_config":{"hidden_size":2}}`, "2", "A", "A"},
		{"text_config has its own", `{"architectures":["A"],"text_config":{"hidden_size":2,"architectures":["B"]}}`, "2", "B", "A"},
		{"llm_config", `{"hidden_size":1,"architectures":["A"],"llm_config":{"hidden_size":3}}`, "3", "A", "A"},
		{"thinker", `{"hidden_size":1,"architectures":["A"],"thinker_config":{"text_config":{"hidden_size":4}}}`, "4", "A", "A"},
		{"the last alias wins", `{"lfm":{"hidden_size":7},"llm_config":{"hidden_size":3},"architectures":["A"],"language_config":{"hidden_size":6},"text_config":{"hidden_size":2}}`, "7", "A", "A"},
		{"null inside covers", `{"hidden_size":1,"architectures":["A"],"text_config":{"hidden_size":null}}`, "null", "A", "A"},
	} {
		t.Run(x.name, func(t *testing.T) {
			root, merged, err := LoadConfig(memory{files: map[string]string{configName: x.doc}})
			if err != nil {
				t.Fatal(err)
			}
			if got := merged.Get("hidden_size").Text; got != x.hidden {
				t.Errorf("hidden_size %s, want %s", got, x.hidden)
			}
			if got := merged.Get("architectures").Items[0].Text; got != x.arch {
				t.Errorf("merged architecture %s, want %s", got, x.arch)
			}
			if got := root.Get("architectures").Items[0].Text; got != x.outer {
				t.Errorf("root architecture %s, want %s", got, x.outer)
			}
		})
	}
}

func TestConfigRefused(t *testing.T) {
	for _, x := range []struct{ name, doc, words string }{
		{"duplicate key", `{"a":1,"a":2}`, `duplicate key "a"`},
		{"list", `[]`, "an array"},
		{"text", `x`, "invalid JSON"},
		{"not UTF-8", "{\"a\":\"\xff\"}", "UTF-8"},
		{"text_config null", `{"text_config":null}`, "null"},
		{"text_config list", `{"text_config":[]}`, "an array"},
		{"thinker without text", `{"thinker_config":{}}`, "thinker_config"},
		{"alias number", `{"lfm":5}`, "lfm"},
	} {
		t.Run(x.name, func(t *testing.T) {
			_, _, err := LoadConfig(memory{files: map[string]string{configName: x.doc}})
			refuse(t, err, fault.Malformed, configName, x.words)
		})
	}
}

func TestB22QuantizationConfigStays(t *testing.T) {
	_, merged, err := LoadConfig(memory{files: map[string]string{configName: `{"quantization_config":{"quant_method":"gptq"},"text_config":{}}`}})
	if err != nil {
		t.Fatal(err)
	}
	if m, _ := merged.Get("quantization_config").Get("quant_method").Str(); m != "gptq" {
		t.Errorf("quant_method %q", m)
	}
}

func TestB29NonFinite(t *testing.T) {
	_, merged, err := LoadConfig(memory{files: map[string]string{configName: `{"a":NaN,"b":-Infinity,"hidden_size":8}`}})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a", "b"} {
		if _, ok := merged.Get(key).Float64(); ok {
			t.Errorf("%s reads as a number", key)
		}
	}
	if n, ok := merged.Get("hidden_size").Int64(); !ok || n != 8 {
		t.Errorf("hidden_size %d %t", n, ok)
	}
	// Used as a sampling value, it is refused.
	for _, lit := range []string{"NaN", "Infinity", "-Infinity"} {
		_, err := LoadMetadata(memory{name: "x", files: map[string]string{generationName: `{"temperature":` + lit + `}`}}, merged, MetadataOptions{})
		refuse(t, err, fault.Malformed, "general.sampling.temp", lit)
	}
	if _, err := LoadMetadata(memory{name: "x", files: map[string]string{generationName: `{"other":NaN}`}}, merged, MetadataOptions{}); err != nil {
		t.Error(err)
	}
}

func TestGenerationConfig(t *testing.T) {
	for _, x := range []struct {
		doc     string
		ignored bool
		refused bool
	}{
		{`{"top_k":5}`, false, false},
		{`{"top_k":5`, true, false},
		{``, true, false},
		{`{"top_k":5,"top_k":6}`, false, true},
		{`{"x":"\ud800"}`, false, true},
		{"{\"x\":\"\xff\"}", false, true},
		{`[1]`, false, true},
		{`null`, false, false},
	} {
		src := memory{name: "x", files: map[string]string{generationName: x.doc}}
		_, _, ignored, err := GenerationConfig(src)
		if (ignored != "") != x.ignored || (err != nil) != x.refused {
			t.Errorf("%q: ignored %q, %v", x.doc, ignored, err)
		}
		if err != nil {
			refuse(t, err, fault.Malformed, generationName)
			continue
		}
		m, err := LoadMetadata(src, textObject(), MetadataOptions{})
		if err != nil || (len(m.Notices) == 1) != x.ignored {
			t.Errorf("%q: %v, %v", x.doc, m, err)
		}
	}
	if _, found, _, err := GenerationConfig(memory{}); found || err != nil {
		t.Errorf("absent: %t %v", found, err)
	}
}

func textObject() strictjson.Value { return strictjson.Value{Kind: strictjson.Object} }
