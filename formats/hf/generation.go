package hf

import (
	"errors"
	"fmt"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

// GenerationConfig reads generation_config.json; found is false when there is none. Text that no
// JSON reader takes makes ignored say why, since the reference goes on without the file then; what
// lenient readers accept and strict ones do not (a duplicate key) is a fault of kind Malformed.
func GenerationConfig(src Source) (v strictjson.Value, found bool, ignored string, err error) {
	doc, found, err := ReadFile(src, generationName, ConfigLimit)
	if err != nil || !found {
		return strictjson.Value{}, false, "", err
	}
	v, err = strictjson.Parse(doc, maxDepth)
	var syntax *strictjson.Error
	switch {
	case errors.As(err, &syntax) && !syntax.Strict:
		return strictjson.Value{}, false, fmt.Sprintf("%s is not valid JSON and was ignored, sampling values are not written: %v", generationName, err), nil
	case err != nil:
		return strictjson.Value{}, true, "", fault.New(fault.Malformed, generationName, "%w", err)
	case v.Kind != strictjson.Object && !falsy(v):
		return strictjson.Value{}, true, "", fault.New(fault.Malformed, generationName, "holds %v, expected an object", v.Kind)
	}
	return v, true, "", nil
}

// useGeneration takes the sampling values.
func (m *Metadata) useGeneration(src Source) error {
	v, _, ignored, err := GenerationConfig(src)
	if err != nil {
		return err
	}
	if ignored != "" {
		m.Notices = append(m.Notices, ignored)
	}
	for _, s := range samplingKeys {
		if x := firstOf(v, s.generation...); x.Kind != 0 {
			m.fields[s.key] = x
		}
	}
	return nil
}
