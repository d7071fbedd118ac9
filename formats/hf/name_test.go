package hf

import (
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
)

var badNames = []string{
	"", ".", "..", "../x", "../../x.safetensors", "/etc/passwd", "a/../b", "a/b", "./x", "x/", "/", `..\x`, `a\b`, `C:\x`, "C:x", "c:", `\\server\share`,
	"a\x00b", "\x00", "model-00001-of-00002.safetensors\x00.txt", strings.Repeat("x", 256),
}

func TestB5Names(t *testing.T) {
	dir := Dir(t.TempDir(), true)
	for _, name := range badNames {
		refuse(t, CheckName(name), fault.Malformed, "file name")
		_, err := dir.Open(name)
		refuse(t, err, fault.Malformed, "file name")
	}
	for _, name := range []string{"model.safetensors", "a b", "..x", "...", "x..", "é.safetensors", strings.Repeat("x", 255), "%2e%2e", "-rf"} {
		if err := CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}
