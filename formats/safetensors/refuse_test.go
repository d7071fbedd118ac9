package safetensors

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
)

const (
	malformed   = fault.Malformed
	limit       = fault.Limit
	unsupported = fault.Unsupported
)

func TestFaultRows(t *testing.T) {
	entry := func(fields string) string { return `{"w":{` + fields + `}}` }
	offsets := func(pair string) string { return entry(`"dtype":"U8","shape":[4],"data_offsets":` + pair) }
	many := func(n int) string {
		var b strings.Builder
		b.WriteByte('{')
		for i := range n {
			fmt.Fprintf(&b, `"w_%d":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},`, i)
		}
		return strings.TrimSuffix(b.String(), ",") + "}"
	}
	one := `"dtype":"U8","shape":[2],"data_offsets":[0,2]`
	for _, c := range []struct {
		name  string
		file  []byte
		kind  fault.Kind
		field string
	}{
		{"A2 header length over the limit", withLength(100_000_001, "{}"), limit, "header length 100000001"},
		{"A4 header length 0", withLength(0, "{}"), malformed, "header length is 0"},
		{"A4 header length 2^63", withLength(1<<63, "{}"), limit, "header length 9223372036854775808"},
		{"A4 header length 2^64-1", withLength(math.MaxUint64, "{}"), limit, "header length 18446744073709551615"},
		{"A4 header length 2^63-1", withLength(math.MaxInt64, "{}"), limit, "header length"},
		{"A5 reference vector", raw("\xff", 0), malformed, "header is not valid JSON: not UTF-8"},
		{"A5 in a name", raw("{\"w\xff\":{"+one+"}}", 2), malformed, "not UTF-8"},
		{"A5 surrogate", raw(`{"\ud800":{`+one+`}}`, 2), malformed, "lone surrogate"},
		{"A6 reference vector {", raw("{", 0), malformed, "header is not valid JSON"},
		{"A6 text", raw("hello", 0), malformed, "header is not valid JSON"},
		{"A6 array", raw("[]", 0), malformed, "found an array, expected an object"},
		{"A6 null", raw("null", 0), malformed, "found null, expected an object"},
		{"A6 second document", raw(`{}{}`, 0), malformed, "more data after the document"},
		{"A6 garbage after }", raw(`{} x`, 0), malformed, "more data after the document"},
		{"A6 zero bytes after }", raw("{}\x00\x00", 0), malformed, "more data after the document"},
		{"A8 duplicate name", raw(`{"w":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"w":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}`, 3), malformed, `tensor "w": header names it twice, at bytes 9 and 61`},
		{"A8 duplicate name, escaped", raw(`{"w":{`+one+`},"\u0077":{`+one+`}}`, 2), malformed, `names it twice, at bytes 9 and`},
		{"A8 duplicate __metadata__", raw(`{"__metadata__":{},"__metadata__":{}}`, 0), malformed, "__metadata__ is given twice, at bytes 9 and 27"},
		{"A9 duplicate field", raw(entry(`"dtype":"U8","dtype":"U8","shape":[2],"data_offsets":[0,2]`), 2), malformed, `tensor "w": header is not valid JSON: duplicate key "dtype"`},
		{"A9 case variant is another field", raw(entry(`"DTYPE":"U8","shape":[2],"data_offsets":[0,2]`), 2), malformed, `tensor "w": field dtype is missing`},
		{"A9 shape missing", raw(entry(`"dtype":"U8","Shape":[2],"data_offsets":[0,2]`), 2), malformed, "field shape is missing"},
		{"A9 data_offsets missing", raw(entry(`"dtype":"U8","shape":[2]`), 2), malformed, "field data_offsets is missing"},
		{"A9 entry is no object", raw(`{"w":[]}`, 0), malformed, `tensor "w": entry is an array`},
		{"A9 entry is null", raw(`{"w":null}`, 0), malformed, `tensor "w": entry is null`},
		{"A10 no item", raw(offsets("[]"), 4), malformed, `tensor "w": data_offsets has 0 items`},
		{"A10 1 item", raw(offsets("[4]"), 4), malformed, "data_offsets has 1 items"},
		{"A10 3 items", raw(offsets("[0,4,4]"), 4), malformed, "data_offsets has more than 2 items"},
		{"A10 null", raw(offsets("null"), 4), malformed, "data_offsets is null"},
		{"A10 null item", raw(offsets("[0,null]"), 4), malformed, "data_offsets holds null"},
		{"A10 float", raw(offsets("[0,4.0]"), 4), malformed, "data_offsets holds 4.0"},
		{"A10 exponent", raw(offsets("[0,4e0]"), 4), malformed, "data_offsets holds 4e0"},
		{"A10 negative", raw(offsets("[-1,3]"), 4), malformed, "data_offsets holds -1"},
		{"A10 minus zero", raw(offsets("[-0,4]"), 4), malformed, "data_offsets holds -0"},
		{"A10 string", raw(offsets(`["0",4]`), 4), malformed, "data_offsets holds a string"},
		{"A10 over 2^53", raw(offsets("[9007199254740993,9007199254740997]"), 4), malformed, "leave 9007199254740993 unused bytes at the start"},
		{"A10 2^63-1", raw(offsets("[9223372036854775803,9223372036854775807]"), 4), malformed, "lie beyond any file"},
		{"A10 2^63", raw(offsets("[0,9223372036854775808]"), 4), malformed, "data_offsets holds 9223372036854775808"},
		{"A10 2^64+4", raw(offsets("[0,18446744073709551620]"), 4), malformed, "data_offsets holds 18446744073709551620"},
		{"A10 backwards", raw(offsets("[4,0]"), 4), malformed, "data_offsets [4,0] run backwards"},
		{"A12 number", raw(`{"__metadata__":{"a":"b","k":1}}`, 0), malformed, `__metadata__: "k" is a number, expected a string`},
		{"A12 null", raw(`{"__metadata__":{"k":null}}`, 0), malformed, `__metadata__: "k" is null`},
		{"A12 object", raw(`{"__metadata__":{"k":{}}}`, 0), malformed, `__metadata__: "k" is an object`},
		{"A12 metadata is an array", raw(`{"__metadata__":["a"]}`, 0), malformed, "found an array, expected an object"},
		{"A12 duplicate key", raw(`{"__metadata__":{"a":"1","a":"2"}}`, 0), malformed, `duplicate key "a"`},
		{"A13 one range ten times (json attack)", raw(many(10), 16), malformed, `data_offsets [0,16] overlap those of`},
		{"A13 partial overlap", raw(`{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}`, 4), malformed, `tensor "b": data_offsets [2,4] overlap those of "a", which end at 3`},
		{"A13 contained", raw(`{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 4), malformed, "overlap"},
		{"A13 empty tensor inside another", raw(`{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[0],"data_offsets":[2,2]}}`, 4), malformed, "overlap"},
		{"A14 hole", raw(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[4,6]}}`, 6), malformed, `tensor "b": data_offsets [4,6] leave 2 unused bytes after "a"`},
		{"A14 hole at the start", raw(offsets("[1,5]"), 5), malformed, "leave 1 unused bytes at the start of the data"},
		{"A15 one byte after", raw(entry(one), 3), malformed, "data_offsets end at byte 63 of the file, but 1 more bytes follow"},
		{"A15 data without tensors", raw("{}", 100), malformed, "100 more bytes follow"},
		{"A16 one byte short", raw(entry(one), 1), malformed, "data_offsets: have 62 bytes of file, need 63"},
		{"A17 product overflows (reference vector)", raw(`{"test":{"dtype":"I32","shape":[2,18446744073709551614],"data_offsets":[0,16]}}`, 16), malformed, "shape holds 18446744073709551614"},
		{"A17 product wraps to the right size", raw(`{"test":{"dtype":"I32","shape":[4611686018427387904,4,1],"data_offsets":[0,0]}}`, 0), malformed, "I32 [4611686018427387904,4,1] is larger than any file"},
		{"A17 times size overflows (reference vector)", raw(`{"test":{"dtype":"I32","shape":[2,9223372036854775807],"data_offsets":[0,16]}}`, 16), malformed, "is larger than any file"},
		{"A17 times bits overflows", raw(`{"test":{"dtype":"I64","shape":[1152921504606846976],"data_offsets":[0,16]}}`, 16), malformed, "is larger than any file"},
		{"A17 zero does not excuse an overflow", raw(`{"test":{"dtype":"U8","shape":[0,9223372036854775807,4],"data_offsets":[0,0]}}`, 0), malformed, "is larger than any file"},
		{"A18 range too short", raw(`{"lm_head.weight":{"dtype":"F16","shape":[2,4],"data_offsets":[0,12]}}`, 12), malformed, `shard.safetensors: tensor "lm_head.weight": data_offsets [0,12] hold 12 bytes, F16 [2,4] needs 16`},
		{"A18 range too long", raw(`{"w":{"dtype":"F16","shape":[2,4],"data_offsets":[0,20]}}`, 20), malformed, "data_offsets [0,20] hold 20 bytes, F16 [2,4] needs 16"},
		{"A18 scalar", raw(`{"w":{"dtype":"F32","shape":[],"data_offsets":[0,8]}}`, 8), malformed, "data_offsets [0,8] hold 8 bytes, F32 [] needs 4"},
		{"A18 shape null", raw(`{"w":{"dtype":"U8","shape":null,"data_offsets":[0,1]}}`, 1), malformed, `tensor "w": shape is null`},
		{"A18 shape negative", raw(`{"w":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}`, 1), malformed, "shape holds -1"},
		{"A18 shape float", raw(`{"w":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}}`, 1), malformed, "shape holds 1.0"},
		{"A18 shape nested", raw(`{"w":{"dtype":"U8","shape":[[1]],"data_offsets":[0,1]}}`, 1), malformed, "shape holds an array"},
		{"A19 F4 of 1", raw(`{"w":{"dtype":"F4","shape":[1],"data_offsets":[0,1]}}`, 1), malformed, "shape: F4 [1] holds 4 bits"},
		{"A19 F4 of 1x3 (reference vector)", raw(`{"test":{"dtype":"F4","shape":[1,3],"data_offsets":[0,2]}}`, 2), malformed, "F4 [1,3] holds 12 bits"},
		{"A19 F6 of 3", raw(`{"w":{"dtype":"F6_E2M3","shape":[3],"data_offsets":[0,3]}}`, 3), malformed, "F6_E2M3 [3] holds 18 bits"},
		{"A20 unknown dtype", raw(`{"w":{"dtype":"Q4_K","shape":[1],"data_offsets":[0,1]}}`, 1), unsupported, `tensor "w": dtype "Q4_K" is unknown`},
		{"A20 lower case", raw(`{"w":{"dtype":"f32","shape":[1],"data_offsets":[0,4]}}`, 4), unsupported, `dtype "f32" is unknown`},
		{"A20 control characters are quoted", raw(`{"w":{"dtype":"\u001b[31m","shape":[1],"data_offsets":[0,4]}}`, 4), unsupported, `dtype "\x1b[31m" is unknown`},
		{"A20 no string", raw(`{"w":{"dtype":1,"shape":[1],"data_offsets":[0,4]}}`, 4), malformed, "dtype is a number"},
		{"A23 arrays", raw(`{"w":{"x":`+strings.Repeat("[", 20_000), 0), malformed, "nested deeper than 127"},
		{"A23 objects", raw(strings.Repeat(`{"w":`, 20_000), 0), malformed, "nested deeper than 127"},
		{"A23 in an ignored field", raw(`{"w":{`+one+`,"x":`+strings.Repeat("[", 20_000)+strings.Repeat("]", 20_000)+`}}`, 2), malformed, "nested deeper than 127"},
	} {
		t.Run(c.name, func(t *testing.T) { refused(t, c.file, c.kind, c.field) })
	}
}

// TestA1: the length field needs 8 bytes.
func TestA1ShortFile(t *testing.T) {
	for n := range 8 {
		refused(t, make([]byte, n), malformed, fmt.Sprintf("%d bytes, header length needs 8", n))
	}
	if _, err := Open(bytes.NewReader(nil), -1, fileName, DefaultLimits()); fault.KindOf(err) != malformed {
		t.Errorf("negative size: %v", err)
	}
}

// TestA2: a length over the limit is refused before anything after it is read, though the file has it.
func TestA2NotRead(t *testing.T) {
	for _, c := range []struct {
		length uint64
		read   bool
	}{{100_000_001, false}, {1 << 63, false}, {math.MaxUint64, false}, {100_000_000, true}} {
		a := &asked{ReaderAt: bytes.NewReader(withLength(c.length, "{}"))}
		_, err := Open(a, 200_000_000, fileName, DefaultLimits())
		if err == nil {
			t.Fatalf("length %d: accepted", c.length)
		}
		if got := a.end > 8; got != c.read {
			t.Errorf("length %d: read up to byte %d", c.length, a.end)
		}
	}
}

// TestA3: cut anywhere in the header, a file says that it may be incomplete.
func TestA3CutHeader(t *testing.T) {
	b := good(t)
	f := accepted(t, b)
	for n := int64(8); n < f.HeaderBytes; n++ {
		refused(t, b[:n], malformed, "header length")
		if _, err := open(b[:n]); !strings.Contains(err.Error(), "file may be incomplete") {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
}

// TestA16: cut anywhere in the data, or grown, a file is refused with both numbers.
func TestA16CutData(t *testing.T) {
	b := good(t)
	f := accepted(t, b)
	for n := int(f.HeaderBytes); n < len(b); n++ {
		refused(t, b[:n], malformed, fmt.Sprintf("have %d bytes of file, need %d", n, len(b)))
	}
	for _, x := range f.Tensors {
		for _, cut := range []int64{x.Off - 1, x.Off + 1, x.Off + x.Bytes - 1} {
			if cut >= f.HeaderBytes && cut < int64(len(b)) {
				refused(t, b[:cut], malformed, "file may be incomplete")
			}
		}
	}
	refused(t, append(bytes.Clone(b), 0), malformed, "1 more bytes follow")
}

// TestLookalikes: a file of another kind under this name is recognised by its first bytes.
func TestLookalikes(t *testing.T) {
	for _, c := range []struct{ name, head, want string }{
		{"A24 Git-LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 12\n", "run git lfs pull"},
		{"A24 Git-Xet pointer", "# xet version 0\nfilesize = 12\n", "Git-Xet pointer"},
		{"A25 zip", "PK\x03\x04\x14\x00\x00\x00\x08\x00", "zip archive"},
		{"A25 pickle, protocol 2", "\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "pickle"},
		{"A25 pickle, protocol 4, short frame", "\x80\x04\x95\x01\x00\x00\x00\x00\x00\x00\x00" + strings.Repeat("x", 1<<16), "pickle"},
		{"A25 pickle, protocol 4, length fits", "\x80\x04\x00\x00\x00\x00\x00\x00" + strings.Repeat("x", 1<<16), "pickle"},
		{"A25 pickle, protocol 5", "\x80\x05\x95\xff\xff\xff\xff\x00\x00\x00\x00", "pickle"},
		{"A25 HTML", "<!DOCTYPE html><html></html>", "HTML"},
		{"A25 HTML, lower case, space before", "\n <!doctype html>", "HTML"},
		{"A25 HTML without doctype", "<html><head>", "HTML"},
		{"A25 XML", "<?xml version=\"1.0\"?><Error>", "XML"},
		{"A25 gzip", "\x1f\x8b\x08\x08\x12\x34\x56\x78\x00\x03", "gzip"},
		{"A25 gzip whose length fits", "\x1f\x8b\x08\x00\x00\x00\x00\x00" + strings.Repeat("\x00", 600_000), "gzip"},
		{"A25 zstd", "\x28\xb5\x2f\xfd\x04\x00\x11\x00", "zstd"},
		{"A25 xz", "\xfd7zXZ\x00\x00\x04", "xz"},
		{"A25 GGUF", "GGUF\x03\x00\x00\x00\x00\x00\x00\x00", "GGUF file"},
		{"A25 HDF5", "\x89HDF\r\n\x1a\n", "HDF5"},
		{"A25 NumPy", "\x93NUMPY\x01\x00", "NumPy"},
		{"A25 JSON", `{"error":"Repository not found"}`, "JSON text"},
	} {
		t.Run(c.name, func(t *testing.T) { refused(t, []byte(c.head), malformed, c.want) })
	}
	// The bytes alone do not condemn a file whose header is good.
	if _, err := open(raw("{}"+strings.Repeat(" ", 0x0280-2), 0)); err != nil {
		t.Errorf("length 0x0280, which starts like a pickle: %v", err)
	}
}
