package main

import (
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/qconv/qconv/formats/fault"
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
	src := newWitness(filepath.Dir(i.file), true)
	f, err := src.Open(filepath.Base(i.file))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOTDIR) {
			return ioFault(i.file, err, "--imatrix names an importance matrix")
		}
		return err
	}
	defer f.Close()
	if f.Size() > j.opts.RAM {
		return fault.New(fault.Budget, filepath.Base(i.file), "holds %s, which must fit in --ram (%s)", size(f.Size()), size(j.opts.RAM))
	}
	m, err := imatrix.Open(f, f.Size(), filepath.Base(i.file), imatrix.DefaultLimits())
	if err == nil {
		err = f.Unchanged()
	}
	if err != nil {
		return err
	}
	if len(parts) > 0 {
		if m = m.Filter(parts, len(i.exclude) > 0); len(m.Entries) == 0 {
			return usagef("%s %q leaves no entry of %s", filter, parts, quoted(i.file))
		}
	}
	j.opts.Importance, j.opts.ImportanceFile = m, i.file
	j.inputs = append(j.inputs, src.inputs()...)
	return nil
}
