package hf

import (
	"path/filepath"
	"strings"

	"github.com/qconv/qconv/formats/fault"
)

// maxName is the longest file name that common file systems take, in bytes.
const maxName = 255

// CheckName tells whether name is one plain path element. Names come from weight_map, so whoever
// wrote the index chose them: anything that could leave the checkpoint's directory, on any system,
// is a fault of kind Malformed, and the file is never opened.
func CheckName(name string) error {
	bad := func(why string) error {
		return fault.New(fault.Malformed, "", "file name %q %s; expected the name of a file beside config.json", clip(name), why)
	}
	switch {
	case name == "":
		return bad("is empty")
	case name == "." || name == "..":
		return bad("is a directory")
	case strings.ContainsAny(name, `/\`):
		return bad("has a path separator")
	case strings.IndexByte(name, 0) >= 0:
		return bad("has a NUL byte")
	case len(name) >= 2 && name[1] == ':' && isLetter(name[0]):
		return bad("starts with a drive letter")
	case len(name) > maxName:
		return bad("is longer than 255 bytes")
	case !filepath.IsLocal(name):
		return bad("is reserved by the system")
	}
	return nil
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// clip keeps messages short.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return s[:most] + "..."
}
