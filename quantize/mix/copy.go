package mix

import "github.com/qconv/qconv/formats/gguf"

// Copy gives the recipe of llama-quantize's COPY, which keeps every tensor as it is. file is what general.file_type
// then says: what it said before, or Guess.
func Copy(file uint32) *Recipe { return &Recipe{Name: "COPY", FileType: file} }

// Guess gives the number that the reference takes for the file type of a model that does not say one. types are
// those of its tensors in the order of Order; the type that most of them have decides, of equals the one that comes
// to their number first.
func Guess(types []gguf.Type) uint32 {
	const guessed = 1024 // the reference's mark for a number that no file gave
	count := map[gguf.Type]int{}
	var most gguf.Type
	for _, t := range types {
		if count[t]++; count[t] > count[most] {
			most = t
		}
	}
	return guessed | mostly[most] // types that are not listed count as F32
}

// mostly gives the file type that stands for a tensor type.
var mostly = map[gguf.Type]uint32{
	gguf.TypeF32: fileF32, gguf.TypeF16: fileF16, gguf.TypeBF16: fileBF16,
	gguf.TypeQ4_0: fileQ4_0, gguf.TypeQ4_1: fileQ4_1, gguf.TypeQ5_0: fileQ5_0, gguf.TypeQ5_1: fileQ5_1, gguf.TypeQ8_0: fileQ8_0,
	gguf.TypeQ2_K: fileQ2_K, gguf.TypeQ3_K: fileQ3_K_M, gguf.TypeQ4_K: fileQ4_K_M, gguf.TypeQ5_K: fileQ5_K_M, gguf.TypeQ6_K: fileQ6_K,
	gguf.TypeTQ1_0: fileTQ1_0, gguf.TypeTQ2_0: fileTQ2_0,
	gguf.TypeIQ2_XXS: fileIQ2_XXS, gguf.TypeIQ2_XS: fileIQ2_XS, gguf.TypeIQ2_S: fileIQ2_S, gguf.TypeIQ3_XXS: fileIQ3_XXS,
	gguf.TypeIQ3_S: fileIQ3_S, gguf.TypeIQ1_S: fileIQ1_S, gguf.TypeIQ1_M: fileIQ1_M, gguf.TypeIQ4_NL: fileIQ4_NL, gguf.TypeIQ4_XS: fileIQ4_XS,
	gguf.TypeNVFP4: fileNVFP4, gguf.TypeQ1_0: fileQ1_0, gguf.TypeQ2_0: fileQ2_0,
}
