//go:build unix

package hf

import (
	"os"
	"syscall"
)

// openFlags never wait for a pipe's other end, and follow no link: links were resolved before.
const openFlags = os.O_RDONLY | syscall.O_NONBLOCK | syscall.O_NOFOLLOW
