package mix

import (
	"testing"

	"github.com/qconv/qconv/formats/gguf"
)

// TestCopy keeps every tensor, whatever else is asked for.
func TestCopy(t *testing.T) {
	m, sites := small(4)
	q8 := gguf.TypeQ8_0
	choices, err := Select(m, sites, Copy(15), Options{Copy: true, Pure: true, Output: &q8, Embedding: &q8})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range choices {
		if c.Type != sites[i].Type || c.NeedWeight {
			t.Errorf("%s became %v", sites[i].Name, c.Type)
		}
	}
}

// TestGuess follows llama-model-loader.cpp: the commonest type, the first of equals, marked by 1024.
func TestGuess(t *testing.T) {
	f32, f16, q4, mx := gguf.TypeF32, gguf.TypeF16, gguf.TypeQ4_K, gguf.TypeMXFP4
	for _, c := range []struct {
		types []gguf.Type
		want  uint32
	}{
		{nil, 1024},
		{[]gguf.Type{f32}, 1024},
		{[]gguf.Type{f16, f32}, 1024 + 1},
		{[]gguf.Type{f32, f16}, 1024},
		{[]gguf.Type{f32, f16, f16, f32}, 1024 + 1},
		{[]gguf.Type{f32, q4, q4}, 1024 + 15},
		{[]gguf.Type{mx, mx, f16}, 1024}, // no number stands for MXFP4
	} {
		if got := Guess(c.types); got != c.want {
			t.Errorf("%v: %d, want %d", c.types, got, c.want)
		}
	}
}
