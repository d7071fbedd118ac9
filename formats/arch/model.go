package arch

import (
	"math"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

// Limits on numbers of a config (faults.md section 5).
const (
	maxLayers  = 1024
	maxExperts = 4096
	maxVocab   = 4 << 20
	maxWidth   = 1 << 24 // any other dimension
	warnLayers = 512     // llama.cpp's LLAMA_MAX_LAYERS
)

// Num is a named number of a model: an integer of config.json within bounds.
type Num struct {
	Name    string
	From    []string // config names; the first that the config has decides; nil means Name
	Default string   // expression over earlier numbers for an absent or null value; "" when it is required
	Uniform bool     // a list of equal integers counts as one
	Min     int64
	Max     int64
}

// Model is a config resolved for one Spec: the values that transformers would show to the reference
// converter, the rope parameters, and the numbers.
type Model struct {
	Class    string // the model class, such as LlamaForCausalLM
	values   map[string]strictjson.Value
	ropeRoot map[string]strictjson.Value // rope_parameters, or rope_scaling, with what the reference mirrors into it
	rope     map[string]strictjson.Value // its full_attention part when it has one, else ropeRoot
	nums     map[string]int64
	bare     bool // Class is one of Spec.Bare
	tied     bool
	notices  []string
}

// Num gives a resolved number; 0 for a name that the Spec does not have.
func (m *Model) Num(name string) int64 { return m.nums[name] }

// value gives the first of names that the config has, null included.
func (m *Model) value(names ...string) strictjson.Value { return first(m.values, names) }

func first(in map[string]strictjson.Value, names []string) strictjson.Value {
	v, _ := named(in, names)
	return v
}

// named gives the first of names that in has, and which one that is; the first name when in has none.
func named(in map[string]strictjson.Value, names []string) (strictjson.Value, string) {
	for _, n := range names {
		if v, ok := in[n]; ok {
			return v, n
		}
	}
	return strictjson.Value{}, names[0]
}

// found says what a value is, for messages; long ones are cut.
func found(v strictjson.Value) string {
	if v.Kind != strictjson.Number && v.Kind != strictjson.String && v.Kind != strictjson.Bool {
		return v.Kind.String()
	}
	text := v.Text
	if len(text) > 32 {
		text = text[:32] + "..."
	}
	return v.Kind.String() + " " + fault.Printable(text)
}

// integer reads an integer between min and max.
func integer(name string, v strictjson.Value, min, max int64) (int64, error) {
	n, ok := v.Int64()
	if !ok || !v.IsInt() {
		return 0, fault.New(fault.Malformed, configFile, "%s is %s, expected an integer", name, found(v))
	}
	if n < min {
		return 0, fault.New(fault.Malformed, configFile, "%s is %d, expected at least %d", name, n, min)
	}
	if n > max {
		return 0, fault.New(fault.Limit, configFile, "%s is %d, the limit is %d", name, n, max)
	}
	return n, nil
}

// float reads a finite number that a float32 can hold.
func float(name string, v strictjson.Value) (float64, error) {
	f, ok := v.Float64()
	if !ok || math.Abs(f) > math.MaxFloat32 {
		return 0, fault.New(fault.Malformed, configFile, "%s is %s, expected a finite number", name, found(v))
	}
	return f, nil
}

// flag reads a boolean; absent and null are false.
func (m *Model) flag(name string) (bool, error) {
	v := m.value(name)
	if !v.Present() {
		return false, nil
	}
	b, ok := v.Boolean()
	if !ok {
		return false, fault.New(fault.Malformed, configFile, "%s is %s, expected true or false", name, found(v))
	}
	return b, nil
}

// number reads a float that only the forward recipe needs, with a default for an absent or null value.
func (m *Model) number(in map[string]strictjson.Value, byDefault float64, names ...string) (float64, error) {
	v, name := named(in, names)
	if !v.Present() {
		return byDefault, nil
	}
	return float(name, v)
}

// resolve reads every number of a Spec.
func (m *Model) resolve(nums []Num) error {
	m.nums = make(map[string]int64, len(nums))
	for _, n := range nums {
		from := n.From
		if from == nil {
			from = []string{n.Name}
		}
		v, name := named(m.values, from)
		if n.Uniform && v.Kind == strictjson.Array {
			var err error
			if v, err = uniform(name, v); err != nil {
				return err
			}
		}
		var err error
		switch {
		case v.Present():
			m.nums[n.Name], err = integer(name, v, n.Min, n.Max)
		case n.Default != "":
			var d int64
			if d, err = m.eval(n.Default); err == nil && (d < n.Min || d > n.Max) {
				err = fault.New(fault.Malformed, configFile, "%s = %s = %d, expected %d to %d", n.Name, n.Default, d, n.Min, n.Max)
			}
			m.nums[n.Name] = d
		default:
			err = fault.New(fault.Malformed, configFile, "%s is missing, expected an integer", n.Name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// uniform gives the one value of a list whose items are equal integers.
func uniform(name string, v strictjson.Value) (strictjson.Value, error) {
	if len(v.Items) == 0 {
		return v, fault.New(fault.Malformed, configFile, "%s is an empty list, expected an integer for each layer", name)
	}
	for i, e := range v.Items {
		if e.Kind != strictjson.Number || e.Text != v.Items[0].Text {
			return v, fault.New(fault.Unsupported, configFile, "%s differs between layers: item 0 is %s, item %d is %s", name, found(v.Items[0]), i, found(e))
		}
	}
	return v.Items[0], nil
}
