package arch

import (
	"sort"
	"strings"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

const configFile = "config.json"

// Match finds the Spec of a config.json: by architectures[0], or by that of text_config when it has
// one. A missing or unknown architecture is a fault of kind Unsupported that lists the known ones.
func Match(cfg strictjson.Value) (*Spec, error) {
	name, found := architecture(cfg)
	if !found {
		return nil, fault.New(fault.Unsupported, configFile, "architectures names no model class; supported: %s", supported())
	}
	for _, s := range List() {
		for _, hf := range s.HF {
			if hf == name {
				return s, nil
			}
		}
	}
	return nil, fault.New(fault.Unsupported, configFile, "architectures: %q is not supported; supported: %s", name, supported())
}

// architecture gives the model class that a config names.
func architecture(cfg strictjson.Value) (string, bool) {
	for _, c := range []strictjson.Value{cfg.Get("text_config"), cfg} {
		if list := c.Get("architectures"); list.Kind == strictjson.Array && len(list.Items) > 0 {
			return list.Items[0].Str()
		}
	}
	return "", false
}

// supported lists every model class, sorted.
func supported() string {
	var names []string
	for _, s := range List() {
		names = append(names, s.HF...)
	}
	sort.Strings(names)
	return strings.Join(names, ", ")
}
