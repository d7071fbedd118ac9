package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/hf"
	"github.com/qconv/qconv/quantize/imatrix"
)

// importance is the flags that name an importance matrix.
type importance struct {
	file             string
	include, exclude []string
}

func (i *importance) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&i.file, "imatrix", "", "importance matrix `FILE` of llama-imatrix, GGUF or .dat: columns that matter more are quantized with less error")
	f.StringArrayVar(&i.include, "include-weights", nil, "use only entries of --imatrix whose name contains `TEXT` (repeatable)")
	f.StringArrayVar(&i.exclude, "exclude-weights", nil, "use no entries of --imatrix whose name contains `TEXT` (repeatable)")
}

// readImportance reads the file of --imatrix, which becomes an input like those of SRC.
func (j *job) readImportance() error {
	i := &j.importance
	filter, parts := "--include-weights", i.include
	if len(i.exclude) > 0 {
		filter, parts = "--exclude-weights", i.exclude
	}
	switch {
	case len(i.include) > 0 && len(i.exclude) > 0:
		return usagef("--include-weights and --exclude-weights exclude each other; give one of them")
	case !j.changed("imatrix") && len(parts) > 0:
		return usagef("%s chooses entries of an importance matrix; give --imatrix too", filter)
	case !j.changed("imatrix"):
		return nil
	case i.file == "":
		return usagef("--imatrix is empty; give a file")
	}
	for _, p := range parts {
		if p == "" {
			return usagef("%s is empty; give part of a tensor's name, such as ffn_down", filter)
		}
	}
	m, inputs, err := openImportance(i.file, j.opts.RAM)
	if err != nil {
		return err
	}
	if len(parts) > 0 {
		if m = m.Filter(parts, len(i.exclude) > 0); len(m.Entries) == 0 {
			return usagef("%s %q leaves no entry of %s", filter, parts, quoted(i.file))
		}
	}
	j.opts.Importance, j.opts.ImportanceFile = m, i.file
	j.inputs = append(j.inputs, inputs...)
	return nil
}

// openImportance reads an importance matrix, which must fit in --ram.
func openImportance(path string, ram int64) (m *imatrix.Matrix, inputs []os.FileInfo, err error) {
	inputs, err = importanceFile("--imatrix", path, ram, func(f hf.Blob, name string) (err error) {
		m, err = imatrix.Open(f, f.Size(), name, imatrix.DefaultLimits())
		return err
	})
	return m, inputs, err
}

// importanceFile lets use read the file that a flag names, and gives it as an input.
func importanceFile(flag, path string, ram int64, use func(f hf.Blob, name string) error) ([]os.FileInfo, error) {
	src, name := newWitness(filepath.Dir(path), true), filepath.Base(path)
	f, err := src.Open(name)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOTDIR) {
			return nil, ioFault(path, err, flag+" names an importance matrix")
		}
		return nil, err
	}
	defer f.Close()
	if f.Size() > ram {
		return nil, fault.New(fault.Budget, name, "holds %s, which must fit in --ram (%s)", size(f.Size()), size(ram))
	}
	if err = use(f, name); err == nil {
		err = f.Unchanged()
	}
	return src.inputs(), err
}
