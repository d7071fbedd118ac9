package verify

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/qconv/qconv/formats/arch"
	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/formats/tokenizer"
)

// Names of the checks.
const (
	checkStructure = "structure"
	checkBlocks    = "blocks"
	checkDigests   = "digests"
	checkKeys      = "keys"
	checkTensors   = "tensors"
	checkRemade    = "remade"
)

// Unreadable is the report of a GGUF file that breaks a rule of its format, which err says. For any other error, and for what is no
// GGUF file at all, ok is false.
func Unreadable(name string, head []byte, err error) (r *Report, ok bool) {
	if kind := fault.KindOf(err); string(head) != "GGUF" || kind != fault.Malformed && kind != fault.Mismatch {
		return nil, false
	}
	r = NewReport(name)
	r.Add(checkStructure, "", asFinding(err, name))
	return r, true
}

// asFinding turns a fault of the file into a finding.
func asFinding(err error, file string) Finding {
	var f *fault.Error
	if !errors.As(err, &f) {
		return finding("", "%v", err)
	}
	text := f.Err.Error()
	if f.Off >= 0 {
		text += fmt.Sprintf(" (byte %d)", f.Off)
	}
	if f.File != "" && f.File != file {
		text = fault.Printable(f.File) + ": " + text
	}
	return finding(f.Tensor, "%s", text)
}

// structure checks what lies between and behind the data, and that keys, tensors and tokenizer make a model. That the format's
// rules hold is known since the file is open.
func (s *Subject) structure(r *Report) error {
	var found []Finding
	for i, f := range s.Set.Files {
		padding, err := padding(f, s.Data[i])
		if err != nil {
			return err
		}
		found = append(found, padding...)
		if n := f.Size - f.DataEnd; n > 0 {
			found = append(found, finding("", "%s%d bytes behind the last tensor's belong to nothing; expected the end of the file at byte %d", s.inPart(f), n, f.DataEnd))
		}
	}
	spec, block, err := arch.FromGGUF(s.Set)
	switch {
	case err == nil:
		s.spec, s.block = spec, block
	case s.isWrong(err):
		found = append(found, asFinding(err, s.Set.First.Name))
	default:
		return err
	}
	tokens := 0
	tok, err := tokenizer.FromGGUF(s.Set.First)
	switch {
	case err == nil:
		tokens = tok.Len()
		found = append(found, s.vocabulary(r, tokens)...)
	case s.isWrong(err):
		found = append(found, asFinding(err, s.Set.First.Name))
	default:
		return err
	}
	text := fmt.Sprintf("%d keys, %d tensors, %d tokens", len(s.Set.KVs), len(s.Set.Tensors), tokens)
	if n := len(s.Set.Files); n > 1 {
		text += fmt.Sprintf(", in %d files", n)
	}
	if s.spec != nil {
		text = fmt.Sprintf("%s of %d layers: %s", s.spec.Name, s.block.Layers, text)
	}
	r.Add(checkStructure, text, found...)
	return nil
}

// isWrong tells that an error is the file's: it contradicts itself, has a tensor that nobody knows, or something that is not known here
// although the source, which is looked at next, should be.
func (s *Subject) isWrong(err error) bool {
	var f *fault.Error
	if !errors.As(err, &f) {
		return false
	}
	switch f.Kind {
	case fault.Malformed, fault.Mismatch:
		return true
	case fault.Unsupported, fault.Limit:
		return f.Tensor != "" || s.Source != nil
	}
	return false
}

// vocabulary compares the number of tokens with what names and embeds them.
func (s *Subject) vocabulary(r *Report, tokens int) (found []Finding) {
	if err := tokenizer.CheckSpecial(s.Set.First, tokens); err != nil {
		if f := asFinding(err, s.Set.First.Name); s.Source == nil {
			found = append(found, f)
		} else { // its keys are compared: what it says too is not the file's fault
			r.Notices = append(r.Notices, f.Text)
		}
	}
	switch {
	case s.spec != nil && int64(tokens) > s.block.Vocab:
		found = append(found, finding("token_embd.weight", "it has %d rows, the tokenizer has %d tokens", s.block.Vocab, tokens))
	case s.spec != nil && int64(tokens) < s.block.Vocab:
		r.note("token_embd.weight has %d rows, the tokenizer %d tokens: llama.cpp does not load such a file", s.block.Vocab, tokens)
	}
	return found
}

// inPart names a file of a set of several.
func (s *Subject) inPart(f *gguf.File) string {
	if len(s.Set.Files) < 2 {
		return ""
	}
	return fault.Printable(f.Name) + ": "
}

// padding finds bytes between the header, the tensors and the end of the data that are not zero.
func padding(f *gguf.File, data io.ReaderAt) (found []Finding, err error) {
	at := f.HeaderEnd
	look := func(before string, to int64) error {
		gap := make([]byte, to-at) // less than the alignment, which the limits bound
		if _, err := data.ReadAt(gap, at); err != nil && !(errors.Is(err, io.EOF) && len(gap) == 0) {
			return readFault(f.Name, "", err)
		}
		if i := strings.IndexFunc(string(gap), func(r rune) bool { return r != 0 }); i >= 0 {
			found = append(found, finding(before, "byte %d of the file, in the padding before it, is %#02x; expected 0", at+int64(i), gap[i]))
		}
		return nil
	}
	for i := range f.Tensors {
		t := &f.Tensors[i]
		off, n := f.Section(t)
		if err := look(t.Name, off); err != nil {
			return nil, err
		}
		at = off + n
	}
	if len(f.Tensors) == 0 {
		return nil, nil
	}
	last := f.Tensors[len(f.Tensors)-1].Name
	before := len(found)
	if err := look(last, f.DataEnd); err != nil {
		return nil, err
	}
	if len(found) > before {
		found[before].Text = strings.Replace(found[before].Text, "before it", "behind it", 1)
	}
	return found, nil
}

// readFault gives a failure to read its place; what has a place or is an interruption stays as it is.
func readFault(file, tensor string, err error) error {
	if fault.KindOf(err) != 0 {
		return err
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fault.New(fault.IO, file, "%w", fault.Cause(err)).In(tensor)
}
