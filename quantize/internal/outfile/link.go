//go:build !windows

package outfile

import (
	"errors"
	"io/fs"
	"os"
)

// linkFile moves a name to one that must not exist: a link fails where it does. A kill between the two
// steps leaves one file with two names, which Begin knows. Where there are no links (FAT, some network
// file systems) the name is looked up first; nothing better exists there.
func linkFile(from, to string) error {
	err := os.Link(from, to)
	switch {
	case err == nil:
		return os.Remove(from)
	case errors.Is(err, fs.ErrExist):
		return err
	}
	switch _, err := os.Lstat(to); {
	case err == nil:
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: fs.ErrExist}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return os.Rename(from, to)
}
