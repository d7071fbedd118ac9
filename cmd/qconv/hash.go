package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
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
	c := &cobra.Command{
		Use:   "hash SRC",
		Short: "print the SHA-256 of every tensor and of the whole file, or check them",
		Long: `hash prints one line a tensor (sha256, digest, file:tensor), one for all tensor data in file order
(sha256, digest, file: the manifest that llama.cpp's gguf-hash writes and checks) and one for the whole
file (sha256-file). SRC is a GGUF file or a checkpoint directory. With --check the digests are compared with a
manifest; a difference is exit code 7.`,
		Example: `  qconv hash model.gguf > model.manifest
  qconv hash model.gguf --check model.manifest`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			m, err := openModel(args[0])
			if err != nil {
				return err
			}
			defer m.Close()
			got, err := digests(c.Context(), m)
			if err != nil {
				return err
			}
			if check == "" {
				return u.digests(got)
			}
			return u.check(got, check)
		},
	}
	c.Flags().StringVarP(&check, "check", "c", "", "compare with this manifest")
	return c
}

// digest is one line of a manifest.
type digest struct {
	Kind   string `json:"kind"` // sha256 or sha256-file
	Digest string `json:"digest"`
	Name   string `json:"name"` // file:tensor, or file
}

// digests hashes every tensor of every file, all data of each file together, and each file.
func digests(ctx context.Context, m *model) (list []digest, err error) {
	buf := make([]byte, 1<<20)
	for _, f := range m.files {
		all := sha256.New()
		for _, t := range f.tensors {
			one := sha256.New()
			if err := stream(ctx, io.MultiWriter(one, all), io.NewSectionReader(f.data, t.off, t.bytes), buf); err != nil {
				return nil, fault.New(fault.IO, f.name, "%w", err).In(t.name)
			}
			list = append(list, digest{"sha256", sum(one), f.name + ":" + t.name})
		}
		whole := sha256.New()
		if err := stream(ctx, whole, io.NewSectionReader(f.data, 0, f.size), buf); err != nil {
			return nil, fault.New(fault.IO, f.name, "%w", err)
		}
		list = append(list, digest{"sha256", sum(all), f.name}, digest{"sha256-file", sum(whole), f.name})
	}
	return list, nil
}

func sum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// stream copies until the end of r or the end of ctx.
func stream(ctx context.Context, w io.Writer, r *io.SectionReader, buf []byte) error {
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, err := r.Read(buf)
		w.Write(buf[:n]) // a hash never fails
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
		return nil, 0, err
	}
	defer f.Close()
	name := filepath.Base(path)
	in := bufio.NewScanner(f)
	for in.Scan() {
		w := strings.SplitN(strings.TrimSpace(in.Text()), " ", 2)
		if w[0] == "" {
			continue
		}
		var rest []string
		if len(w) == 2 {
			rest = strings.SplitN(strings.TrimLeft(w[1], " "), "  ", 2)
		}
		if len(rest) != 2 {
			return nil, 0, fault.New(fault.Malformed, name, "line %q is not KIND DIGEST NAME", in.Text())
		}
		if w[0] != "sha256" && w[0] != "sha256-file" {
			skipped++
			continue
		}
		list = append(list, digest{w[0], rest[0], strings.TrimLeft(rest[1], " ")})
	}
	if in.Err() != nil {
		return nil, 0, in.Err()
	}
	if len(list) == 0 {
		return nil, 0, fault.New(fault.Malformed, name, "holds no sha256 digest")
	}
	return list, skipped, nil
}
