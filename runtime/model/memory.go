package model

import (
	"github.com/qconv/qconv/formats/arch"
)

// Sizes says how many bytes a model takes on a device.
type Sizes struct {
	Total     int64 // all weights
	Global    int64 // those outside the layers
	Embedding int64 // of Global: what Begin needs and DropEmbedding frees; 0 when it is the head too
	Head      int64 // of Global: what DropHead frees
	Layer     int64 // of the largest layer, without its routed experts
	Expert    int64 // of the largest routed expert; 0 for a model without

	Token    int64 // of the residual stream, for every token of a pass
	Waiting  int64 // what a token keeps between Attention and the last Expert
	Work     int64 // for every token of a batch, at most, while it goes through a layer
	Streamed int64 // the same where experts come one at a time
	Position int64 // of angles, for every position
	Cached   int64 // of keys and values, for every position of a cache
	Output   int64 // for the logits that are made at a time
}

// Measure computes the sizes from the recipe and the source's types.
func Measure(b *arch.Block, src Source) Sizes {
	s := Sizes{Global: bytesOf(b.Globals(), src)}
	s.Embedding = bytesOf(b.Globals()[:1], src)
	s.Head = s.Global - s.Embedding
	if b.TiedOutput {
		s.Embedding, s.Head = 0, s.Embedding
	}
	s.Total = s.Global
	for l := range b.Layers {
		var whole, experts int64
		for _, in := range b.Layer(l) {
			n := bytesOf([]arch.Input{in}, src)
			whole += n
			if stacked(in) {
				experts += n
			}
		}
		s.Total += whole
		s.Layer = max(s.Layer, whole-experts)
		if b.Experts.Count > 0 {
			s.Expert = max(s.Expert, experts/b.Experts.Count)
		}
	}
	const value = 4 // bytes of a float32
	a, e := &b.Attention, &b.Experts
	s.Token = value * b.Width
	s.Waiting = value * b.Width
	attention := a.Heads*(a.KeyDim+a.ValueDim) + a.HeadsKV*(a.KeyDim+a.ValueDim)
	if a.Kind == arch.MLA {
		attention = a.Heads*(a.KeyDim+a.ValueDim+2*a.KVRank+a.RopeDim) + a.KVRank + a.RopeDim + a.QRank
	}
	// Attention's buffers are free before the feed-forward block's come. Devices round the vectors that they multiply with
	// weights, and keep that beside them: up to 3 bytes a value.
	shared := 2*e.SharedWidth + e.Count
	rounded := max(b.Width, a.Heads*max(a.ValueDim, a.KVRank), b.MLP.Width, e.SharedWidth, e.Width)
	s.Streamed = value*(2*b.Width+max(attention, 2*b.MLP.Width, shared, b.Width+2*e.Width)) + 3*rounded
	s.Work = value*(2*b.Width+max(attention, 2*b.MLP.Width, shared+2*e.Used*(b.Width+e.Width))) + 3*max(rounded, e.Used*max(b.Width, e.Width))
	s.Position = value * b.Rope.Dims
	s.Cached = value * b.Layers * a.HeadsKV * (a.KeyDim + a.ValueDim)
	if a.Kind == arch.MLA {
		s.Cached = value * b.Layers * (a.KVRank + a.RopeDim)
	}
	s.Output = value * outputRows * (b.Vocab + b.Width)
	return s
}

func bytesOf(inputs []arch.Input, src Source) (n int64) {
	for _, in := range inputs {
		t, ok := src.Tensor(in.Name)
		if !ok {
			continue // New says so
		}
		values := int64(1)
		for _, d := range in.Shape {
			values *= d
		}
		if len(in.Shape) == 1 {
			n += 4 * values // vectors are widened
			continue
		}
		if elems, bytes, ok := t.Type.Block(); ok {
			n += values / elems * bytes
		}
	}
	return n
}

// Generate is what it takes to continue a prompt until there are positions positions, with the model in memory.
func (s *Sizes) Generate(prompt, positions int64) int64 {
	return s.Total + s.Output/outputRows + positions*(s.Cached+s.Position) + min(prompt, promptTokens)*(s.Token+s.Work)
}
