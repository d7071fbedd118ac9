package hf

import (
	"slices"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

const (
	singleName = "model.safetensors"
	indexName  = "model.safetensors.index.json"
)

// index is a parsed model.safetensors.index.json.
type index struct {
	files     []string         // sorted, each once
	file      map[string]int   // tensor name to its place in files
	totalSize strictjson.Value // metadata.total_size, absent when there is none
}

// parseIndex reads an index. Every file name is checked before it is used for anything.
func parseIndex(doc []byte) (*index, error) {
	s, err := strictjson.NewScanner(string(doc), maxDepth, true)
	if err != nil {
		return nil, fault.New(fault.Malformed, indexName, "%w", err)
	}
	x := &index{file: map[string]int{}}
	found := false
	at := map[string]int{}
	err = s.Object(func(key string) error {
		switch key {
		case "metadata":
			v, err := s.Value()
			x.totalSize = v.Get("total_size")
			return err
		case "weight_map":
			found = true
			return s.Object(func(tensor string) error {
				name, err := s.String()
				if err != nil {
					return err
				}
				i, known := at[name]
				if !known {
					if err := CheckName(name); err != nil {
						return &nameFault{tensor, err}
					}
					i = len(x.files)
					at[name] = i
					x.files = append(x.files, name)
				}
				x.file[tensor] = i
				return nil
			})
		}
		return s.Skip()
	})
	if err == nil {
		err = s.End()
	}
	if err != nil {
		if bad, ok := err.(*nameFault); ok {
			return nil, fault.New(fault.Malformed, indexName, "weight_map: %w", bad.err).In(bad.tensor)
		}
		return nil, fault.New(fault.Malformed, indexName, "%w", err)
	}
	if !found {
		return nil, fault.New(fault.Malformed, indexName, "has no weight_map")
	}
	if len(x.files) == 0 {
		return nil, fault.New(fault.Malformed, indexName, "weight_map is empty")
	}
	x.sortFiles()
	return x, nil
}

// nameFault carries a bad file name out of the scanner's callbacks.
type nameFault struct {
	tensor string
	err    error
}

func (e *nameFault) Error() string { return e.err.Error() }

func (x *index) sortFiles() {
	sorted := slices.Sorted(slices.Values(x.files))
	at := make(map[string]int, len(sorted))
	for i, name := range sorted {
		at[name] = i
	}
	for tensor, i := range x.file {
		x.file[tensor] = at[x.files[i]]
	}
	x.files = sorted
}
