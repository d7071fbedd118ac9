package gguf

const (
	// DefaultAlignment of tensor data, in bytes, when general.alignment is absent.
	DefaultAlignment = 32

	// MaxDims is the most dimensions that a tensor has, and MaxName the most bytes of its name.
	MaxDims = 4
	MaxName = 63

	keyAlignment    = "general.alignment"
	keyArchitecture = "general.architecture"

	magic         = "GGUF"
	latestVersion = 3
)

// Limits bound what a header may ask for.
type Limits struct {
	KVs          int64 // keys
	Key          int64 // bytes of one key
	String       int64 // bytes of one string value
	ArrayElems   int64 // elements of one array
	KVBytes      int64 // all keys and values together, in the file
	Tensors      int64
	MinAlignment int64
	MaxAlignment int64
	Layers       int64 // {arch}.block_count
	Experts      int64 // {arch}.expert_count
	Vocab        int64 // tokens
	Merges       int64
	Parts        int64 // files of a split set
}

// DefaultLimits gives the documented limits.
func DefaultLimits() Limits {
	return Limits{
		KVs: 65_536, Key: 65_535, String: 16 << 20, ArrayElems: 64 << 20, KVBytes: 512 << 20,
		Tensors: 1 << 20, MinAlignment: 8, MaxAlignment: 1 << 20,
		Layers: 1024, Experts: 4096, Vocab: 4 << 20, Merges: 8 << 20, Parts: 65_535,
	}
}
