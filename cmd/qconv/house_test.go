package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/qconv/qconv/"

// layer gives the order of directories; an import may only go down. ARCHITECTURE.md has the table.
var layer = map[string]int{"formats": 0, "quantize": 1, "runtime": 2, "verify": 3, "cmd": 4, "testdata": 5}

// allowed lists, for each package, the own packages it may import. A trailing "/" allows a folder.
var allowed = map[string][]string{
	"formats/fault":                       {},
	"formats/internal/wire":               {},
	"formats/internal/strictjson":         {},
	"formats/safetensors":                 {"formats/fault", "formats/internal/"},
	"formats/gguf":                        {"formats/fault", "formats/internal/"},
	"formats/hf":                          {"formats/fault", "formats/internal/", "formats/safetensors"},
	"formats/tokenizer":                   {"formats/fault", "formats/internal/", "formats/gguf", "formats/hf"},
	"formats/arch":                        {"formats/fault", "formats/internal/", "formats/gguf"},
	"quantize":                            {"formats/gguf", "quantize/internal/kernel"},
	"quantize/internal/kernel":            {},
	"quantize/internal/kernel/kerneltest": {"quantize/internal/kernel"},
	"quantize/internal/outfile":           {"formats/fault"},
	"quantize/packed":                     {"formats/fault", "formats/hf", "quantize", "quantize/internal/kernel"},
	"quantize/mix":                        {"formats/gguf", "formats/fault"},
	"quantize/imatrix":                    {"formats/gguf", "formats/fault", "quantize/internal/outfile"},
	"quantize/pipeline":                   {"formats/", "quantize", "quantize/"},
	"runtime/chat":                        {"formats/fault"},
	"runtime/sample":                      {"formats/fault"},
	"runtime/device":                      {"formats/gguf"},
	"runtime/device/cpu/internal/vector":  {},
	"runtime/device/devicetest":           {"formats/fault", "formats/gguf", "quantize", "runtime/device"},
	"runtime/device/cpu":                  {"formats/fault", "formats/gguf", "quantize", "runtime/device", "runtime/device/cpu/"},
	"runtime/device/cpu/internal/matrix":  {"formats/fault", "formats/gguf", "quantize"},
	"runtime/model":                       {"formats/", "quantize", "quantize/pipeline", "runtime/device"},
	"runtime/model/modeltest":             {"formats/gguf", "formats/hf", "quantize/mix", "quantize/pipeline"},
	"runtime/stream":                      {"formats/", "quantize/", "runtime/device", "runtime/model"},
	"verify":                              {"formats/", "quantize", "quantize/", "runtime/"},
	"cmd/qconv":                           {"formats/", "quantize", "quantize/", "runtime/", "verify"},
}

// thirdParty lists where each outside module may be imported, tests excepted.
var thirdParty = map[string][]string{
	"github.com/spf13/":               {"cmd/"},
	"github.com/schollz/progressbar/": {"cmd/"},
	"golang.org/x/term":               {"cmd/"},
	"github.com/x448/float16":         {"quantize"},
	"golang.org/x/sync/":              {"quantize/pipeline", "formats/hf", "verify"},
	"golang.org/x/sys/":               {"quantize/internal/", "formats/hf", "runtime/device/cpu", "runtime/device/cpu/internal/"},
	"golang.org/x/text/":              {"formats/tokenizer"},
	"go.yaml.in/yaml/v3":              {"formats/hf"},
	"github.com/dlclark/regexp2/v2":   {"quantize/mix"},
}

// TestImports holds the promise of ARCHITECTURE.md that imports run one way.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(strings.NewReader(string(out)))
	n := 0
	for {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		n++
		from := strings.TrimPrefix(p.ImportPath, module)
		for _, imp := range p.Imports {
			switch to, own := strings.CutPrefix(imp, module); {
			case own:
				checkOwn(t, from, to)
			case strings.Contains(strings.SplitN(imp, "/", 2)[0], "."):
				checkThirdParty(t, from, imp)
			case imp == "log" && from != "cmd/qconv":
				t.Errorf("%s imports log: libraries return, the command speaks", from)
			case imp == "C":
				t.Errorf("%s uses cgo: the binary is static", from)
			}
		}
	}
	if n < len(allowed) {
		t.Errorf("go list found %d packages, the table has %d", n, len(allowed))
	}
}

func checkOwn(t *testing.T, from, to string) {
	top := func(p string) int { return layer[strings.SplitN(p, "/", 2)[0]] }
	if top(to) > top(from) {
		t.Errorf("%s imports %s, which is above it", from, to)
	}
	if strings.HasPrefix(from, "testdata/") {
		return
	}
	list, known := allowed[from]
	if !known {
		t.Errorf("package %s is not in the import table", from)
		return
	}
	if !matches(list, to) {
		t.Errorf("%s may not import %s", from, to)
	}
}

func checkThirdParty(t *testing.T, from, imp string) {
	for prefix, where := range thirdParty {
		if strings.HasPrefix(imp, prefix) {
			if !matches(where, from) {
				t.Errorf("%s may not import %s", from, imp)
			}
			return
		}
	}
	t.Errorf("%s imports %s, which is not a chosen library", from, imp)
}

func matches(list []string, p string) bool {
	for _, a := range list {
		if a == p || strings.HasSuffix(a, "/") && strings.HasPrefix(p, a) {
			return true
		}
	}
	return false
}
