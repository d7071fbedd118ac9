package safetensors

// Dtype is an element type as the header spells it.
type Dtype string

// dtypes is every element type of the format, by bits an element.
var dtypes = [...]struct {
	name Dtype
	bits int64
}{
	{"BF16", 16}, {"F16", 16}, {"F32", 32}, {"F64", 64},
	{"F8_E4M3", 8}, {"F8_E5M2", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8},
	{"F4", 4}, {"F6_E2M3", 6}, {"F6_E3M2", 6},
	{"I8", 8}, {"I16", 16}, {"I32", 32}, {"I64", 64},
	{"U8", 8}, {"U16", 16}, {"U32", 32}, {"U64", 64},
	{"BOOL", 8}, {"C64", 64},
}

// Bits gives the bits of one element; ok is false for a name that the format does not know.
func (d Dtype) Bits() (bits int64, ok bool) {
	for i := range dtypes {
		if dtypes[i].name == d {
			return dtypes[i].bits, true
		}
	}
	return 0, false
}

// intern gives the table's own string, so that a tensor does not hold on to the header's text.
func intern(name string) (Dtype, bool) {
	for i := range dtypes {
		if string(dtypes[i].name) == name {
			return dtypes[i].name, true
		}
	}
	return "", false
}
