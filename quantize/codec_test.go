package quantize

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/x448/float16"

	"github.com/qconv/qconv/formats/gguf"
)

// scaleOffsets gives where the half-precision scales of a block type lie.
var scaleOffsets = map[gguf.Type][]int{
	gguf.TypeQ4_0: {0}, gguf.TypeQ4_1: {0, 2}, gguf.TypeQ5_0: {0}, gguf.TypeQ5_1: {0, 2}, gguf.TypeQ8_0: {0},
	gguf.TypeQ2_K: {80, 82}, gguf.TypeQ3_K: {108}, gguf.TypeQ4_K: {0, 2}, gguf.TypeQ5_K: {0, 2}, gguf.TypeQ6_K: {208},
	gguf.TypeIQ2_XXS: {0}, gguf.TypeIQ2_XS: {0}, gguf.TypeIQ3_XXS: {0}, gguf.TypeIQ3_S: {0}, gguf.TypeIQ2_S: {0},
	gguf.TypeIQ1_S: {0}, gguf.TypeIQ4_NL: {0}, gguf.TypeIQ4_XS: {0}, gguf.TypeTQ1_0: {52}, gguf.TypeTQ2_0: {64},
	gguf.TypeQ1_0: {0}, gguf.TypeQ2_0: {0},
}

func TestListIsComplete(t *testing.T) {
	seen := map[gguf.Type]bool{}
	for _, c := range List() {
		if seen[c.Type] {
			t.Errorf("%v is listed twice", c.Type)
		}
		seen[c.Type] = true
		if got, ok := For(c.Type); !ok || got != c {
			t.Errorf("For(%v) does not give the listed codec", c.Type)
		}
		if elems, _, ok := c.Type.Block(); !ok || c.encode == nil || c.decode == nil || c.Check == nil {
			t.Errorf("%v (%d elements a block) lacks a function", c.Type, elems)
		}
	}
	for _, typ := range []gguf.Type{gguf.TypeQ8_1, gguf.TypeQ8_K, gguf.TypeI32, 4, 1 << 30} {
		if _, ok := For(typ); ok {
			t.Errorf("For(%d) found a codec for a type that no file has", typ)
		}
	}
}

// ordinary are the distributions that every type can hold; the others may overflow its scales.
func ordinary(dist int) bool {
	return distributions[dist].name != "huge" && distributions[dist].name != "bits"
}

func TestEncodedRowsAreAcceptedAndFinite(t *testing.T) {
	const cols = 1024
	for _, c := range List() {
		for dist := range distributions {
			x, weight := sampleRows(dist, cols, 2, 7)
			for _, w := range weightings(c, weight) {
				b := encodeRows(c, x, w, cols)
				err := c.Check(b)
				if ordinary(dist) && err != nil {
					t.Errorf("%v %s: %v", c.Type, distributions[dist].name, err)
				}
				if i := FirstNonFinite(decodeRows(c, b, cols)); err == nil && i >= 0 {
					t.Errorf("%v %s: accepted blocks decode to a value that is not finite (%d)", c.Type, distributions[dist].name, i)
				}
			}
		}
	}
}

// Encoding depends on the values alone: not on what the output held, nor on neighbours in memory.
func TestEncodeOverwritesAll(t *testing.T) {
	const cols = 512
	for _, c := range List() {
		x, weight := sampleRows(2, cols, 1, 3)
		want := encodeRows(c, x, weight, cols)
		got := bytes.Repeat([]byte{0xa5}, len(want)+64)
		c.Encode(got[:len(want)], append(append([]float32(nil), x...), 1e30)[:cols], append(append([]float32(nil), weight...), 1e30)[:cols])
		if !bytes.Equal(got[:len(want)], want) {
			t.Errorf("%v: the result depends on what the output held before", c.Type)
		}
		if !bytes.Equal(got[len(want):], bytes.Repeat([]byte{0xa5}, 64)) {
			t.Errorf("%v: bytes behind the row were written", c.Type)
		}
	}
}

func TestD4ZerosAreExact(t *testing.T) {
	const cols = 512
	x := make([]float32, cols)
	weight := make([]float32, cols)
	for i := range weight {
		weight[i] = 1
	}
	for _, c := range List() {
		for _, w := range weightings(c, weight) {
			b := encodeRows(c, x, w, cols)
			for i, v := range decodeRows(c, b, cols) {
				if v != 0 {
					t.Errorf("%v weighted=%v: zero %d comes back as %v", c.Type, w != nil, i, v)
					break
				}
			}
		}
	}
	// What the blocks of zeros look like is part of the format's practice: others compare files.
	for typ, want := range map[gguf.Type]byte{gguf.TypeQ4_0: 0x88, gguf.TypeQ8_0: 0, gguf.TypeQ4_K: 0, gguf.TypeQ6_K: 0, gguf.TypeQ2_K: 0, gguf.TypeQ3_K: 0} {
		c, _ := For(typ)
		if b := encodeRows(c, x[:256], nil, 256); b[5] != want {
			t.Errorf("%v: byte 5 of a zero block is %#x, want %#x", typ, b[5], want)
		}
	}
	c, _ := For(gguf.TypeQ4_0)
	if b := encodeRows(c, x[:32], nil, 32); get16(b) != 0x8000 {
		t.Errorf("Q4_0: the scale of a zero block is %#x, want -0 as in the reference", get16(b))
	}
}

func TestCheckRefusesScales(t *testing.T) {
	for _, c := range List() {
		offsets, ok := scaleOffsets[c.Type]
		if !ok {
			continue
		}
		x, _ := sampleRows(0, 1024, 1, 5)
		_, size, _ := c.Type.Block()
		for _, o := range offsets {
			for _, bad := range []uint16{0x7c00, 0xfc00, 0x7e00, 0xfe01, 0x7c01} {
				for _, block := range []int{0, 1} {
					b := encodeRows(c, x, evenly(c, 1024), 1024)
					put16(b[block*int(size)+o:], bad)
					if c.Check(b) == nil {
						t.Errorf("%v: scale %#x at byte %d of block %d is accepted", c.Type, bad, o, block)
					}
				}
			}
			b := encodeRows(c, x, evenly(c, 1024), 1024)
			put16(b[o:], 0x7bff)
			if err := c.Check(b); err != nil {
				t.Errorf("%v: the largest finite scale is refused: %v", c.Type, err)
			}
		}
		if c.Check(make([]byte, size+1)) == nil {
			t.Errorf("%v: a row with part of a block is accepted", c.Type)
		}
	}
}

func TestCheckRefusesValues(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []*Codec{&f32Codec, &f16Codec, &bf16Codec} {
		for _, bad := range []float32{inf, -inf, nan} {
			x := []float32{1, 2, 3, bad}
			b := encodeRows(c, x, nil, 4)
			if c.Check(b) == nil {
				t.Errorf("%v: %v is accepted", c.Type, bad)
			}
			if c.Check(b[:len(b)/4*3]) != nil {
				t.Errorf("%v: finite values are refused", c.Type)
			}
		}
		if c.Check(make([]byte, 5)) == nil {
			t.Errorf("%v: five bytes are accepted", c.Type)
		}
	}
	// Values that are finite, but not in the narrower type.
	if f16Codec.Check(encodeRows(&f16Codec, []float32{65519.99, 65520}, nil, 2)) == nil {
		t.Error("F16: 65520 becomes infinity and is accepted")
	}
	if err := f16Codec.Check(encodeRows(&f16Codec, []float32{65519.99}, nil, 1)); err != nil {
		t.Errorf("F16: 65519.99 rounds to 65504 and is refused: %v", err)
	}
	if bf16Codec.Check(encodeRows(&bf16Codec, []float32{math.MaxFloat32}, nil, 1)) == nil {
		t.Error("BF16: the largest float32 becomes infinity and is accepted")
	}
}

// Every half, both ways, against an independent implementation.
func TestHalves(t *testing.T) {
	for h := range 1 << 16 {
		got, want := f32(uint16(h)), float16.Frombits(uint16(h)).Float32()
		if got != got && want != want {
			continue
		}
		if math.Float32bits(got) != math.Float32bits(want) {
			t.Fatalf("half %#04x is %v, want %v", h, got, want)
		}
	}
	check := func(b uint32) {
		x := math.Float32frombits(b)
		got, want := f16(x), float16.Fromfloat32(x).Bits()
		if x != x {
			want = uint16(b>>16)&0x8000 | 0x7e00
		}
		if got != want {
			t.Fatalf("%v (%#08x) rounds to %#04x, want %#04x", x, b, got, want)
		}
	}
	for h := range uint32(1 << 16) { // around every half and every midpoint of two
		x := math.Float32bits(float16.Frombits(uint16(h)).Float32())
		for d := range uint32(3) {
			for _, mid := range []uint32{0, 0x1000} {
				check(x + mid + d - 1)
			}
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 1 << 20 {
		check(r.Uint32())
	}
}

func TestBF16RoundsToEven(t *testing.T) {
	for _, c := range []struct {
		bits uint32
		want uint16
	}{
		{0x3f800000, 0x3f80}, {0x3f808000, 0x3f80}, {0x3f818000, 0x3f82}, {0x3f808001, 0x3f81}, {0x3f817fff, 0x3f81},
		{0x7f7f8000, 0x7f80}, {0x7f800000, 0x7f80}, {0xff800000, 0xff80}, {0x7f800001, 0x7fc0}, {0xffffffff, 0xffff},
		{0x00000001, 0x0000}, {0x00008000, 0x0000}, {0x00008001, 0x0001}, {0x80000000, 0x8000},
	} {
		if got := bf16(math.Float32frombits(c.bits)); got != c.want {
			t.Errorf("%#08x rounds to %#04x, want %#04x", c.bits, got, c.want)
		}
	}
}

func TestWiden(t *testing.T) {
	want := []float32{0, 1, -2.5, 65504, float32(math.Inf(1)), 0x1p-24}
	f64 := make([]byte, 8*len(want))
	for i, x := range want {
		binary.LittleEndian.PutUint64(f64[8*i:], math.Float64bits(float64(x)))
	}
	for _, c := range []struct {
		name  string
		widen func([]float32, []byte)
		src   []byte
	}{
		{"F64", WidenF64, f64},
		{"F32", decodeF32, floatBytes(want)},
		{"F16", decodeF16, encodeRows(&f16Codec, want, nil, len(want))},
	} {
		got := make([]float32, len(want))
		c.widen(got, c.src)
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s: value %d is %v, want %v", c.name, i, got[i], want[i])
			}
		}
	}
	got := make([]float32, 2)
	decodeBF16(got, []byte{0x80, 0x3f, 0x20, 0xc0})
	if got[0] != 1 || got[1] != -2.5 {
		t.Errorf("BF16: %v, want 1 and -2.5", got)
	}
	// Rounding of float64: ties to even, subnormals, overflow.
	for _, c := range []struct {
		x    float64
		want uint32
	}{
		{1 + 0x1p-24, 0x3f800000}, {1 + 3*0x1p-24, 0x3f800002}, {1 + 0x1p-24 + 0x1p-50, 0x3f800001},
		{0x1p-149, 1}, {0x1p-150, 0}, {3 * 0x1p-150, 2}, {math.MaxFloat64, 0x7f800000}, {3.4028235677973366e38, 0x7f800000}, {3.4028235e38, 0x7f7fffff},
	} {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], math.Float64bits(c.x))
		WidenF64(got[:1], b[:])
		if math.Float32bits(got[0]) != c.want {
			t.Errorf("float64 %v rounds to %#08x, want %#08x", c.x, math.Float32bits(got[0]), c.want)
		}
	}
}
