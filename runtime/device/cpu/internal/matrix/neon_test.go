package matrix

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The committed assembly for arm64 belongs to the C sources in _neon: see the generator.
func TestNEONBelongsToSources(t *testing.T) {
	const generator = "../../../../../quantize/internal/kernel/_neon"
	for _, pattern := range []string{"_neon/*", "asm_*_arm64.*", generator + "/*.go", generator + "/c/neon.h", generator + "/c/flags"} {
		files, _ := filepath.Glob(pattern)
		for _, f := range files { // so that Go runs the test again when they change
			if _, err := os.ReadFile(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "run", "-C", generator, ".", "-check", dir)
	cmd.Env = append(os.Environ(), "GOOS=", "GOARCH=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
