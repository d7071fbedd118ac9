package pipeline

import "github.com/qconv/qconv/formats/gguf"

// Report says what was made.
type Report struct {
	Source        string
	Arch          string
	Type          string
	Tensors       int
	Elements      int64
	SourceBytes   int64
	Bytes         int64
	Reused        int64 // output bytes found done by an interrupted run
	BitsPerWeight float64
	Fallbacks     []Fallback
	Damaged       []string // tensors with blocks that a defect of the reference spoils
	Warnings      []string // what a person should know of the result
	Notices       []string
	Files         []File
}

// File is one output file.
type File struct {
	Path   string
	Bytes  int64
	SHA256 string // lower-case hex, of the whole file
}

// Fallback is a tensor that did not get the type that the recipe or the user wanted.
type Fallback struct {
	Tensor string
	Type   gguf.Type
	Reason string
}

// Fallbacks lists the tensors whose type differs from the wanted one, with the reason.
func (p *Plan) Fallbacks() (f []Fallback) {
	for i := range p.Steps {
		if s := &p.Steps[i]; s.Reason != "" {
			f = append(f, Fallback{s.Name, s.Type, s.Reason})
		}
	}
	return f
}

func (p *Plan) report() *Report {
	r := &Report{
		Source: p.Name, Arch: p.Arch, Type: p.Recipe.Name, Tensors: len(p.Steps), Elements: p.Elements,
		SourceBytes: p.SourceBytes, Bytes: p.Bytes, BitsPerWeight: p.BitsPerWeight(),
		Fallbacks: p.Fallbacks(), Notices: append([]string(nil), p.Notices...),
	}
	for i := range p.Parts {
		r.Files = append(r.Files, File{Bytes: p.Parts[i].Layout.Size})
	}
	return r
}

type silent struct{}

func (silent) Resuming(int64)               {}
func (silent) Resumed(int64)                {}
func (silent) Begin(*Plan, int64, []string) {}
func (silent) Wrote(*Step, int64)           {}
func (silent) Sealing(int64)                {}
func (silent) Sealed(int64)                 {}
