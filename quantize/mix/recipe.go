// Package mix decides which type each tensor gets. Recipes, rules and fallbacks are those of
// llama-quantize v0.5.0: same names, same numbers, same choice for every tensor.
package mix

import (
	"strconv"
	"strings"

	"github.com/qconv/qconv/formats/gguf"
)

// Recipe is a file type: the number that general.file_type holds, and the type that a tensor gets when
// no rule says otherwise. Recipes are shared and must not be changed.
type Recipe struct {
	Name     string // llama.cpp's spelling, such as Q4_K_M
	FileType uint32 // general.file_type
	Default  gguf.Type
}

// Numbers of the file types. Those missing here were retired or cannot be chosen.
const (
	fileF32      = 0
	fileF16      = 1
	fileQ4_0     = 2
	fileQ4_1     = 3
	fileQ8_0     = 7
	fileQ5_0     = 8
	fileQ5_1     = 9
	fileQ2_K     = 10
	fileQ3_K_S   = 11
	fileQ3_K_M   = 12
	fileQ3_K_L   = 13
	fileQ4_K_S   = 14
	fileQ4_K_M   = 15
	fileQ5_K_S   = 16
	fileQ5_K_M   = 17
	fileQ6_K     = 18
	fileIQ2_XXS  = 19
	fileIQ2_XS   = 20
	fileQ2_K_S   = 21
	fileIQ3_XS   = 22
	fileIQ3_XXS  = 23
	fileIQ1_S    = 24
	fileIQ4_NL   = 25
	fileIQ3_S    = 26
	fileIQ3_M    = 27
	fileIQ2_S    = 28
	fileIQ2_M    = 29
	fileIQ4_XS   = 30
	fileIQ1_M    = 31
	fileBF16     = 32
	fileTQ1_0    = 36
	fileTQ2_0    = 37
	fileMXFP4MoE = 38
	fileNVFP4    = 39
	fileQ1_0     = 40
	fileQ2_0     = 41
)

// recipes is in the order of the numbers.
var recipes = []*Recipe{
	{"F32", fileF32, gguf.TypeF32},
	{"F16", fileF16, gguf.TypeF16},
	{"Q4_0", fileQ4_0, gguf.TypeQ4_0},
	{"Q4_1", fileQ4_1, gguf.TypeQ4_1},
	{"Q8_0", fileQ8_0, gguf.TypeQ8_0},
	{"Q5_0", fileQ5_0, gguf.TypeQ5_0},
	{"Q5_1", fileQ5_1, gguf.TypeQ5_1},
	{"Q2_K", fileQ2_K, gguf.TypeQ2_K},
	{"Q3_K_S", fileQ3_K_S, gguf.TypeQ3_K},
	{"Q3_K_M", fileQ3_K_M, gguf.TypeQ3_K},
	{"Q3_K_L", fileQ3_K_L, gguf.TypeQ3_K},
	{"Q4_K_S", fileQ4_K_S, gguf.TypeQ4_K},
	{"Q4_K_M", fileQ4_K_M, gguf.TypeQ4_K},
	{"Q5_K_S", fileQ5_K_S, gguf.TypeQ5_K},
	{"Q5_K_M", fileQ5_K_M, gguf.TypeQ5_K},
	{"Q6_K", fileQ6_K, gguf.TypeQ6_K},
	{"IQ2_XXS", fileIQ2_XXS, gguf.TypeIQ2_XXS},
	{"IQ2_XS", fileIQ2_XS, gguf.TypeIQ2_XS},
	{"Q2_K_S", fileQ2_K_S, gguf.TypeQ2_K},
	{"IQ3_XS", fileIQ3_XS, gguf.TypeIQ3_S},
	{"IQ3_XXS", fileIQ3_XXS, gguf.TypeIQ3_XXS},
	{"IQ1_S", fileIQ1_S, gguf.TypeIQ1_S},
	{"IQ4_NL", fileIQ4_NL, gguf.TypeIQ4_NL},
	{"IQ3_S", fileIQ3_S, gguf.TypeIQ3_S},
	{"IQ3_M", fileIQ3_M, gguf.TypeIQ3_S},
	{"IQ2_S", fileIQ2_S, gguf.TypeIQ2_XS},
	{"IQ2_M", fileIQ2_M, gguf.TypeIQ2_S},
	{"IQ4_XS", fileIQ4_XS, gguf.TypeIQ4_XS},
	{"IQ1_M", fileIQ1_M, gguf.TypeIQ1_M},
	{"BF16", fileBF16, gguf.TypeBF16},
	{"TQ1_0", fileTQ1_0, gguf.TypeTQ1_0},
	{"TQ2_0", fileTQ2_0, gguf.TypeTQ2_0},
	{"MXFP4_MOE", fileMXFP4MoE, gguf.TypeMXFP4},
	{"Q1_0", fileQ1_0, gguf.TypeQ1_0},
	{"Q2_0", fileQ2_0, gguf.TypeQ2_0},
}

// Recipes lists all recipes in the order of their numbers. The slice is the caller's.
func Recipes() []*Recipe { return append([]*Recipe(nil), recipes...) }

// ParseRecipe finds a recipe by name in any case, by alias (Q3_K, Q4_K and Q5_K mean the _M mixture),
// or by the number of the file type.
func ParseRecipe(name string) (*Recipe, bool) {
	n, err := strconv.ParseUint(name, 10, 32)
	number := err == nil
	switch strings.ToUpper(name) {
	case "Q3_K", "Q4_K", "Q5_K":
		name += "_M"
	}
	for _, r := range recipes {
		if strings.EqualFold(r.Name, name) || number && uint64(r.FileType) == n {
			return r, true
		}
	}
	return nil, false
}

// Converter tells whether the file keeps whole floats. The reference's converter makes such files in
// one step, in its own tensor order and with its own choice of F32 tensors; Select is not asked.
func (r *Recipe) Converter() bool {
	return r.Default == gguf.TypeF32 || r.Default == gguf.TypeF16 || r.Default == gguf.TypeBF16
}

// NeedsImportance tells whether ordinary tensors of the file get a type that the reference refuses to make without an
// importance matrix. Tensors whose rows do not fit that type may still do without.
func (r *Recipe) NeedsImportance() bool {
	switch r.FileType {
	case fileQ2_K_S, fileIQ1_S, fileIQ1_M, fileIQ2_XXS, fileIQ2_XS, fileIQ2_S, fileIQ2_M, fileIQ3_XXS, fileIQ3_XS:
		return true
	}
	return false
}
