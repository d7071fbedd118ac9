//go:build !linux

package outfile

import "os"

// reserveFile makes f size bytes long.
func reserveFile(f *os.File, size int64) error { return growFile(f, size) }
