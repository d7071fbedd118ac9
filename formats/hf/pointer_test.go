package hf

import (
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
)

// TestA24Pointer: companion files of a repository cloned without Git LFS are told apart from broken ones.
func TestA24Pointer(t *testing.T) {
	src := Dir(writeDir(t, map[string]string{"tokenizer.json": "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 7\n"}), false)
	_, found, err := ReadFile(src, "tokenizer.json", TokenizerLimit)
	if !found || fault.KindOf(err) != fault.Malformed || !strings.Contains(err.Error(), "tokenizer.json: is a Git-LFS pointer") {
		t.Errorf("found %v, %v", found, err)
	}
}
