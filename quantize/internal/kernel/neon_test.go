package kernel

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// neonFiles lists the assembly for arm64.
func neonFiles(t *testing.T) (files []string) {
	sources, err := filepath.Glob("_neon/c/*.c")
	if err != nil || len(sources) == 0 {
		t.Fatal("no C sources", err)
	}
	for _, c := range sources {
		files = append(files, "asm_"+strings.TrimSuffix(filepath.Base(c), ".c")+"_arm64.s")
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
// change of C without `go generate`, which needs clang, does not go unnoticed. Where that clang is installed, it makes the
// same again.
func TestNEONBelongsToSources(t *testing.T) {
	for _, pattern := range []string{"_neon/*.go", "_neon/c/*", "asm_*_arm64.*"} {
		files, _ := filepath.Glob(pattern)
		for _, f := range files { // so that Go runs the test again when they change
			read(t, f)
		}
	}
	cmd := exec.Command("go", "run", "-C", "_neon", ".", "-check")
	cmd.Env = append(os.Environ(), "GOOS=", "GOARCH=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
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
	for _, name := range neonFiles(t) {
		for _, m := range asmWord.FindAllStringSubmatch(string(read(t, name)), -1) {
			w, err := strconv.ParseUint(m[1], 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			words++
			if isFused(uint32(w)) || strings.HasPrefix(m[2], "fml") || strings.HasPrefix(m[2], "fmadd") {
				t.Errorf("%s: %s", name, m[0])
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
