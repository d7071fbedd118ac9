package gguf

import (
	"encoding/binary"
	"errors"
	"io"
	"strings"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/wire"
)

// cursor walks a header through one buffer. It never reads beyond the file's size and allocates for a
// count only after the bytes that it needs are known to be there.
type cursor struct {
	r    io.ReaderAt
	file string
	size int64
	pos  int64  // next unread byte
	buf  []byte // bytes of the file from off on
	off  int64

	end      int64  // the budget for key-values ends here; size outside of them
	key      string // what is being read, for messages
	tensor   string
	record   string // "key" or "tensor": what recordNo counts, while the record has no name yet
	recordNo int64
}

const bufferBytes = 64 << 10

func newCursor(r io.ReaderAt, size int64, file string) *cursor {
	return &cursor{r: r, file: file, size: size, end: size, buf: make([]byte, 0, min(bufferBytes, max(size, 0)))}
}

// fail names the record and field at the current byte.
func (c *cursor) fail(kind fault.Kind, format string, args ...any) *fault.Error {
	switch {
	case c.key != "":
		format, args = "key %q: "+format, append([]any{c.key}, args...)
	case c.tensor == "" && c.record != "":
		format, args = "%s number %d: "+format, append([]any{c.record, c.recordNo}, args...)
	}
	return fault.New(kind, c.file, format, args...).In(c.tensor).At(c.pos)
}

// room checks that n items of unit bytes are left, in the file and in the budget for key-values.
func (c *cursor) room(n, unit int64, field string) error {
	need, ok := wire.Mul(n, unit)
	switch {
	case ok && n == 1 && need > c.size-c.pos:
		return c.fail(fault.Malformed, "%s needs %d bytes, %d are left; the file may be incomplete", field, need, c.size-c.pos)
	case !ok || need > c.size-c.pos:
		return c.fail(fault.Malformed, "%s: %d times at least %d bytes do not fit the %d that are left; the file may be incomplete", field, n, unit, c.size-c.pos)
	case need > c.end-c.pos:
		return c.fail(fault.Limit, "%s: the key-values exceed their limit of bytes", field)
	}
	return nil
}

// take gives the next n bytes, n <= bufferBytes; they are valid until the next call.
func (c *cursor) take(n int, field string) ([]byte, error) {
	if err := c.room(1, int64(n), field); err != nil {
		return nil, err
	}
	i := c.pos - c.off
	if i+int64(n) > int64(len(c.buf)) {
		c.buf, c.off, i = c.buf[:min(int64(cap(c.buf)), c.size-c.pos)], c.pos, 0
		got, err := c.r.ReadAt(c.buf, c.pos)
		if got < len(c.buf) {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			c.buf = c.buf[:0]
			return nil, fault.New(fault.IO, c.file, "reading the %s: %w", field, err).At(c.pos + int64(got))
		}
	}
	c.pos += int64(n)
	return c.buf[i : i+int64(n)], nil
}

func (c *cursor) u32(field string) (uint32, error) {
	b, err := c.take(4, field)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

// count reads a 64-bit count or size.
func (c *cursor) count(field string) (int64, error) {
	b, err := c.take(8, field)
	if err != nil {
		return 0, err
	}
	u := binary.LittleEndian.Uint64(b)
	n, ok := wire.Int(u)
	if !ok {
		c.pos -= 8
		return 0, c.fail(fault.Malformed, "%s %d (as signed number %d) is larger than any file", field, u, int64(u))
	}
	return n, nil
}

// text reads a string of at most limit bytes.
func (c *cursor) text(field string, limit int64) (string, error) {
	n, err := c.count(field + " length")
	if err != nil {
		return "", err
	}
	if err := c.room(n, 1, field+" length"); err != nil {
		return "", err
	}
	if n > limit {
		return "", c.fail(fault.Limit, "%s of %d bytes exceeds the limit of %d", field, n, limit)
	}
	if n <= bufferBytes {
		b, err := c.take(int(n), field)
		return string(b), err
	}
	var s strings.Builder
	s.Grow(int(n))
	for left := n; left > 0; {
		b, err := c.take(int(min(left, bufferBytes)), field)
		if err != nil {
			return "", err
		}
		s.Write(b)
		left -= int64(len(b))
	}
	return s.String(), nil
}

// decodeChunks fills out from the file.
func decodeChunks[T any](c *cursor, out []T, width int, check func([]byte) error) error {
	step := bufferBytes / width
	for len(out) > 0 {
		part := out[:min(len(out), step)]
		b, err := c.take(len(part)*width, "array")
		if err == nil && check != nil {
			err = check(b)
		}
		if err == nil {
			_, err = binary.Decode(b, binary.LittleEndian, part)
		}
		if err != nil {
			return err
		}
		out = out[len(part):]
	}
	return nil
}
