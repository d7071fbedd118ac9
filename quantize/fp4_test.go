package quantize

import (
	"bytes"
	"math"
	"testing"

	"github.com/qconv/qconv/quantize/internal/kernel"
)

// floorLog2 against the definition, for all float32 from 300 steps below to 300 above every power of two, and a sweep
// of the rest.
func TestFloorLog2(t *testing.T) {
	check := func(u uint32) {
		x := math.Float32frombits(u)
		want := int(math.Floor(float64(float32(math.Log2(float64(x))))))
		if got := floorLog2(x); got != want {
			t.Fatalf("%v (%#08x): %d, want %d", x, u, got, want)
		}
	}
	for e := -149; e <= 128; e++ {
		u := uint32(0x7f800000)
		if e < 128 {
			u = math.Float32bits(float32(math.Ldexp(1, e)))
		}
		for d := range uint32(601) {
			if v := u + d - 300; v > 0 && v < 0x7f800000 {
				check(v)
			}
		}
	}
	for u := uint32(1); u < 0x7f800000; u += 9973 {
		check(u)
	}
}

// Where the exponent of MXFP4 wraps, the reference writes zeros or a block that its own validator refuses. The
// largest magnitude of each block and its exponent are the reference's.
func TestMXFP4Exponent(t *testing.T) {
	for _, c := range []struct {
		top      float32
		e        byte
		accepted bool
		damaged  bool
	}{
		{0, 0, true, false}, {1, 125, true, false}, {0.02, 119, true, false}, {0x1.fffffep0, 125, true, false},
		{0x1.fffffcp5, 131, true, false}, {0x1.fffffap5, 130, true, false}, // rounds up to 64 from two steps below, not three
		{0x1.fffffep3, 129, true, false}, {0x1.fffffcp3, 128, true, false},
		{math.MaxFloat32, 253, true, false}, {0x1p127, 252, true, false},
		{0x1p-124, 1, true, false}, {0x1p-125, 0, true, false},
		{0x1.fffffep-126, 0, true, false}, // rounds up to 2^-125
		{0x1.ffp-126, 255, false, true}, {0x1p-126, 255, false, true},
		{0x1p-127, 254, true, true}, {0x1p-128, 253, true, true}, {0x1p-149, 232, true, true},
	} {
		x := make([]float32, 64)
		x[7], x[40] = c.top, 1
		b := encodeRows(&mxfp4, x, nil, 64)
		if b[0] != c.e {
			t.Errorf("largest %v: exponent %d, want %d", c.top, b[0], c.e)
		}
		if err := checkMXFP4(b); (err == nil) != c.accepted {
			t.Errorf("largest %v: %v", c.top, err)
		}
		for _, block := range []int{0, 32} { // alone, and behind a block in order
			y := append(make([]float32, block), x[:32]...)
			if got := mxfp4.Damages(y); got != c.damaged {
				t.Errorf("largest %v at %d: damaged is %v", c.top, block, got)
			}
		}
		right := encodeRows(mxfp4.Correct, x, nil, 64)
		if !c.damaged {
			if !bytes.Equal(right, b) {
				t.Errorf("largest %v: the correct codec differs without need", c.top)
			}
			continue
		}
		back := decodeRows(mxfp4.Correct, right, 64)
		if err := mxfp4.Correct.Check(right); err != nil || right[0] != 0 {
			t.Errorf("largest %v: corrected exponent %d, %v", c.top, right[0], err)
		}
		if e := kernel.Abs(back[7] - c.top); e > 0x1p-127 || e > c.top {
			t.Errorf("largest %v: corrected to %v", c.top, back[7])
		}
	}
}

func TestMXFP4Check(t *testing.T) {
	block := func(e, codes byte) []byte { return append([]byte{e}, bytes.Repeat([]byte{codes}, 16)...) }
	for _, c := range []struct {
		e, codes byte
		ok       bool
	}{
		{0, 0x7f, true}, {252, 0x7f, true}, {253, 0x5d, true}, {253, 0x60, false}, {253, 0x0e, false}, {253, 0x7f, false},
		{254, 0x3b, true}, {254, 0x40, false}, {254, 0x0c, false}, {255, 0, false},
	} {
		row := append(block(127, 0x7f), block(c.e, c.codes)...)
		if err := checkMXFP4(row); (err == nil) != c.ok {
			t.Errorf("exponent %d, codes %#x: %v", c.e, c.codes, err)
		}
		if FirstNonFinite(decodeRows(&mxfp4, row, 64)) >= 0 && c.ok {
			t.Errorf("exponent %d, codes %#x: accepted, but not finite", c.e, c.codes)
		}
	}
	if checkMXFP4(make([]byte, 18)) == nil {
		t.Error("part of a block is accepted")
	}
}

// All scales of NVFP4 that are numbers: rounding each gives its byte, as does what is between it and the borders.
func TestUE4M3(t *testing.T) {
	value := func(s int) float64 {
		if s < 8 {
			return math.Ldexp(float64(s), -9)
		}
		return math.Ldexp(1+float64(s%8)/8, s/8-7)
	}
	for s := range 0x7f {
		v := value(s)
		if got := halfUE4M3(byte(s)); float64(got) != v/2 {
			t.Errorf("scale %#x is %v halved, want %v", s, got, v/2)
		}
		want := byte(s)
		if s >= 15<<3 { // 256 and more are 448
			want = 0x7e
		}
		if got := ue4m3(float32(v)); got != want {
			t.Errorf("%v rounds to %#x, want %#x", v, got, want)
		}
		middle := float32((v + value(s+1)) / 2)
		up := min(byte(s+1), 0x7e)
		if s+1 >= 15<<3 {
			up = 0x7e
		}
		if s == 7 { // below the smallest normal nothing rounds up to it
			up = 7
		}
		if got := ue4m3(middle); got != up {
			t.Errorf("%v, halfway, rounds to %#x, want %#x", middle, got, up)
		}
		if got := ue4m3(math.Nextafter32(middle, 0)); got != want && s != 0 {
			t.Errorf("slightly below %v: %#x, want %#x", middle, got, want)
		}
	}
	for _, x := range []float32{449, 1e10, math.MaxFloat32} {
		if got := ue4m3(x); got != 0x7e {
			t.Errorf("%v rounds to %#x, want 0x7e", x, got)
		}
	}
	if halfUE4M3(0x7f) != 0 {
		t.Error("NaN is not read as 0")
	}
}

func TestNVFP4Check(t *testing.T) {
	row := make([]byte, 72)
	for s := range 256 {
		for g := range 4 {
			row[36+g] = byte(s)
			if err := checkNVFP4(row); (err == nil) != (s < 0x7f) {
				t.Errorf("scale %#x of group %d: %v", s, g, err)
			}
			row[36+g] = 0
		}
	}
	if checkNVFP4(row[:37]) == nil {
		t.Error("part of a block is accepted")
	}
}

// Without the scale of a tensor the range of NVFP4 is small: what is beyond it becomes the largest value, or zero, and
// far beyond it also zero, since all levels seem equally near. The blocks are the reference's.
func TestNVFP4Range(t *testing.T) {
	for _, c := range []struct {
		x, want float32
	}{
		{2688, 2688}, {2700, 2688}, {60000, 2688}, {1e8, 2688}, {1e12, 0}, {0.00585, 0}, {0.0059, 0.005859375},
	} {
		x := make([]float32, 64)
		x[20] = c.x
		if got := decodeRows(&nvfp4, encodeRows(&nvfp4, x, nil, 64), 64)[20]; got != c.want {
			t.Errorf("%v becomes %v, want %v", c.x, got, c.want)
		}
	}
}

// The inverse of a scale below 2^-128 is infinite. The reference's products are then infinite or NaN, whose integers
// make other codes than those of zeros only for Q2_0. The blocks are the reference's.
func TestVanishingScales(t *testing.T) {
	x := make([]float32, 256)
	for i := range x {
		x[i] = float32(i%7-3) / 3 * 0x1p-129
	}
	for _, c := range []struct {
		codec *Codec
		at    int // of codes
		want  byte
	}{{&tq2_0, 3, 0x55}, {&tq1_0, 3, 0x80}, {&q2_0, 3, 0}} {
		if b := encodeRows(c.codec, x, nil, 256); b[c.at] != c.want {
			t.Errorf("%v: byte %d is %#x, want %#x", c.codec.Type, c.at, b[c.at], c.want)
		}
	}
}

// The scale of IQ1_M is in four pieces.
func TestIQ1MCheck(t *testing.T) {
	x, _ := sampleRows(0, 512, 1, 5)
	for _, c := range []struct {
		bits uint16
		ok   bool
	}{{0x7c00, false}, {0xfc00, false}, {0x7e01, false}, {0x7bff, true}, {0x8000, true}} {
		for _, block := range []int{0, 56} {
			b := encodeRows(&iq1M, x, nil, 512)
			for i := range 4 {
				p := b[block+48+2*i:]
				put16(p, get16(p)&0xfff|c.bits>>(4*i)<<12)
			}
			if err := checkIQ1M(b); (err == nil) != c.ok {
				t.Errorf("scale %#x: %v", c.bits, err)
			}
		}
	}
	if checkIQ1M(make([]byte, 57)) == nil {
		t.Error("part of a block is accepted")
	}
}
