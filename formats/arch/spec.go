// Package arch knows the model architectures: which config.json describes which one, what each
// checkpoint tensor is called and shaped, what becomes of it in GGUF, which {arch}.* keys a GGUF
// file carries, and how the forward pass runs. It holds data and resolves it against one
// checkpoint's headers; it reads no file and no tensor.
//
// Names, order, types and values equal those of llama.cpp v0.5.0 (conversion/*.py run with
// transformers 4.57.6). Adding an architecture is one file with a Spec, and one line in list.go.
package arch

import "github.com/qconv/qconv/formats/gguf"

// Spec is one architecture. It is read-only after the program started.
type Spec struct {
	Name       string                   // general.architecture
	Vocab      string                   // tokenizer family: qwen2, llama, deepseek2, hunyuan-moe, hunyuan-dense
	HF         []string                 // values of config.json "architectures"
	Bare       []string                 // those of HF whose tensors lack the leading "model." and that have no output head
	Cut        []string                 // substrings removed from checkpoint names before anything else
	Nums       []Num                    // the numbers that shapes, rules and keys name, in the order in which they are resolved
	Experts    string                   // the Num that counts routed experts; "" for an architecture without
	Check      func(*Model) error       // what else must hold; nil when the numbers' own bounds suffice
	Keys       []Key                    // in file order; a later key of the same name overwrites in place
	Rules      []Rule                   // the {e} rules of a layer come out in this order once its last expert was seen
	Ignore     []string                 // endings of source names that can be derived; anything else unmatched is an error
	PastLayers bool                     // layers from num_hidden_layers on (multi-token prediction) are dropped
	DropTied   bool                     // the reference drops the output head when the config says it is tied
	Extra      func(*Model) []Target    // generated tensors, written first; nil for none
	Block      Block                    // the forward pass: kinds are set here, Bind fills the numbers
	Fill       func(m *Model, b *Block) // numbers of Block that are this architecture's own; nil for none
}

// Op says how a target's rows come from its sources.
type Op uint8

const (
	Copy            Op = iota + 1 // the source as it is
	PermuteQK                     // row 2j+i of a head is row j+i*d/2 of that head in the source; d rows a head, i is 0 or 1
	Stack                         // one source per expert, the expert being the outermost dimension
	Split                         // rows [Skip, Skip+Take) of each head, the head being the outermost dimension
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
	Shape  []int64   // innermost dimension first; rank as the reference's, so dimensions of 1 stay
	Op     Op        //
	Src    []int     // indexes into the sources; Stack: one per expert, in order; Generated: none
	Scale  []int     // for each Src the index of its FP8 scale, -1 for none
	Heads  int64     // PermuteQK, Split, SplitTransposed: heads that the source's rows belong to
	Skip   int64     // Split, SplitTransposed: rows of each head before the first one taken
	Take   int64     // Split, SplitTransposed: rows taken of each head
	Values []float32 // Generated
	F32    bool      // the reference keeps this tensor in F32 whatever the file's type
}

// Binding is a Spec resolved against one checkpoint.
type Binding struct {
	Spec       *Spec
	Arch       string    // general.architecture
	Vocab      string    // tokenizer family
	KVs        []gguf.KV // {arch}.* in the reference's order; general.file_type (uint32 0) stands at its place, for the caller to set
	Targets    []Target  // in the reference's order
	ScaleBlock []int64   // FP8: rows and columns that one scale covers; nil: a scale's missing trailing dimensions broadcast
	Dropped    []string  // sources that are not carried over, in checkpoint order
	Tied       []int     // sources dropped because the config calls them tied to token_embd: a caller that reads data may compare
	Notices    []string  // what a person should know
	Layers     int64     // blocks in the file
	Heads      int64     // attention heads
	HeadsKV    int64     // as the GGUF key says: 1 for MLA
	Experts    int64     // routed experts, 0 for a dense model
	Block      Block     // numbers filled in
}
