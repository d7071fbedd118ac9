package quantize

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/qconv/qconv/quantize/internal/kernel/kerneltest"
)

// everyHalf has each upper half of a float32, with one lower half.
func everyHalf(low uint32) []float32 {
	x := make([]float32, 1<<16)
	for i := range x {
		x[i] = math.Float32frombits(uint32(i)<<16 | low)
	}
	return x
}

// Every tier rounds to 16 bits as plain Go does: every upper half of a float32, NaN included, with lower halves below,
// at and above the ties of both types.
func TestTiersRoundTo16Bits(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T) {
		for _, low := range []uint32{0, 1, 0x0fff, 0x1000, 0x1001, 0x2000, 0x3000, 0x7fff, 0x8000, 0x8001, 0xf000, 0xffff} {
			x := everyHalf(low)
			for _, c := range []*Codec{&f16Codec, &bf16Codec} {
				want, got := make([]byte, 2*len(x)), make([]byte, 2*len(x)+1)[1:]
				c.encode(want, x, nil)
				c.Encode(got, x, nil)
				if i := firstDifference(got, want); i >= 0 {
					t.Fatalf("%v: %#08x gives %#04x, want %#04x", c.Type, math.Float32bits(x[i/2]), get16(got[i&^1:]), get16(want[i&^1:]))
				}
			}
		}
	})
}

// Every tier gives the bits that plain Go gives for each of the 16-bit codes.
func TestTiersWiden16Bits(t *testing.T) {
	src := make([]byte, 2<<16+1)[1:]
	for i := range 1 << 16 {
		put16(src[2*i:], uint16(i))
	}
	kerneltest.Each(t, func(t *testing.T) {
		for _, c := range []*Codec{&f16Codec, &bf16Codec} {
			want, got := make([]float32, 1<<16), make([]float32, 1<<16)
			c.decode(want, src)
			c.Decode(got, src)
			if i := firstDifference(floatBytes(got), floatBytes(want)); i >= 0 {
				t.Fatalf("%v: code %#04x gives %#08x, want %#08x", c.Type, i/4, math.Float32bits(got[i/4]), math.Float32bits(want[i/4]))
			}
		}
	})
}

// Every tier narrows float64 as the language does: anything, ties, and what overflows or becomes subnormal.
func TestTiersNarrowF64(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var bits []uint64
	for i := range 20011 {
		b := r.Uint64()
		switch i % 4 {
		case 1: // the range of float32
			b = b&^(0x7ff<<52) | uint64(1023-160+r.IntN(300))<<52
		case 2: // ties
			b = b&^(0x7ff<<52|1<<29-1) | uint64(1023-127+r.IntN(255))<<52 | 1<<28
		case 3: // ties of subnormals
			b = math.Float64bits(math.Ldexp(float64(r.IntN(1<<20))+0.5, -149))
		}
		bits = append(bits, b)
	}
	bits = append(bits, 0x7ff0000000000000, 0xfff0000000000000, 0x7ff0000000000001, 0xfff8000000000001, 0x47efffffefffffff, 0x47effffff0000000)
	kerneltest.Each(t, func(t *testing.T) {
		for _, n := range []int{0, 1, 31, 32, 33, 95, len(bits)} {
			src := kerneltest.Guarded(t, 8*n+1, false)[:8*n]
			for i := range n {
				binary.LittleEndian.PutUint64(src[8*i:], bits[len(bits)-1-i])
			}
			got := make([]float32, n)
			WidenF64(got, src)
			for i, x := range got {
				want := float32(math.Float64frombits(bits[len(bits)-1-i]))
				if math.Float32bits(x) != math.Float32bits(want) {
					t.Fatalf("%d of %d: %#x gives %#x, want %#x", i, n, bits[len(bits)-1-i], math.Float32bits(x), math.Float32bits(want))
				}
			}
		}
	})
}

// Every tier finds the first NaN or infinity wherever it is, and nothing in the largest finite numbers; so do the
// checks of rows.
func TestTiersFindNonFinite(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T) {
		for _, n := range []int{0, 1, 31, 32, 33, 64, 100, 257} {
			row := floatsAt(kerneltest.Guarded(t, 4*n+4, false))[1:]
			for i := range row {
				row[i] = [2]float32{math.MaxFloat32, -math.MaxFloat32}[i%2]
			}
			if i := FirstNonFinite(row); i >= 0 {
				t.Fatalf("%d of %d finite values is taken for NaN or infinity", i, n)
			}
			for i := range row {
				bits := [...]uint32{0x7f800000, 0xff800000, 0x7f800001, 0xffffffff}[i%4]
				before := row[i]
				row[i] = math.Float32frombits(bits)
				if n > i+1 {
					row[n-1] = row[i]
				}
				if got := FirstNonFinite(row); got != i {
					t.Fatalf("%#x at %d of %d: found at %d", bits, i, n, got)
				}
				row[i], row[n-1] = before, math.MaxFloat32
			}
		}
		for _, c := range []struct {
			*Codec
			finite, special []byte
		}{
			{&f32Codec, []byte{0xff, 0xff, 0x7f, 0xff}, []byte{0, 0, 0x80, 0x7f}},
			{&f16Codec, []byte{0xff, 0xfb}, []byte{0, 0x7c}},
			{&bf16Codec, []byte{0x7f, 0xff}, []byte{0x80, 0xff}},
		} {
			for _, n := range []int{1, 31, 64, 65, 200} {
				row := kerneltest.Guarded(t, n*len(c.finite), false)
				copy(row, bytes.Repeat(c.finite, n))
				if err := c.Check(row); err != nil {
					t.Errorf("%v: largest numbers are refused: %v", c.Type, err)
				}
				for i := range n {
					copy(row[i*len(c.finite):], c.special)
					if c.Check(row) == nil {
						t.Fatalf("%v: a special value at %d of %d is not seen", c.Type, i, n)
					}
					copy(row[i*len(c.finite):], c.finite)
				}
			}
		}
	})
}

// firstDifference gives where two slices of one length differ first, -1 where nowhere.
func firstDifference(a, b []byte) int {
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return -1
}

// The first magnitude that reaches a limit is found wherever it is, NaN too; what is just below is passed over.
func TestFirstBeyond(t *testing.T) {
	const limit = 1e17
	below := math.Nextafter32(limit, 0)
	kerneltest.Each(t, func(t *testing.T) {
		for _, n := range []int{1, 31, 32, 33, 127, 200} {
			row := make([]float32, n)
			for i := range row {
				row[i] = below * float32(1-i%2*2)
			}
			if i := FirstBeyond(row, limit); i >= 0 {
				t.Fatalf("%d values below the limit: value %d, %v, is said to reach it", n, i, row[i])
			}
			for i := range row {
				for _, v := range []float32{limit, -limit, math.MaxFloat32, float32(math.Inf(-1)), float32(math.NaN())} {
					before := row[i]
					row[i] = v
					if got := FirstBeyond(row, limit); got != i {
						t.Fatalf("%v at %d of %d: found at %d", v, i, n, got)
					}
					row[i] = before
				}
			}
		}
	})
}
