package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/formats/hf"
)

// modelFiles is an opened SRC of inspect and hash: a GGUF file, a split set, or a checkpoint.
type modelFiles struct {
	name       string
	files      []modelFile
	set        *gguf.Set      // nil for a checkpoint
	checkpoint *hf.Checkpoint // nil for GGUF
	close      func()
}

type modelFile struct {
	name    string
	size    int64
	data    io.ReaderAt
	tensors []modelTensor // in file order
}

type modelTensor struct {
	name       string
	typ        string
	shape      []int64 // as the format writes it
	off, bytes int64
}

func (m *modelFiles) Close() { m.close() }

// followFlag adds the flag that every command with a checkpoint has.
func followFlag(c *cobra.Command, follow *bool) {
	c.Flags().BoolVar(follow, "follow-symlinks", false, "read files that links in the checkpoint put elsewhere")
}

// hubID is what a name on the hub looks like.
var hubID = regexp.MustCompile(`^[\w.-]+/[\w.-]+$`)

// isCheckpoint tells a checkpoint directory from a GGUF file. What is neither, it refuses by its name; arg is what help calls it.
func isCheckpoint(arg, path string) (bool, error) {
	if path == "" {
		return false, usagef("%s is empty; it is a checkpoint directory or a GGUF file", arg)
	}
	if strings.Contains(path, "://") {
		return false, fault.New(fault.Unsupported, path, "URLs cannot be read yet; download the model first: hf download OWNER/MODEL --local-dir MODEL")
	}
	st, err := os.Stat(path)
	if err != nil {
		if _, up := os.Stat(filepath.Dir(path)); errors.Is(up, fs.ErrNotExist) && hubID.MatchString(path) {
			return false, fault.New(fault.Unsupported, path, "does not exist here, and names on the hub cannot be read yet; download it first: hf download %s --local-dir %s", path, filepath.Base(path))
		}
		return false, ioFault(path, err, arg+" is a checkpoint directory or a GGUF file")
	}
	if st.IsDir() {
		return true, nil
	}
	switch filepath.Ext(path) {
	case ".safetensors", ".json", ".model", ".bin", ".pt", ".pth":
		return false, usagef("%s: is one file of a checkpoint; give its directory: %s", quoted(path), quoted(filepath.Dir(path)))
	}
	return false, nil
}

// openModel opens a checkpoint directory, or a GGUF file with the rest of its split set.
func openModel(path string, follow bool) (*modelFiles, error) {
	dir, err := isCheckpoint("SRC", path)
	if err != nil {
		return nil, err
	}
	if dir {
		return openCheckpoint(path, follow)
	}
	g, err := openGGUF(path)
	if err != nil {
		return nil, err
	}
	m := &modelFiles{name: filepath.Base(path), set: g.set, close: g.Close}
	for i, f := range g.set.Files {
		mf := modelFile{name: f.Name, size: f.Size, data: g.files[i]}
		for k := range f.Tensors {
			t := &f.Tensors[k]
			mf.tensors = append(mf.tensors, modelTensor{t.Name, t.Type.String(), t.Shape, f.DataStart + t.Offset, t.Bytes()})
		}
		m.files = append(m.files, mf)
	}
	return m, nil
}

func openCheckpoint(path string, follow bool) (*modelFiles, error) {
	ck, err := hf.Open(hf.Dir(path, follow), hf.DefaultLimits())
	if err != nil {
		return nil, err
	}
	m := &modelFiles{name: ck.Name, checkpoint: ck, close: func() { ck.Close() }}
	for _, f := range ck.Files {
		m.files = append(m.files, modelFile{name: f.Name, size: f.Size, data: f.Blob})
	}
	for i := range ck.Tensors {
		t := &ck.Tensors[i]
		f := &m.files[t.File]
		f.tensors = append(f.tensors, modelTensor{t.Name, string(t.Dtype), t.Shape, t.Off, t.Bytes})
	}
	// A checkpoint lists by name; digests of "all data" go by place, as for GGUF.
	for i := range m.files {
		slices.SortStableFunc(m.files[i].tensors, func(a, b modelTensor) int { return int(min(max(a.off-b.off, -1), 1)) })
	}
	return m, nil
}

// ggufFiles is an open split set; a file that is not split is a set of one.
type ggufFiles struct {
	set    *gguf.Set
	files  []hf.Blob
	inputs []os.FileInfo
}

func (g *ggufFiles) Close() {
	for _, f := range g.files {
		f.Close()
	}
}

// unchanged tells whether all files still are what was opened.
func (g *ggufFiles) unchanged() error {
	for _, f := range g.files {
		if err := f.Unchanged(); err != nil {
			return err
		}
	}
	return nil
}

// openGGUF opens a file and, when it is the first of a split set, the others beside it.
func openGGUF(path string) (*ggufFiles, error) {
	g := &ggufFiles{}
	src := newWitness(filepath.Dir(path), true)
	set, err := gguf.OpenSet(func(name string) (io.ReaderAt, int64, error) {
		f, err := src.Open(name)
		if err != nil {
			return nil, 0, err
		}
		g.files = append(g.files, f)
		return f, f.Size(), err
	}, filepath.Base(path), gguf.DefaultLimits())
	if err != nil {
		g.Close()
		return nil, err
	}
	g.set, g.inputs = set, src.inputs()
	return g, nil
}
