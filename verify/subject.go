package verify

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/qconv/qconv/formats/arch"
	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/mix"
)

// Subject is a GGUF file, or split set, that is verified. It is opened once and handed to every check.
type Subject struct {
	Set      *gguf.Set
	Data     []io.ReaderAt // of Set.Files, in their order
	Source   *Source       // what the file is compared with; nil: nothing
	Manifest *Manifest     // digests that the file must have; nil: none are known

	Threads int   // of the checks
	RAM     int64 // bytes for all buffers

	Begin func(phase string, total int64) // a check will read total bytes; nil when nobody looks
	Done  func(n int64)                   // it has read n more; from several goroutines

	spec  *arch.Spec // nil when keys and tensors contradict each other
	block arch.Block
	other bool // the file is of another model than the source: tensors are not compared
}

// NewReport gives the report of a file about which nothing is known yet but its name.
func NewReport(file string) *Report {
	return &Report{File: file, Checks: []Check{}, Findings: []Finding{}, Notices: []string{}, Gates: []Gate{}, Tensors: []Tensor{}}
}

// Static makes every check that needs no run of the model, and reports what they found. Report.Pass is not set: Settle does
// that when all checks are made. Faults are those of reading, of a source that cannot be converted, and Budget.
func (s *Subject) Static(ctx context.Context) (*Report, error) {
	r := s.describe()
	if err := s.structure(r); err != nil {
		return nil, err
	}
	if err := s.blocks(ctx, r); err != nil {
		return nil, err
	}
	if s.Source == nil {
		return r, nil
	}
	r.Against = s.Source.Name
	if err := s.keys(r); err != nil {
		return nil, err
	}
	if s.other {
		return r, nil
	}
	return r, s.tensors(ctx, r)
}

// Block is the forward recipe of the file; ok is false when its keys and tensors contradict each other.
func (s *Subject) Block() (b arch.Block, ok bool) { return s.block, s.spec != nil }

// Other tells whether the file is of another model than the source, as Static found.
func (s *Subject) Other() bool { return s.other }

// describe says what the file is.
func (s *Subject) describe() *Report {
	r := NewReport(s.Set.First.Name)
	r.Arch, _ = gguf.Value[string](s.Set.First, "general.architecture")
	if recipe := s.recipe(); recipe != nil {
		r.Type = recipe.Name
	}
	for _, f := range s.Set.Files {
		r.Bytes += f.Size
	}
	var bytes int64
	for i := range s.Set.Tensors {
		t := &s.Set.Tensors[i]
		v := Tensor{Name: t.Name, Layer: layerOf(t.Name), Type: t.Type.String(), Shape: t.Shape, Bytes: t.Bytes()}
		if n := t.Elems(); n > 0 {
			v.Bits = float64(v.Bytes) * 8 / float64(n)
			r.Weights += n
		}
		bytes += v.Bytes
		r.Tensors = append(r.Tensors, v)
	}
	if r.Weights > 0 {
		r.BitsPerWeight = float64(bytes) * 8 / float64(r.Weights)
	}
	return r
}

// recipe is the file type that the file says it has; nil when it says none that is known.
func (s *Subject) recipe() *mix.Recipe {
	n, ok := s.Set.First.Int("general.file_type")
	if !ok {
		return nil
	}
	const guessed = 1024 // added where the file type was guessed
	r, _ := mix.ParseRecipe(strconv.FormatInt(n&^guessed, 10))
	return r
}

// layerOf gives the layer that a tensor's name says, -1 when it says none.
func layerOf(name string) int {
	rest, ok := strings.CutPrefix(name, "blk.")
	number, _, _ := strings.Cut(rest, ".")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n < 0 {
		return -1
	}
	return n
}

func (s *Subject) begin(phase string, total int64) {
	if s.Begin != nil {
		s.Begin(phase, total)
	}
}

func (s *Subject) done(n int64) {
	if s.Done != nil {
		s.Done(n)
	}
}

// Add puts a check with its findings into the report.
func (r *Report) Add(name, text string, findings ...Finding) {
	r.Checks = append(r.Checks, Check{Name: name, OK: len(findings) == 0, Text: text})
	for _, f := range findings {
		f.Check = name
		r.Findings = append(r.Findings, f)
	}
}

func (r *Report) note(format string, args ...any) {
	r.Notices = append(r.Notices, fmt.Sprintf(format, args...))
}

// Settle sets Pass by findings and gates.
func (r *Report) Settle() {
	r.Pass = len(r.Findings) == 0
	for _, g := range r.Gates {
		r.Pass = r.Pass && g.OK
	}
}

// finding makes a Finding; its check is set when it is added.
func finding(tensor, format string, args ...any) Finding {
	return Finding{Tensor: tensor, Text: fmt.Sprintf(format, args...)}
}

// String is the finding on one line.
func (f Finding) String() string {
	switch {
	case f.Tensor == "":
		return f.Text
	case f.Check == checkKeys:
		return fmt.Sprintf("key %q %s", f.Tensor, f.Text)
	}
	return fmt.Sprintf("tensor %q: %s", f.Tensor, f.Text)
}

// String is the gate on one line.
func (g Gate) String() string {
	than := "at most"
	if g.Least {
		than = "at least"
	}
	where := ""
	if g.Where != "" {
		where = " (" + g.Where + ")"
	}
	return fmt.Sprintf("%s is %.6g, %s allows %s %.6g%s", g.Name, g.Value, g.Flag, than, g.Bound, where)
}

// Error is nil for a report that passed, else a fault of kind Failed that names what was found first and how much more there is.
func Error(r *Report) error {
	if r.Pass {
		return nil
	}
	var all []string
	for _, f := range r.Findings {
		all = append(all, f.String())
	}
	for _, g := range r.Gates {
		if !g.OK {
			all = append(all, g.String())
		}
	}
	more := ""
	if n := len(all) - 1; n > 0 {
		more = fmt.Sprintf("; %d more like this are in the report", n)
	}
	return fault.New(fault.Failed, r.File, "%s%s", all[0], more)
}
