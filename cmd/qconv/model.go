package main

import (
	"io"
	"os"
	"path/filepath"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/formats/hf"
)

// model is an opened SRC of inspect, hash and tokenize: a GGUF file, a split set, or a checkpoint.
type model struct {
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

func (m *model) Close() { m.close() }

// openModel opens a checkpoint directory, or a GGUF file with the rest of its split set.
func openModel(path string) (*model, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.IsDir() {
		return openCheckpoint(path)
	}
	g, err := openGGUF(path)
	if err != nil {
		return nil, err
	}
	m := &model{name: filepath.Base(path), set: g.set, close: g.Close}
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

func openCheckpoint(path string) (*model, error) {
	ck, err := hf.Open(hf.Dir(path, false), hf.DefaultLimits())
	if err != nil {
		return nil, err
	}
	m := &model{name: ck.Name, checkpoint: ck, close: func() { ck.Close() }}
	for _, f := range ck.Files {
		m.files = append(m.files, modelFile{name: f.Name, size: f.Size, data: f.Blob})
	}
	for i := range ck.Tensors {
		t := &ck.Tensors[i]
		f := &m.files[t.File]
		f.tensors = append(f.tensors, modelTensor{t.Name, string(t.Dtype), t.Shape, t.Off, t.Bytes})
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
	dir := filepath.Dir(path)
	src := hf.Dir(dir, true)
	set, err := gguf.OpenSet(func(name string) (io.ReaderAt, int64, error) {
		f, err := src.Open(name)
		if err != nil {
			return nil, 0, err
		}
		g.files = append(g.files, f)
		st, err := os.Stat(filepath.Join(dir, name))
		g.inputs = append(g.inputs, st)
		return f, f.Size(), err
	}, filepath.Base(path), gguf.DefaultLimits())
	if err != nil {
		g.Close()
		return nil, err
	}
	g.set = set
	return g, nil
}
