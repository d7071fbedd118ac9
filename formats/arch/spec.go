// Package arch knows the model architectures: which config.json describes which one, what each
// checkpoint tensor is called and shaped, what becomes of it in GGUF, which {arch}.* keys a GGUF
// file carries, and how the forward pass runs. It holds data and resolves it against one
// checkpoint's headers; it reads no file and no tensor.
//
// Names, order, types and values equal those of llama.cpp v0.5.0 (conversion/*.py run with
// transformers 4.57.6).
package arch

import (
	"github.com/qconv/qconv/formats/gguf"
)

// Spec is one architecture: a value in a file of its own, and one line in List.
type Spec struct {
	Name   string   // general.architecture
	Vocab  string   // tokenizer family: qwen2, llama, deepseek2, hunyuan-moe, hunyuan-dense
	HF     []string // values of "architectures" in config.json
	Bare   []string // those of HF whose tensor names lack the leading "model."
	Nums   []Num    // the numbers that shapes and rules name, in the order in which they are resolved
	Check  func(*Model) error
	Keys   []Key
	Rules  []Rule
	Ignore []string // sources that can be derived: name patterns, dropped when present
	Extra  func(*Model) ([]Target, error)
	Block  Block // the forward pass: kinds are set here, Bind fills the numbers
}

// Op says how a target's rows come from its sources.
type Op uint8

const (
	Copy            Op = iota + 1 // the source as it is
	PermuteQK                     // Heads heads; each head's row 2j+i is the source's row j + i*d/2 of that head, d rows a head, i in {0,1}
	Stack                         // one source per expert, the expert being the outermost dimension
	Split                         // of each of Heads heads, rows [Skip, Skip+Take); the head is the outermost dimension
	SplitTransposed               // as Split, then rows and columns of each head exchanged
	Generated                     // Values, from no source
)

func (o Op) String() string {
	if o < Copy || o > Generated {
		return "unknown"
	}
	return [...]string{"", "copy", "permute-qk", "stack", "split", "split-transposed", "generated"}[o]
}

// Source is a checkpoint tensor as its header tells it.
type Source struct {
	Name  string
	Dtype string  // safetensors spelling: BF16, F8_E4M3, ...
	Shape []int64 // outermost dimension first
}

// Target is a tensor of the GGUF file before types are chosen.
type Target struct {
	Name   string
	Shape  []int64 // innermost dimension first; rank as in the checkpoint, so dimensions of 1 stay
	Op     Op
	Src    []int // indexes into the sources; Stack: one per expert in order; Generated: none
	Scale  []int // per Src the index of its FP8 scale, -1 for none
	Heads  int64 // PermuteQK, Split, SplitTransposed
	Skip   int64 // Split, SplitTransposed: rows of each head before the first one taken
	Take   int64 // Split, SplitTransposed: rows taken of each head
	Values []float32
	F32    bool // the reference keeps this tensor in F32 whatever the file's type
}

// Binding is a Spec resolved against one checkpoint.
type Binding struct {
	Spec       *Spec
	Arch       string    // general.architecture
	Vocab      string    // tokenizer family
	KVs        []gguf.KV // {arch}.* in the reference's order; general.file_type (uint32 0) stands at its place, for the caller to set
	Targets    []Target  // in the reference's order
	ScaleBlock []int64   // FP8 scales: rows and columns that one scale covers; nil: a scale broadcasts over trailing dimensions
	Dropped    []string  // sources that are not carried over, in checkpoint order
	Notices    []string  // what a person should know
	Tied       []int     // source indexes of an output head that the config calls tied but the reference keeps: equal bytes to token_embd may be dropped
	Layers     int64
	Heads      int64
	HeadsKV    int64 // as the GGUF says it: 1 for MLA
	Experts    int64 // 0 for a dense model
	Block      Block // numbers filled in
}
