package gguf

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
)

const (
	malformed   = fault.Malformed
	limit       = fault.Limit
	mismatch    = fault.Mismatch
	unsupported = fault.Unsupported
)

func TestFaultRows(t *testing.T) {
	one := func() *bytesOf { return file(1, 0) }
	version := func(v uint32) []byte { return new(bytesOf).raw("GGUF").u32(v).u64(0).u64(0).b }
	align := func(t ValueType, v uint32) []byte { return file(0, 1).kv(keyAlignment, t).u32(v).b }
	nested := func() []byte {
		w := file(0, 1).kv("k", ValueArray)
		for range 100_000 {
			w.u32(uint32(ValueArray)).u64(1)
		}
		return w.b
	}
	const far = math.MaxInt64
	for _, c := range []struct {
		name  string
		file  []byte
		kind  fault.Kind
		field string
	}{
		{"C1 bad magic", new(bytesOf).raw("FUGG").u32(3).u64(0).u64(0).b, malformed, `magic is "FUGG", expected "GGUF"`},
		{"C1 bad magic, Git-LFS pointer", []byte("version https://git-lfs.github.com/spec/v1\n"), malformed, "run git lfs pull"},
		{"C1 bad magic, safetensors", []byte("\x40\x00\x00\x00\x00\x00\x00\x00{\"w\":{}                 "), malformed, "looks like safetensors"},
		{"C1 version 0", version(0), malformed, "version is 0, expected 2 or 3"},
		{"C1 version 1", version(1), unsupported, "version 1 is no longer read"},
		{"C1 version 4", version(4), malformed, "version is 4, expected 2 or 3"},
		{"C1 version 3, bytes swapped", version(3 << 24), malformed, "version 0x3000000 has its bytes swapped"},
		{"C3 alignment 0", align(ValueUint32, 0), malformed, `key "general.alignment" is 0, expected a power of two`},
		{"C3 alignment 3", align(ValueUint32, 3), malformed, `key "general.alignment" is 3, expected a power of two`},
		{"C3 alignment 2^31", align(ValueUint32, 1<<31), limit, `key "general.alignment" is 2147483648, the limits are 8 to 1048576`},
		{"C3 alignment 2 MiB", align(ValueUint32, 2<<20), limit, `key "general.alignment" is 2097152`},
		{"C3 alignment 4", align(ValueUint32, 4), limit, `key "general.alignment" is 4, the limits are 8`},
		{"C3 alignment of type i32", align(ValueInt32, 32), malformed, `key "general.alignment" is i32, expected u32`},
		{"C3 alignment of type f32", align(ValueFloat32, 32), malformed, `key "general.alignment" is f32, expected u32`},
		{"C5 dimension 2^63", one().tensor("w", TypeF32, 0, 1<<63).data(32, 64), malformed, `tensor "w": shape 9223372036854775808`},
		{"C5 dimension -1", one().tensor("w", TypeF32, 0, math.MaxUint64).data(32, 64), malformed, `tensor "w": shape 18446744073709551615 (as signed number -1)`},
		{"C5 product just over 2^63", one().tensor("w", TypeI8, 0, 1<<32, 1<<31).data(32, 64), malformed, `tensor "w": shape [4294967296 2147483648] has more elements than any file`},
		{"C5 product wraps to 4 (gguf-py vector)", one().tensor("bad_tensor", TypeF32, 0, 4194305, 4194305, 211106198978564).data(32, 64), malformed, `tensor "bad_tensor": shape [4194305 4194305 211106198978564] has more elements`},
		{"C5 product wraps to 0", one().tensor("w", TypeI8, 0, 1<<32, 1<<32).data(32, 64), malformed, "has more elements than any file"},
		{"C5 product wraps behind a zero", one().tensor("w", TypeI8, 0, 1<<32, 1<<32, 0).data(32, 64), malformed, "has more elements than any file"},
		{"C5 times size just over 2^63", one().tensor("w", TypeF32, 0, 1<<61).data(32, 64), malformed, "shape [2305843009213693952] of F32 is larger than any file"},
		{"C5 times block size just over 2^63", one().tensor("w", TypeQ8_0, 0, 1<<62, 2-1).data(32, 64), malformed, "exceed the file"},
		{"C5 exabyte in a small file", one().tensor("w", TypeI8, 0, 1<<60).data(32, 64), malformed, `tensor "w": offset 0: 1152921504606846976 bytes of data from byte 64 on exceed the file's 128`},
		{"C7 type 4, retired", one().tensor("w", 4, 0, 32).data(32, 64), unsupported, `tensor "w": type 4 was retired`},
		{"C7 type 5, retired", one().tensor("w", 5, 0, 32).data(32, 64), unsupported, "type 5 was retired"},
		{"C7 type 31, retired", one().tensor("w", 31, 0, 32).data(32, 64), unsupported, "type 31 was retired"},
		{"C7 type 38, retired", one().tensor("w", 38, 0, 32).data(32, 64), unsupported, "type 38 was retired"},
		{"C7 type 43, the first unknown", one().tensor("w", 43, 0, 32).data(32, 64), unsupported, "type 43 is unknown"},
		{"C7 type 99", one().tensor("w", 99, 0, 32).data(32, 64), unsupported, "type 99 is unknown"},
		{"C7 type -1", one().tensor("w", math.MaxUint32, 0, 32).data(32, 64), malformed, "type -1 is no ggml type"},
		{"C7 type 2^31", one().tensor("w", 1<<31, 0, 32).data(32, 64), malformed, "type -2147483648 is no ggml type"},
		{"C7 value type 13", file(0, 1).kv("k", 13).u64(0).b, malformed, `key "k": type 13 is no value type`},
		{"C7 value type -1", file(0, 1).kv("k", math.MaxUint32).u64(0).b, malformed, `key "k": type -1 is no value type`},
		{"C7 element type 13", file(0, 1).arr("k", 13, 1).u64(0).b, malformed, `key "k": type 13 is no value type`},
		{"C7 row is no multiple of the block", one().tensor("w", TypeQ4_K, 0, 255).data(32, 256), malformed, "rows of 255 do not fit Q4_K, whose blocks hold 256"},
		{"C7 rows together fit, each does not", one().tensor("w", TypeQ8_0, 0, 16, 2).data(32, 64), malformed, "rows of 16 do not fit Q8_0"},
		{"C8 tokens of numbers", file(0, 1).arr(keyTokens, ValueInt32, 1).u32(0).b, malformed, `key "tokenizer.ggml.tokens" is arr of i32, expected arr of str`},
		{"C8 tokens no array", file(0, 1).kv(keyTokens, ValueUint32).u32(0).b, malformed, `key "tokenizer.ggml.tokens" is u32, expected arr of str`},
		{"C8 scores of i8 (HF proof of concept)", file(0, 2).arr(keyTokens, ValueString, 1).str("a").arr(keyScores, ValueInt8, 1).u8(0).b, malformed, `key "tokenizer.ggml.scores" is arr of i8, expected arr of f32`},
		{"C8 token types of u8", file(0, 2).arr(keyTokens, ValueString, 1).str("a").arr(keyTypes, ValueUint8, 1).u8(0).b, malformed, `key "tokenizer.ggml.token_type" is arr of u8, expected arr of i32`},
		{"C8 merges of numbers", file(0, 1).arr(keyMerges, ValueUint32, 1).u32(0).b, malformed, `key "tokenizer.ggml.merges" is arr of u32`},
		{"C8 fewer scores than tokens", file(0, 2).arr(keyTokens, ValueString, 2).str("a").str("b").arr(keyScores, ValueFloat32, 1).u32(0).b, mismatch, `key "tokenizer.ggml.scores" has 1 elements, "tokenizer.ggml.tokens" has 2`},
		{"C8 more token types than tokens", file(0, 2).arr(keyTokens, ValueString, 1).str("a").arr(keyTypes, ValueInt32, 2).u64(0).b, mismatch, `key "tokenizer.ggml.token_type" has 2 elements`},
		{"C9 block_count 10^5", file(0, 2).kv(keyArchitecture, ValueString).str("llama").kv("llama.block_count", ValueUint32).u32(100_000).b, limit, `key "llama.block_count" is 100000, the limit is 1024`},
		{"C9 block_count negative", file(0, 2).kv(keyArchitecture, ValueString).str("llama").kv("llama.block_count", ValueInt32).u32(math.MaxUint32).b, malformed, `key "llama.block_count" is -1`},
		{"C9 block_count a string", file(0, 2).kv(keyArchitecture, ValueString).str("llama").kv("llama.block_count", ValueString).str("2").b, malformed, `key "llama.block_count" is str, expected an integer`},
		{"C9 expert_count 2^64-1", file(0, 2).kv(keyArchitecture, ValueString).str("llama").kv("llama.expert_count", ValueUint64).u64(math.MaxUint64).b, malformed, `key "llama.expert_count" is u64, expected an integer`},
		{"C9 architecture no string", file(0, 1).kv(keyArchitecture, ValueUint32).u32(1).b, malformed, `key "general.architecture" is u32, expected str`},
		{"C10 nested arrays 10^5 deep", nested(), malformed, `key "k": arrays of arrays are not part of GGUF`},
		{"C10 nested empty array", file(0, 1).arr("k", ValueArray, 0).u64(0).b, malformed, "arrays of arrays"},
		{"C11 n_dims 5", one().tensor("w", TypeF32, 0, 1, 1, 1, 1, 1).data(32, 32), malformed, `tensor "w": n_dims is 5, expected at most 4`},
		{"C11 n_dims 1,000,000 (gguf-py vector)", one().str("bad_tensor").u32(1_000_000).u64(1).u64(1).data(32, 64), malformed, `tensor "bad_tensor": n_dims is 1000000`},
		{"C11 n_dims 2^32-1", one().str("w").u32(math.MaxUint32).data(32, 64), malformed, "n_dims is 4294967295"},
		{"C12 version 1 with empty strings", new(bytesOf).raw("GGUF").u32(1).u32(0).u32(1).u32(0).u32(8).u32(0).b, unsupported, "version 1"},
		{"C12 version 1, 8 bytes less", new(bytesOf).raw("GGUF").u32(1).u32(0).u32(1).u64(0).b, unsupported, "version 1"},
		{"C13 duplicate key", file(0, 3).kv("k", ValueUint8).u8(0).kv("l", ValueUint8).u8(0).kv("k", ValueUint8).u8(1).b, malformed, `key "k" is given twice, as number 0 and 2`},
		{"C13 duplicate tensor", file(2, 0).tensor("w", TypeF32, 0, 8).tensor("w", TypeF32, 32, 8).data(32, 64), malformed, `tensor "w": name is given twice, to number 0 and 1`},
		{"C13 hole", file(2, 0).tensor("a", TypeF32, 0, 8).tensor("b", TypeF32, 64, 8).data(32, 96), malformed, `tensor "b": offset is 64, expected 32`},
		{"C13 overlap", file(2, 0).tensor("a", TypeF32, 0, 8).tensor("b", TypeF32, 0, 8).data(32, 64), malformed, `tensor "b": offset is 0, expected 32`},
		{"C13 unaligned", file(2, 0).tensor("a", TypeF32, 0, 2).tensor("b", TypeF32, 8, 2).data(32, 64), malformed, `tensor "b": offset is 8, expected 32`},
		{"C13 first not at 0", one().tensor("a", TypeF32, 32, 8).data(32, 64), malformed, `tensor "a": offset is 32, expected 0`},
		{"C13 other order", file(2, 0).tensor("a", TypeF32, 32, 8).tensor("b", TypeF32, 0, 8).data(32, 64), malformed, `tensor "a": offset is 32`},
		{"C13 offset 2^64-1", one().tensor("a", TypeF32, math.MaxUint64, 8).data(32, 64), malformed, `tensor "a": offset 18446744073709551615`},
		{"C13 offset 2^63-1", one().tensor("a", TypeF32, far, 8).data(32, 64), malformed, `tensor "a": offset is 9223372036854775807`},
		{"C14 bool 2", file(0, 1).kv("k", ValueBool).u8(2).b, malformed, `key "k": bool is the byte 2, expected 0 or 1`},
		{"C14 bool 255 in an array", file(0, 1).arr("k", ValueBool, 3).u8(0).u8(1).u8(255).b, malformed, `key "k": bool is the byte 255`},
		{"C14 key beyond ASCII", file(0, 1).kv("gr\u00f6\u00dfe", ValueUint8).u8(0).b, malformed, "is not printable ASCII"},
		{"C14 key not UTF-8", file(0, 1).kv("k\xff", ValueUint8).u8(0).b, malformed, `"k\xff" is not printable ASCII`},
		{"C14 key with an escape", file(0, 1).kv("k\x1b[31m", ValueUint8).u8(0).b, malformed, `"k\x1b[31m" is not printable ASCII`},
		{"C14 empty key", file(0, 1).kv("", ValueUint8).u16(0).b, malformed, `key number 0: key "" is empty`},
		{"C14 tensor name of 64 bytes", one().tensor(strings.Repeat("n", 64), TypeF32, 0, 8).data(32, 32), limit, "tensor number 0: name of 64 bytes exceeds the limit of 63"},
		{"C14 empty tensor name", one().tensor("", TypeF32, 0, 8).data(32, 32), malformed, "tensor number 0: name \"\" is empty"},
		{"C14 tensor name with a zero byte", one().tensor("w\x00x", TypeF32, 0, 8).data(32, 32), malformed, `name "w\x00x" holds a zero byte`},
	} {
		t.Run(c.name, func(t *testing.T) { refused(t, c.file, c.kind, c.field) })
	}
}

func (w *bytesOf) u16(v uint16) *bytesOf { return w.u8(byte(v)).u8(byte(v >> 8)) }

// TestC1: the fixed header needs 24 bytes.
func TestC1ShortFile(t *testing.T) {
	b := file(0, 0).b
	for n := range b {
		refused(t, b[:n], malformed, fmt.Sprintf("%d bytes, header needs 24", n))
	}
	if _, err := claimed(nil, -1, DefaultLimits()); fault.KindOf(err) != malformed {
		t.Errorf("negative size: %v", err)
	}
	accepted(t, b)
}
