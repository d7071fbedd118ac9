//go:build !unix

package hf

import "os"

const openFlags = os.O_RDONLY
