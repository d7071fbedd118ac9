package hf

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/qconv/qconv/formats/fault"
)

// Dir is the checkpoint in a local directory. Nothing is opened yet.
//
// Only regular files are opened. A file that is a symbolic link may point into the directory, or
// from snapshots/<revision> to blobs/ beside it, as the Hugging Face cache is laid out; elsewhere
// only with followSymlinks. However many files are open, at most 16 descriptors are used.
func Dir(path string, followSymlinks bool) Source {
	return &dirSource{path: path, follow: followSymlinks, pool: newPool(maxDescriptors)}
}

type dirSource struct {
	path   string
	follow bool
	pool   *pool
}

// Name is the last element of the path as given; "." and ".." are looked up first.
func (d *dirSource) Name() string {
	name := filepath.Base(d.path)
	if name == "." || name == ".." {
		if abs, err := filepath.Abs(d.path); err == nil {
			name = filepath.Base(abs)
		}
	}
	return name
}

func (d *dirSource) List() ([]string, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return nil, fault.New(fault.IO, d.Name(), "cannot list the directory: %w", err)
	}
	var names []string
	for _, e := range entries {
		regular := e.Type().IsRegular()
		if e.Type()&fs.ModeSymlink != 0 {
			st, err := os.Stat(filepath.Join(d.path, e.Name()))
			regular = err == nil && st.Mode().IsRegular()
		}
		if regular {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names) // os.ReadDir sorts too, but the order is our promise
	return names, nil
}

// check tells apart a missing path, a file and a directory.
func (d *dirSource) check() error {
	st, err := os.Stat(d.path)
	switch {
	case err != nil:
		return fault.New(fault.IO, "", "cannot open the checkpoint: %w", err)
	case st.IsDir():
		return nil
	case strings.HasSuffix(d.path, ".safetensors"):
		return fault.New(fault.Usage, d.Name(), "is one file of a checkpoint; give the directory that holds it and config.json: %s", filepath.Dir(d.path))
	}
	return fault.New(fault.Usage, d.Name(), "is %s; a checkpoint is the directory that holds config.json and the .safetensors files", kind(st.Mode()))
}

func (d *dirSource) Open(name string) (Blob, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	return d.open(name)
}

// open is Open for a path below the directory that was checked.
func (d *dirSource) open(name string) (Blob, error) {
	path, err := d.resolve(name)
	if err != nil {
		return nil, err
	}
	// The kind is looked at before opening: opening a pipe could wait for ever, and opening a device can act.
	st, err := os.Lstat(path)
	if err != nil {
		return nil, ioFault(name, err)
	}
	if !st.Mode().IsRegular() {
		return nil, notRegular(name, st.Mode())
	}
	b := &dirBlob{pool: d.pool, name: name, link: filepath.Join(d.path, name), path: path, id: st}
	// One descriptor now: a file that cannot be read is found before any work, and what was looked
	// at is known to be what was opened.
	if _, err := d.pool.acquire(b); err != nil {
		return nil, err
	}
	d.pool.release(b)
	return b, nil
}

// resolve gives the path to open: links are followed here, so that their target can be judged.
func (d *dirSource) resolve(name string) (string, error) {
	path := filepath.Join(d.path, name)
	st, err := os.Lstat(path)
	if err != nil {
		return "", ioFault(name, err)
	}
	if st.Mode()&fs.ModeSymlink == 0 {
		return path, nil
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", ioFault(name, err)
	}
	home, err := filepath.EvalSymlinks(d.path)
	if err != nil {
		return "", ioFault(name, err)
	}
	if d.follow || inside(home, target) || inBlobs(home, target) {
		return target, nil
	}
	return "", fault.New(fault.Malformed, name, "is a symbolic link to %s, outside the checkpoint; pass --follow-symlinks if that is meant", fault.Printable(target))
}

func inside(home, target string) bool {
	rel, err := filepath.Rel(home, target)
	return err == nil && filepath.IsLocal(rel)
}

// inBlobs knows the Hugging Face cache: REPO/snapshots/<revision>/x -> REPO/blobs/<hash>.
func inBlobs(home, target string) bool {
	snapshots := filepath.Dir(home)
	return filepath.Base(snapshots) == "snapshots" && filepath.Dir(target) == filepath.Join(filepath.Dir(snapshots), "blobs")
}

func ioFault(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.IO, name, "does not exist: %w", err)
	}
	return fault.New(fault.IO, name, "cannot open: %w", err)
}

func notRegular(name string, m fs.FileMode) error {
	return fault.New(fault.Malformed, name, "is %s, expected a regular file", kind(m))
}

func kind(m fs.FileMode) string {
	switch {
	case m.IsRegular():
		return "a file"
	case m.IsDir():
		return "a directory"
	case m&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeDevice != 0:
		return "a device"
	case m&fs.ModeSymlink != 0:
		return "a symbolic link"
	}
	return "a special file"
}
