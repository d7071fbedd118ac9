package gguf

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
)

// cutFile has tensors whose sizes are and are not multiples of the alignment.
func cutFile() []byte {
	return file(3, 1).kv("k", ValueString).str("value").
		tensor("a", TypeF32, 0, 3, 2).tensor("b", TypeQ8_0, 32, 32, 2).tensor("c", TypeI8, 128, 5).data(32, 160)
}

// TestC4: cut anywhere, the file is refused; what follows its end is not part of it.
func TestC4Cut(t *testing.T) {
	b := cutFile()
	f := accepted(t, b)
	if f.DataEnd != int64(len(b)) {
		t.Fatalf("data end at %d of %d", f.DataEnd, len(b))
	}
	for n := range b {
		_, err := open(b[:n])
		if fault.KindOf(err) != malformed || !strings.HasPrefix(err.Error(), fileName+": ") {
			t.Fatalf("cut at %d of %d: %v", n, len(b), err)
		}
		if n > 4 && !strings.Contains(err.Error(), "may be incomplete") {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
	for i := range f.Tensors {
		off, n := f.Section(&f.Tensors[i])
		for _, at := range []int64{off - 1, off, off + 1, off + n - 1} {
			refused(t, b[:at], malformed, "file may be incomplete")
		}
	}
	if f := accepted(t, append(b, "more"...)); f.Size-f.DataEnd != 4 {
		t.Errorf("4 bytes after the data: size %d, data end at %d", f.Size, f.DataEnd)
	}
}

// TestC4OneByte: a tensor that ends one byte after the file.
func TestC4OneByte(t *testing.T) {
	for _, n := range []uint64{33, 64, 1 << 20} {
		refused(t, file(1, 0).tensor("w", TypeI8, 0, n).data(32, int(n-1)), malformed, fmt.Sprintf(`tensor "w": offset 0: %d bytes of data from byte 64 on exceed the file's %d`, n, 64+n-1))
	}
}

// TestC5Sums: sizes that fit one by one and not together, in a file that claims to be as large as files get.
func TestC5Sums(t *testing.T) {
	const size = math.MaxInt64
	two := func(n uint64) []byte {
		return file(2, 0).tensor("a", TypeI8, 0, n).tensor("b", TypeI8, n, n).data(32, 0)
	}
	if _, err := claimed(two(1<<62-1<<20), size, DefaultLimits()); err != nil {
		t.Errorf("sum below 2^63: %v", err)
	}
	_, err := claimed(two(1<<62), size, DefaultLimits())
	isFault(t, err, malformed, `tensor "b": offset 4611686018427387904`)
	_, err = claimed(file(1, 0).tensor("w", TypeI8, 0, math.MaxInt64-64).data(32, 0), size, DefaultLimits())
	isFault(t, err, malformed, `tensor "w"`)
}

// TestC6: a size whose rounding up would wrap.
func TestC6RoundUpWraps(t *testing.T) {
	for back := uint64(0); back < 64; back++ {
		n := math.MaxInt64 - back
		for _, head := range [][]byte{
			file(1, 0).tensor("w", TypeI8, 0, n).data(32, 0),
			file(2, 0).tensor("w", TypeI8, 0, n).tensor("x", TypeI8, 0, 8).data(32, 0),
		} {
			_, err := claimed(head, math.MaxInt64, DefaultLimits())
			isFault(t, err, malformed, `tensor "w"`)
		}
		refused(t, file(1, 0).tensor("w", TypeI8, 0, n).data(32, 64), malformed, `tensor "w"`)
	}
}

// TestC7Geometry: a number that is no type has no size; each type has one.
func TestC7Geometry(t *testing.T) {
	known := 0
	for i := range int64(300) {
		elems, size, ok := Type(i).Block()
		n, fits := Type(i).RowBytes(elems)
		switch {
		case ok && (elems < 1 || size < 1 || !fits || n != size || Type(i).String() == "unknown"):
			t.Errorf("type %d: blocks of %d in %d bytes, a row of one: %d", i, elems, size, n)
		case !ok && (elems != 0 || size != 0 || fits || Type(i).String() != "unknown"):
			t.Errorf("type %d is none, yet blocks of %d in %d bytes", i, elems, size)
		case ok:
			known++
			if p, found := ParseType(strings.ToLower(Type(i).String())); !found || p != Type(i) {
				t.Errorf("type %d is not found by its name", i)
			}
		}
	}
	if known != 35 {
		t.Errorf("%d types, want 35", known)
	}
	for _, n := range []int64{-1, -32, 31, 33, math.MaxInt64} {
		if b, ok := TypeQ8_0.RowBytes(n); ok {
			t.Errorf("row of %d in Q8_0: %d bytes", n, b)
		}
	}
	if b, ok := TypeF32.RowBytes(1 << 61); ok {
		t.Errorf("row of 2^61 in F32: %d bytes", b)
	}
}

// TestC11: a dimension of 0 and no dimension are shown, as the reference does.
func TestC11Shown(t *testing.T) {
	f := accepted(t, file(3, 0).tensor("none", TypeF32, 0).tensor("zero", TypeQ4_K, 32, 256, 0).tensor("zero2", TypeQ4_K, 32, 0).data(32, 32))
	for i, want := range []struct{ elems, bytes, rows int64 }{{1, 4, 1}, {0, 0, 0}, {0, 0, 1}} {
		x := &f.Tensors[i]
		if x.Elems() != want.elems || x.Bytes() != want.bytes || x.Rows() != want.rows {
			t.Errorf("%s: %d elements, %d bytes, %d rows", x.Name, x.Elems(), x.Bytes(), x.Rows())
		}
	}
}

// TestC8Accepted: what the reference's vocabulary reader takes.
func TestC8Accepted(t *testing.T) {
	accepted(t, file(0, 3).arr(keyTokens, ValueString, 2).str("a").str("\xff").arr(keyScores, ValueInt32, 2).u64(0).arr(keyTypes, ValueInt32, 2).u64(0).b)
	accepted(t, file(0, 1).arr(keyScores, ValueFloat32, 2).u64(0).b)
}

// TestBitFlips: any flipped bit before the data gives a fault or another valid header.
func TestBitFlips(t *testing.T) {
	b := cutFile()
	for i := range 8 * int(accepted(t, b).DataStart) {
		b[i/8] ^= 1 << (i % 8)
		if f, err := open(b); err == nil {
			holds(t, f)
		} else if k := fault.KindOf(err); k != malformed && k != limit && k != unsupported {
			t.Fatalf("bit %d: kind %d: %v", i, k, err)
		}
		b[i/8] ^= 1 << (i % 8)
	}
	if !bytes.Equal(b, cutFile()) {
		t.Fatal("flips were not undone")
	}
}
