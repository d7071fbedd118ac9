//go:build !linux && !darwin && !windows

package outfile

import "os"

// renameFile moves a name. Without replace it fails where the new name exists.
func renameFile(from, to string, replace bool) error {
	if replace {
		return os.Rename(from, to)
	}
	return linkFile(from, to)
}
