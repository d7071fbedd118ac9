package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/verify"
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

// digest hashes every file, each of which is read once.
func (u *ui) digest(ctx context.Context, m *modelFiles) (list []verify.Digest, err error) {
	bar := newProgress(u)
	defer bar.finish()
	var total int64
	for _, f := range m.files {
		total += f.size
	}
	bar.open("hash", total, 0)
	add := bar.add
	if u.json {
		add = func(int64) {} // one object is all that a reader of hash --json expects
	}
	for _, f := range m.files {
		file := verify.File{Name: f.name, Size: f.size, Data: f.data}
		for _, t := range f.tensors {
			file.Tensors = append(file.Tensors, verify.Section{Name: t.name, Off: t.off, Bytes: t.bytes})
		}
		digests, err := verify.Hash(ctx, &file, add)
		if err != nil {
			return nil, err
		}
		list = append(list, digests...)
	}
	return list, nil
}

func (u *ui) digests(list []verify.Digest) error {
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
func (u *ui) check(got []verify.Digest, path string) error {
	want, err := readManifest(path, "--check")
	if err != nil {
		return err
	}
	var bad []string
	for _, b := range want.Compare(got) {
		what := " differs"
		if b.Got == "" {
			what = " is missing"
		}
		bad = append(bad, b.Want.Name+what)
	}
	if want.Skipped > 0 {
		u.note("note: %d lines of %s have another kind of digest and were not checked", want.Skipped, quoted(want.Name))
	}
	if len(bad) > 0 {
		more := ""
		if len(bad) > 5 {
			more = fmt.Sprintf(" and %d more", len(bad)-5)
		}
		return fault.New(fault.Failed, want.Name, "%d of %d digests do not hold: %s%s", len(bad), len(want.Digests), strings.Join(bad[:min(5, len(bad))], ", "), more)
	}
	if u.json {
		return u.object(map[string]any{"checked": len(want.Digests), "ok": true})
	}
	if u.quiet {
		return nil
	}
	return u.printf("%d digests hold\n", len(want.Digests))
}

// readManifest reads the file of a flag.
func readManifest(path, flag string) (*verify.Manifest, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, ioFault(path, err, flag+" names a manifest that qconv hash or gguf-hash printed")
	}
	defer f.Close()
	return verify.ReadManifest(f, filepath.Base(path))
}
