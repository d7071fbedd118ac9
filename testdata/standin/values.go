package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"

	"github.com/qconv/qconv/formats/safetensors"
)

// values makes numbers of the size that trained weights have. The zero value is ready; equal calls give equal bytes.
type values struct {
	rng *rand.Rand
}

// writeTo writes the first n bytes of t's data (whole elements only).
func (v *values) writeTo(w io.Writer, t *safetensors.Tensor, n int64) error {
	if v.rng == nil {
		v.rng = rand.New(rand.NewPCG(1, 2))
	}
	const chunk = 1 << 20
	buf := make([]byte, 0, chunk)
	for n > 0 {
		buf = buf[:min(n, chunk)]
		switch t.Dtype {
		case "BF16":
			mean, std := 0.0, 0.02
			if len(t.Shape) == 1 {
				mean, std = 1, 0.1 // norms
			}
			for i := 0; i+1 < len(buf); i += 2 {
				f := float32(mean + std*v.rng.NormFloat64())
				binary.LittleEndian.PutUint16(buf[i:], uint16(math.Float32bits(f)>>16))
			}
		case "F8_E4M3":
			for i := range buf {
				b := byte(v.rng.Uint32())
				if b&0x7f == 0x7f { // NaN
					b &^= 1
				}
				buf[i] = b
			}
		case "F32":
			for i := 0; i+3 < len(buf); i += 4 {
				binary.LittleEndian.PutUint32(buf[i:], math.Float32bits(float32(1e-4*(1+v.rng.Float64()))))
			}
		default:
			return fmt.Errorf("no values for %s of %q", t.Dtype, t.Name)
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
		n -= int64(len(buf))
	}
	return nil
}
