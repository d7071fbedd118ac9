package arch

import (
	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

// Match finds the Spec of a config.json. An architecture that none has is a fault of kind Unsupported.
func Match(cfg strictjson.Value) (*Spec, error) {
	return nil, fault.New(fault.Unsupported, "config.json", "architectures: none is known")
}

// Bind resolves s against a config and the checkpoint's tensors, in checkpoint order (file name,
// then tensor name).
func (s *Spec) Bind(cfg strictjson.Value, src []Source) (*Binding, error) {
	return nil, fault.New(fault.Unsupported, "config.json", "architecture %s is not bound", s.Name)
}
