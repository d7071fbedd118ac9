package kernel

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// neonFiles lists the C sources of the kernels for arm64, with the files that are generated from each.
func neonFiles(t *testing.T) map[string][2]string {
	sources, err := filepath.Glob("_neon/c/*.c")
	if err != nil || len(sources) == 0 {
		t.Fatal("no C sources", err)
	}
	files := map[string][2]string{}
	for _, c := range sources {
		name := "asm_" + strings.TrimSuffix(filepath.Base(c), ".c") + "_arm64."
		files[c] = [2]string{name + "s", name + "go"}
	}
	return files
}

func read(t *testing.T, name string) []byte {
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The committed assembly names the sources it was made from, and there is no more of it than there are sources: a
// change of C without `go generate`, which needs clang, does not go unnoticed.
func TestNEONBelongsToSources(t *testing.T) {
	files, generated := neonFiles(t), 0
	headers, err := filepath.Glob("_neon/c/*.h")
	if err != nil {
		t.Fatal(err)
	}
	for c, outputs := range files {
		h := sha256.New()
		for _, name := range append(headers, "_neon/c/flags", c) {
			h.Write(read(t, name))
		}
		origin := fmt.Sprintf("// From %s, SHA-256 with headers and flags %x, by ", c, h.Sum(nil))
		for _, name := range outputs {
			generated++
			if !bytes.Contains(read(t, name), []byte(origin)) {
				t.Errorf("%s is not made from %s as it is now: see _neon/README.md", name, c)
			}
		}
	}
	if all, _ := filepath.Glob("asm_*_arm64.*"); len(all) != generated {
		t.Errorf("there are %d generated files for arm64, the sources make %d", len(all), generated)
	}
}

// fusedWords are the encodings of floating-point instructions that round once where two roundings are due: w&mask.
var fusedWords = []struct{ mask, word uint32 }{
	{0xff000000, 0x1f000000}, // FMADD, FMSUB, FNMADD, FNMSUB
	{0xbfa0fc00, 0x0e20cc00}, // FMLA of vectors
	{0xbfa0fc00, 0x0ea0cc00}, // FMLS
	{0xbfe0fc00, 0x0e400c00}, // FMLA of half precision
	{0xbfe0fc00, 0x0ec00c00}, // FMLS
	{0x8f80f400, 0x0f801000}, // FMLA by an element
	{0x8f80f400, 0x0f805000}, // FMLS
	{0x8fc0f400, 0x0f001000}, // FMLA by an element of half precision
	{0x8fc0f400, 0x0f005000}, // FMLS
	{0xafa0fc00, 0x0e20fc00}, // FRECPS, a step of an approximation
	{0xafa0fc00, 0x0ea0fc00}, // FRSQRTS
}

var asmWord = regexp.MustCompile(`(?m)^\tWORD \$0x([0-9a-f]{8}) // (.*)$`)

// No kernel for arm64 fuses operations, by its code and by its comments.
func TestNEONFusesNothing(t *testing.T) {
	words := 0
	for _, outputs := range neonFiles(t) {
		for _, m := range asmWord.FindAllStringSubmatch(string(read(t, outputs[0])), -1) {
			w, err := strconv.ParseUint(m[1], 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			words++
			if isFused(uint32(w)) || strings.HasPrefix(m[2], "fml") || strings.HasPrefix(m[2], "fmadd") {
				t.Errorf("%s: %s", outputs[0], m[0])
			}
		}
	}
	if words < 1000 {
		t.Errorf("only %d words of code were found", words)
	}
}

func isFused(w uint32) bool {
	for _, f := range fusedWords {
		if w&f.mask == f.word {
			return true
		}
	}
	return false
}

// Encodings that an assembler gave: fused ones, and their closest neighbours that are not.
func TestFusedWords(t *testing.T) {
	for text, w := range map[string]uint32{
		"fmla v0.4s, v1.4s, v2.4s": 0x4e22cc20, "fmls v0.4s, v1.4s, v2.4s": 0x4ea2cc20, "fmla v0.2d, v1.2d, v2.2d": 0x4e62cc20,
		"fmla v0.4s, v1.4s, v2.s[3]": 0x4fa21820, "fmls v0.2s, v1.2s, v2.s[0]": 0x0f825020, "fmadd s0, s1, s2, s3": 0x1f020c20,
		"fnmsub d0, d1, d2, d3": 0x1f628c20, "frecps v0.4s, v1.4s, v2.4s": 0x4e22fc20, "frsqrts v0.4s, v1.4s, v2.4s": 0x4ea2fc20, "fmla s0, s1, v2.s[1]": 0x5fa21020,
	} {
		if !isFused(w) {
			t.Errorf("%s is not seen", text)
		}
	}
	for text, w := range map[string]uint32{
		"fmul v0.4s, v1.4s, v2.4s": 0x6e22dc20, "fadd v0.4s, v1.4s, v2.4s": 0x4e22d420, "fsub v0.4s, v1.4s, v2.4s": 0x4ea2d420,
		"fmul v0.4s, v1.4s, v2.s[3]": 0x4fa29820, "fmul s0, s1, s2": 0x1e220820, "fdiv v0.4s, v1.4s, v2.4s": 0x6e22fc20,
	} {
		if isFused(w) {
			t.Errorf("%s is seen as fused", text)
		}
	}
}

// Where the compiler of the committed assembly is installed, it makes the same again.
func TestNEONReproduces(t *testing.T) {
	version, err := exec.Command("clang-19", "--version").Output()
	first, _, _ := strings.Cut(string(version), "\n")
	if err != nil || !bytes.Contains(read(t, "asm_tile_arm64.s"), []byte(first)) {
		t.Skip("the clang that made the kernels for arm64 is not installed")
	}
	dir := t.TempDir()
	cmd := exec.Command("go", "run", "-C", "_neon", ".", "-dir", dir)
	cmd.Env = append(os.Environ(), "GOOS=", "GOARCH=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, outputs := range neonFiles(t) {
		for _, name := range outputs {
			if !bytes.Equal(read(t, filepath.Join(dir, name)), read(t, name)) {
				t.Errorf("%s: clang makes another file", name)
			}
		}
	}
}
