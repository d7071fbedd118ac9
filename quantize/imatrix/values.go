package imatrix

import (
	"encoding/binary"
	"errors"
	"io"
	"math"

	"github.com/qconv/qconv/formats/fault"
)

// readBytes is how much is read at a time.
const readBytes = 256 << 10

// readFloats fills dst with the little-endian float32 that read delivers in order.
func readFloats(dst []float32, read func([]byte) error) error {
	buf := make([]byte, min(4*len(dst), readBytes))
	for len(dst) > 0 {
		b := buf[:min(4*len(dst), len(buf))]
		if err := read(b); err != nil {
			return err
		}
		for i := 0; i < len(b); i += 4 {
			dst[i/4] = math.Float32frombits(binary.LittleEndian.Uint32(b[i:]))
		}
		dst = dst[len(b)/4:]
	}
	return nil
}

// divide makes means of sums: n values from number first on, over count, as the reference does; by 0 nothing is divided.
// What is no mean square is refused.
func (e *Entry) divide(file string, first, n int, count float32) error {
	values := e.Values[first : first+n]
	for i, v := range values {
		if !(v >= 0 && v <= math.MaxFloat32) { // NaN too
			return e.wrong(file, "value %d is %v, expected a sum of squares: finite and not negative", first+i, v)
		}
		if count > 0 {
			v /= count
			values[i] = v
		}
		if v > MaxValue {
			return e.wrong(file, "value %d is %g, expected at most %g", first+i, v, float32(MaxValue))
		}
		e.Largest = max(e.Largest, v)
	}
	return nil
}

func (e *Entry) wrong(file, format string, args ...any) *fault.Error {
	return fault.New(fault.Malformed, file, format, args...).In(e.Name)
}

// unexpected is why fewer bytes came than were asked for.
func unexpected(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return errors.New("the file ends early; it changed while it was read")
	}
	return fault.Cause(err)
}
