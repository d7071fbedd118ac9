package safetensors

import (
	"bytes"
	"strings"
)

// lookalike tells what a file is that carries the wrong name, by its first 8 bytes; "" when they say
// nothing. Eight bytes are all that may be read before the length in them is checked.
func lookalike(first []byte) string {
	for _, m := range [...]struct{ magic, kind string }{
		{"version ", "it looks like a Git-LFS pointer, not the file itself: run git lfs pull"},
		{"# xet ve", "it looks like a Git-Xet pointer, not the file itself: download the file with git xet or hf download"},
		{"GGUF", "it looks like a GGUF file: give it the extension .gguf"},
		{"PK\x03\x04", "it looks like a zip archive, such as a PyTorch .bin or .pt: pickled weights are not read, convert them to safetensors"},
		{"\x1f\x8b", "it looks like gzip: decompress it first"},
		{"\x28\xb5\x2f\xfd", "it looks like zstd: decompress it first"},
		{"\xfd7zXZ\x00", "it looks like xz: decompress it first"},
		{"\x89HDF\r\n\x1a\n", "it looks like HDF5, such as Keras weights: convert them to safetensors"},
		{"\x93NUMPY", "it looks like a NumPy array: convert it to safetensors"},
	} {
		if strings.HasPrefix(string(first), m.magic) {
			return m.kind
		}
	}
	if len(first) > 2 && first[0] == 0x80 && first[1] >= 2 && first[1] <= 5 {
		return "it looks like a Python pickle, such as a PyTorch .bin or .pt: pickled weights are not read, convert them to safetensors"
	}
	switch text := bytes.TrimLeft(first, " \t\r\n"); {
	case hasPrefixFold(text, "<!doc"), hasPrefixFold(text, "<html"), hasPrefixFold(text, "<head"), hasPrefixFold(text, "<?xml"):
		return "it looks like an HTML or XML page, such as an error of a download: download the file again"
	case len(text) > 0 && text[0] == '{':
		return "it looks like JSON text without a header length: download the file again"
	}
	return ""
}

func hasPrefixFold(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && strings.EqualFold(string(b[:len(prefix)]), prefix)
}
