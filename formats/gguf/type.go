package gguf

import "strings"

// Type is a GGML tensor type, by its number in the file.
type Type uint32

// The types of GGML 0.25. Numbers missing here were retired.
const (
	TypeF32     Type = 0
	TypeF16     Type = 1
	TypeQ4_0    Type = 2
	TypeQ4_1    Type = 3
	TypeQ5_0    Type = 6
	TypeQ5_1    Type = 7
	TypeQ8_0    Type = 8
	TypeQ8_1    Type = 9
	TypeQ2_K    Type = 10
	TypeQ3_K    Type = 11
	TypeQ4_K    Type = 12
	TypeQ5_K    Type = 13
	TypeQ6_K    Type = 14
	TypeQ8_K    Type = 15
	TypeIQ2_XXS Type = 16
	TypeIQ2_XS  Type = 17
	TypeIQ3_XXS Type = 18
	TypeIQ1_S   Type = 19
	TypeIQ4_NL  Type = 20
	TypeIQ3_S   Type = 21
	TypeIQ2_S   Type = 22
	TypeIQ4_XS  Type = 23
	TypeI8      Type = 24
	TypeI16     Type = 25
	TypeI32     Type = 26
	TypeI64     Type = 27
	TypeF64     Type = 28
	TypeIQ1_M   Type = 29
	TypeBF16    Type = 30
	TypeTQ1_0   Type = 34
	TypeTQ2_0   Type = 35
	TypeMXFP4   Type = 39
	TypeNVFP4   Type = 40
	TypeQ1_0    Type = 41
	TypeQ2_0    Type = 42
)

// geometry is the one table of block sizes: elements and bytes a block.
var geometry = [...]struct {
	name         string
	elems, bytes int64
}{
	TypeF32: {"F32", 1, 4}, TypeF16: {"F16", 1, 2}, TypeBF16: {"BF16", 1, 2}, TypeF64: {"F64", 1, 8},
	TypeI8: {"I8", 1, 1}, TypeI16: {"I16", 1, 2}, TypeI32: {"I32", 1, 4}, TypeI64: {"I64", 1, 8},
	TypeQ4_0: {"Q4_0", 32, 18}, TypeQ4_1: {"Q4_1", 32, 20}, TypeQ5_0: {"Q5_0", 32, 22}, TypeQ5_1: {"Q5_1", 32, 24},
	TypeQ8_0: {"Q8_0", 32, 34}, TypeQ8_1: {"Q8_1", 32, 36},
	TypeQ2_K: {"Q2_K", 256, 84}, TypeQ3_K: {"Q3_K", 256, 110}, TypeQ4_K: {"Q4_K", 256, 144},
	TypeQ5_K: {"Q5_K", 256, 176}, TypeQ6_K: {"Q6_K", 256, 210}, TypeQ8_K: {"Q8_K", 256, 292},
	TypeIQ2_XXS: {"IQ2_XXS", 256, 66}, TypeIQ2_XS: {"IQ2_XS", 256, 74}, TypeIQ2_S: {"IQ2_S", 256, 82},
	TypeIQ3_XXS: {"IQ3_XXS", 256, 98}, TypeIQ3_S: {"IQ3_S", 256, 110},
	TypeIQ1_S: {"IQ1_S", 256, 50}, TypeIQ1_M: {"IQ1_M", 256, 56},
	TypeIQ4_NL: {"IQ4_NL", 32, 18}, TypeIQ4_XS: {"IQ4_XS", 256, 136},
	TypeTQ1_0: {"TQ1_0", 256, 54}, TypeTQ2_0: {"TQ2_0", 256, 66},
	TypeMXFP4: {"MXFP4", 32, 17}, TypeNVFP4: {"NVFP4", 64, 36}, TypeQ1_0: {"Q1_0", 128, 18}, TypeQ2_0: {"Q2_0", 64, 18},
}

// Block gives the elements and bytes of one block; ok is false for a number that is no type.
func (t Type) Block() (elems, bytes int64, ok bool) {
	if uint64(t) >= uint64(len(geometry)) || geometry[t].elems == 0 {
		return 0, 0, false
	}
	return geometry[t].elems, geometry[t].bytes, true
}

// String gives GGML's spelling, such as Q4_K.
func (t Type) String() string {
	if _, _, ok := t.Block(); !ok {
		return "unknown"
	}
	return geometry[t].name
}

// ParseType finds a type by its name, in any case.
func ParseType(name string) (Type, bool) {
	for t, g := range geometry {
		if g.elems != 0 && strings.EqualFold(g.name, name) {
			return Type(t), true
		}
	}
	return 0, false
}
