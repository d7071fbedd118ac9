package stream

import (
	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/runtime/model"
)

// batchTokens is how many tokens go through a layer together, if there is memory for them: no operation's result depends on
// what else is in a batch.
const batchTokens = 2048

// Plan says how an evaluation keeps to its memory.
type Plan struct {
	LayerMajor bool
	Lean       bool  // what is outside the layers comes and goes too
	Batch      int   // windows that go through a layer together
	Round      int   // windows that go through the model together
	Peak       int64 // bytes of weights and buffers
}

// phase is what an evaluation needs at one time, in bytes.
type phase struct {
	fixed  int64
	batch  int64 // for every window of a batch
	window int64 // for every window of a round
}

// NewPlan chooses the way: the model stays in memory when it fits into ram bytes with a batch, else layers come and go.
// windows is how many there will be, each of length tokens. A budget into which neither fits is a fault of kind Budget, which
// says how much would do.
func NewPlan(s *model.Sizes, windows, length int, ram int64, layerMajor bool) (Plan, error) {
	var p Plan
	tokens := int64(length)
	inMemory := p.fit([]phase{{s.Total + s.Output + tokens*s.Position, tokens * (s.Work + s.Token), 0}}, windows, length, ram)
	if inMemory <= ram && !layerMajor {
		p.Round, p.Peak = p.Batch, inMemory
		return p, nil
	}
	p, err := layered([]*model.Sizes{s}, s.Output, 0, windows, length, ram)
	if err != nil {
		return p, tooSmall(min(inMemory, p.Peak), length, ram) // a model of few layers may need less when it stays
	}
	return p, nil
}

// NewPairPlan plans for two models side by side, whose layers come and go.
func NewPairPlan(source, file *model.Sizes, windows, length int, ram int64) (Plan, error) {
	// Logits of both are on the device and, to be compared, in the program's memory.
	return layered([]*model.Sizes{source, file}, 2*(source.Output+file.Output), 0, windows, length, ram)
}

// NewConversionPlan plans for a Conversion, whose windows must wait at a layer all together; work is what the job's buffers
// and importance take. file is nil when what is written is not run.
func NewConversionPlan(source, file *model.Sizes, work int64, windows, length int, ram int64) (Plan, error) {
	sizes, output := []*model.Sizes{source}, int64(0)
	if file != nil {
		sizes, output = append(sizes, file), 2*(source.Output+file.Output)
	}
	// The source of a layer is held while it is run and quantized, and that of the next one comes in; what is outside the layers is
	// held while it is quantized.
	work += max(source.Layer+source.Expert, source.Embedding, source.Head)
	p, err := layered(sizes, output, work, windows, length, ram)
	if err == nil && p.Round < windows {
		const mib = 1 << 20
		all := p.Peak + int64(windows-p.Round)*int64(length)*(source.Token+source.Waiting)*int64(len(sizes))
		return p, fault.New(fault.Budget, "", "%d windows of %d tokens, which go through each layer together, need about %d MiB, %d MiB are given", windows, length, (all+mib-1)/mib, ram/mib)
	}
	return p, err
}

// layered plans a walk layer by layer; output is what making and using logits takes, work what is needed all the time.
func layered(sizes []*model.Sizes, output, always int64, windows, length int, ram int64) (Plan, error) {
	tokens := int64(length)
	outer, kept, embedding, head := phase{fixed: always}, phase{fixed: always}, phase{}, phase{fixed: always}
	var streamed int64
	for _, s := range sizes {
		angles := tokens * s.Position
		outer.fixed += s.Global + angles
		// Two layers, or experts, are there at a time: one works while the next comes in.
		layers, waiting := 2*s.Layer+2*s.Expert, tokens*(s.Token+s.Waiting)
		outer.fixed += layers
		outer.window += waiting
		streamed = max(streamed, tokens*s.Streamed)

		tied := int64(0) // embeddings that stay because they are the head
		if s.Embedding == 0 {
			tied = s.Head
		}
		kept.fixed += tied + angles + layers
		kept.window += waiting
		embedding.fixed = max(embedding.fixed, s.Embedding)
		head.fixed += s.Head + angles
		head.window += tokens * s.Token
	}
	outer.batch, kept.batch = streamed, streamed
	outer.fixed += output
	head.fixed += output
	outer.fixed += always
	kept.fixed += always
	head.fixed += always
	embedding.fixed += kept.fixed // an upper bound: no layer is there yet
	embedding.window = head.window

	p := Plan{LayerMajor: true}
	phases := []phase{outer}
	need := p.fit(phases, windows, length, ram)
	if p.rounds(phases, windows, ram); need > ram || p.Round < windows {
		lean := Plan{LayerMajor: true, Lean: true}
		come := []phase{kept, embedding, head}
		if n := lean.fit(come, windows, length, ram); n < need {
			lean.rounds(come, windows, ram)
			p, phases, need = lean, come, n
		}
	}
	if p.Peak = need; need > ram {
		return p, tooSmall(need, length, ram)
	}
	for _, f := range phases {
		p.Peak = max(p.Peak, f.fixed+int64(p.Batch)*f.batch+int64(min(p.Round, windows))*f.window)
	}
	return p, nil
}

func tooSmall(need int64, length int, ram int64) error {
	const mib = 1 << 20
	return fault.New(fault.Budget, "", "the model needs at least %d MiB for windows of %d tokens, %d MiB are given", (need+mib-1)/mib, length, ram/mib)
}

// fit makes batches smaller until they need no more than ram, or cannot be smaller, and gives what they need.
func (p *Plan) fit(phases []phase, windows, length int, ram int64) int64 {
	need := func() (n int64) {
		for _, f := range phases {
			n = max(n, f.fixed+int64(p.Batch)*(f.batch+f.window))
		}
		return n
	}
	p.Batch = max(1, min(windows, batchTokens/length))
	for p.Batch > 1 && need() > ram {
		p.Batch = (p.Batch + 1) / 2
	}
	return need()
}

// rounds lets as many windows wait at a layer as there is memory for.
func (p *Plan) rounds(phases []phase, windows int, ram int64) {
	most := int64(windows)
	for _, f := range phases {
		if f.window > 0 {
			most = min(most, (ram-f.fixed-int64(p.Batch)*f.batch)/f.window)
		}
	}
	if p.Round = int(max(most, int64(p.Batch))); p.Round < windows {
		p.Round -= p.Round % p.Batch // whole batches
	}
}
