package arch

import "github.com/qconv/qconv/formats/gguf"

// Num is a named number of a model.
type Num struct {
	Name     string
	From     []string
	Default  string
	Min, Max int64
}

// Key is one GGUF key.
type Key struct {
	Name string
	Type gguf.ValueType
	From []string
}

// Rule maps source tensors to targets.
type Rule struct {
	From  string
	Shape []string
}

// Model is a resolved config.
type Model struct{ nums map[string]int64 }

// Block is the forward recipe.
type Block struct{}
