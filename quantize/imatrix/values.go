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

// mean is value i over its count, as the reference computes it; by 0 nothing is divided. What is no mean square is refused.
func (e *raw) mean(file string, i int, count float32) (float32, error) {
	v := e.values[i]
	if !(v >= 0 && v <= math.MaxFloat32) { // NaN too
		return 0, e.wrong(file, "value %d is %v, expected a sum of squares: finite and not negative", i, v)
	}
	if count > 0 {
		v /= count
	}
	if v > MaxValue {
		return 0, e.wrong(file, "value %d is %g, expected at most %g", i, v, float32(MaxValue))
	}
	return v, nil
}

// means turns the values into means, in their memory. Columns of a matrix that saw no data count 1, which is the reference's
// rule; its legacy form does not say which these are.
func (e *raw) means(file string) (Entry, error) {
	m := Entry{Name: e.name, Values: e.values, Matrices: len(e.counts)}
	columns := len(e.values) / len(e.counts)
	for j, count := range e.counts {
		none := count == 0 && !e.legacy
		if none {
			m.Empty++
		}
		for i := j * columns; i < (j+1)*columns; i++ {
			v, err := e.mean(file, i, count)
			if err != nil {
				return m, err
			}
			if none {
				v = 1
			}
			m.Values[i], m.Largest = v, max(m.Largest, v)
		}
	}
	return m, nil
}

func (e *raw) wrong(file, format string, args ...any) *fault.Error {
	return fault.New(fault.Malformed, file, format, args...).In(e.name)
}

// unexpected is why fewer bytes came than were asked for.
func unexpected(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return errors.New("the file ends early; it changed while it was read")
	}
	return fault.Cause(err)
}
