package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/qconv/qconv/formats/fault"
)

func newHash(u *ui) *cobra.Command {
	var check string
	var follow bool
	c := &cobra.Command{
		Use:   "hash SRC",
		Short: "print the SHA-256 of every tensor and of the whole file, or check them",
		Long: `hash prints one line a tensor (sha256, digest, file:tensor), one for all tensor data in file order
(sha256, digest, file: the manifest that llama.cpp's gguf-hash writes and checks) and one for the whole
file (sha256-file). SRC is a GGUF file or a checkpoint directory. With --check the digests are compared with a
manifest; a difference is exit code 7.`,
		Example: `  qconv hash model.gguf > model.manifest
  qconv hash model.gguf --check model.manifest`,
		Args: arguments(1, 1, "SRC"),
		RunE: func(c *cobra.Command, args []string) error {
			m, err := openModel(args[0], follow)
			if err != nil {
				return err
			}
			defer m.Close()
			got, err := u.digest(c.Context(), m)
			if err != nil {
				return err
			}
			if check == "" {
				return u.digests(got)
			}
			return u.check(got, check)
		},
	}
	c.Flags().StringVarP(&check, "check", "c", "", "compare with the manifest in `FILE`")
	followFlag(c, &follow)
	return c
}

// digest is one line of a manifest.
type digest struct {
	Kind   string `json:"kind"` // sha256 or sha256-file
	Digest string `json:"digest"`
	Name   string `json:"name"` // file:tensor, or file
}

// digest hashes every tensor of every file, all data of each file together, and each file.
func (u *ui) digest(ctx context.Context, m *modelFiles) (list []digest, err error) {
	buf := make([]byte, 1<<20)
	bar := newProgress(u)
	defer bar.finish()
	bar.open("hash", m.hashBytes(), 0)
	add := bar.add
	if u.json {
		add = func(int64) {} // one object is all that a reader of hash --json expects
	}
	for _, f := range m.files {
		all := sha256.New()
		for _, t := range f.tensors {
			one := sha256.New()
			if err := copyBytes(ctx, io.MultiWriter(one, all), io.NewSectionReader(f.data, t.off, t.bytes), buf, add); err != nil {
				return nil, hashFault(f.name, t.name, err)
			}
			list = append(list, digest{"sha256", sum(one), f.name + ":" + t.name})
		}
		whole := sha256.New()
		if err := copyBytes(ctx, whole, io.NewSectionReader(f.data, 0, f.size), buf, add); err != nil {
			return nil, hashFault(f.name, "", err)
		}
		list = append(list, digest{"sha256", sum(all), f.name}, digest{"sha256-file", sum(whole), f.name})
	}
	return list, nil
}

func sum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// hashBytes is how many bytes digest reads.
func (m *modelFiles) hashBytes() (n int64) {
	for _, f := range m.files {
		n += f.size
		for _, t := range f.tensors {
			n += t.bytes
		}
	}
	return n
}

// hashFault gives a failure to read its place; what has a place or is an interruption stays as it is.
func hashFault(file, tensor string, err error) error {
	if fault.KindOf(err) != 0 || errors.As(err, new(stopped)) {
		return err
	}
	return fault.New(fault.IO, file, "%w", fault.Cause(err)).In(tensor)
}

// copyBytes copies until the end of r or the end of ctx.
func copyBytes(ctx context.Context, w io.Writer, r *io.SectionReader, buf []byte, add func(int64)) error {
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, err := r.Read(buf)
		w.Write(buf[:n]) // a hash never fails
		add(int64(n))
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (u *ui) digests(list []digest) error {
	if u.json {
		return u.object(map[string]any{"digests": list})
	}
	for _, d := range list {
		if err := u.printf("%-8s  %s  %s\n", d.Kind, d.Digest, quoted(d.Name)); err != nil {
			return err
		}
	}
	return nil
}

// check compares with a manifest: everything that it names must be there and equal. Lines with other
// kinds of digests (xxh64, sha1) are not ours to check and are counted.
func (u *ui) check(got []digest, manifest string) error {
	want, skipped, err := readManifest(manifest)
	if err != nil {
		return err
	}
	var bad []string
	have := map[string]string{}
	for _, d := range got {
		have[d.Kind+" "+quoted(d.Name)] = d.Digest
	}
	for _, d := range want {
		switch digest, found := have[d.Kind+" "+d.Name]; {
		case !found:
			bad = append(bad, d.Name+" is missing")
		case digest != d.Digest:
			bad = append(bad, d.Name+" differs")
		}
	}
	if skipped > 0 {
		u.note("note: %d lines of %s have another kind of digest and were not checked", skipped, quoted(filepath.Base(manifest)))
	}
	if len(bad) > 0 {
		more := ""
		if len(bad) > 5 {
			more = fmt.Sprintf(" and %d more", len(bad)-5)
		}
		return fault.New(fault.Failed, filepath.Base(manifest), "%d of %d digests do not hold: %s%s", len(bad), len(want), strings.Join(bad[:min(5, len(bad))], ", "), more)
	}
	if u.json {
		return u.object(map[string]any{"checked": len(want), "ok": true})
	}
	if u.quiet {
		return nil
	}
	return u.printf("%d digests hold\n", len(want))
}

func readManifest(path string) (list []digest, skipped int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, ioFault(path, err, "--check names a manifest that qconv hash or gguf-hash printed")
	}
	defer f.Close()
	name := filepath.Base(path)
	in := bufio.NewScanner(f)
	for no := 1; in.Scan(); no++ {
		w := strings.SplitN(strings.TrimSpace(in.Text()), " ", 2)
		if w[0] == "" {
			continue
		}
		var rest []string
		if len(w) == 2 {
			rest = strings.SplitN(strings.TrimLeft(w[1], " "), "  ", 2)
		}
		if len(rest) != 2 {
			return nil, 0, fault.New(fault.Malformed, name, "line %d is %.40q, expected KIND DIGEST NAME", no, in.Text())
		}
		if w[0] != "sha256" && w[0] != "sha256-file" {
			skipped++
			continue
		}
		list = append(list, digest{w[0], rest[0], strings.TrimLeft(rest[1], " ")})
	}
	if err := in.Err(); errors.Is(err, bufio.ErrTooLong) {
		return nil, 0, fault.New(fault.Malformed, name, "has a line of more than %d bytes, expected KIND DIGEST NAME", bufio.MaxScanTokenSize)
	} else if err != nil {
		return nil, 0, ioFault(path, err, "")
	}
	if len(list) == 0 {
		return nil, 0, fault.New(fault.Malformed, name, "holds no sha256 digest")
	}
	return list, skipped, nil
}
