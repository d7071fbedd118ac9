package verify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"iter"
)

// Digest is one line of a manifest: the SHA-256 of a tensor's bytes (its name is file:tensor), of all tensors of a file in
// their order, or, of kind sha256-file, of a whole file. The first two are those of llama.cpp's gguf-hash.
type Digest struct {
	Kind   string `json:"kind"` // sha256 or sha256-file
	Digest string `json:"digest"`
	Name   string `json:"name"` // file:tensor, or file
}

// File is a file with tensors in the order in which they lie.
type File struct {
	Name    string
	Size    int64
	Data    io.ReaderAt
	Tensors []Section
}

// Section is a tensor's place in its file.
type Section struct {
	Name       string
	Off, Bytes int64
}

// Hash gives the digests of a file, which is read once: those of the tensors, of all of them, and of the file. add is told how many
// more bytes were read.
func Hash(ctx context.Context, f *File, add func(int64)) ([]Digest, error) {
	return f.scan(ctx, nil, add)
}

// piece is a part of a file that is read in one go: of a tensor, or of what is around them.
type piece struct {
	tensor  int // -1: none
	off, to int64
	last    bool // of its tensor
}

// pieceBytes is how much is read at a time, unless a check wants whole rows.
const pieceBytes = 4 << 20

// looking is what a check wants to see of a file while it is hashed: pieces of a tensor's data from its byte off on, none longer
// than a row unless it has whole ones. look is called from one goroutine at a time.
type looking struct {
	most func(tensor int, off int64) int64 // how many bytes at once, about pieceBytes
	look func(tensor int, off int64, data []byte) error
}

// scan reads a file from its first byte to its last. While a piece is hashed and looked at the next one is read.
func (f *File) scan(ctx context.Context, l *looking, add func(int64)) (list []Digest, err error) {
	next, stop := iter.Pull(f.pieces(l))
	defer stop()
	whole, all, one := sha256.New(), sha256.New(), sha256.New()
	var data, ahead []byte
	p, more := next()
	if more {
		if data, err = f.read(p, data); err != nil {
			return nil, err
		}
	}
	for more {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		after, another := next()
		var g group
		if another {
			g.run(func() (err error) { ahead, err = f.read(after, ahead); return err })
		}
		g.run(func() error { whole.Write(data); return nil })
		if p.tensor >= 0 {
			g.run(func() error { all.Write(data); one.Write(data); return nil })
			if l != nil {
				g.run(func() error { return l.look(p.tensor, p.off-f.Tensors[p.tensor].Off, data) })
			}
		}
		if err := g.wait(); err != nil {
			return nil, err
		}
		add(p.to - p.off)
		if p.last {
			list = append(list, Digest{"sha256", sum(one), f.Name + ":" + f.Tensors[p.tensor].Name})
			one.Reset()
		}
		p, more = after, another
		data, ahead = ahead, data
	}
	return append(list, Digest{"sha256", sum(all), f.Name}, Digest{"sha256-file", sum(whole), f.Name}), nil
}

// pieces gives the pieces of a file in order. A tensor without bytes has one empty piece.
func (f *File) pieces(l *looking) iter.Seq[piece] {
	return func(yield func(piece) bool) {
		at := int64(0)
		around := func(to int64) bool {
			for at < to {
				p := piece{tensor: -1, off: at, to: min(to, at+pieceBytes)}
				if !yield(p) {
					return false
				}
				at = p.to
			}
			return true
		}
		for i, s := range f.Tensors {
			if !around(s.Off) {
				return
			}
			for end, done := s.Off+s.Bytes, false; !done; {
				most := int64(pieceBytes)
				if l != nil {
					most = l.most(i, at-s.Off)
				}
				p := piece{tensor: i, off: at, to: min(end, at+most)}
				p.last = p.to == end
				if !yield(p) {
					return
				}
				at, done = p.to, p.last
			}
		}
		around(f.Size)
	}
}

// read fills buf, which may grow, with a piece.
func (f *File) read(p piece, buf []byte) ([]byte, error) {
	buf = grow(buf, p.to-p.off)
	n, err := f.Data.ReadAt(buf, p.off)
	if n == len(buf) {
		return buf, nil
	}
	name := ""
	if p.tensor >= 0 {
		name = f.Tensors[p.tensor].Name
	}
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return buf, readFault(f.Name, name, err)
}

func sum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }
