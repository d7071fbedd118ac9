package arch

import (
	"math"
	"strings"

	"github.com/qconv/qconv/formats/fault"
)

// Llama 3 stretches the low frequencies of its rotary embedding. The reference writes by how much
// each pair's angle is divided into a tensor of its own, rope_freqs.weight, which it computes with
// torch in single precision: the steps below, and their rounding, are torch's (a number divided by a
// tensor is the number times the reciprocal, and ** is powers).

// llama3Freqs holds the numbers of a llama3 rope scaling; the zero value means that there is none.
type llama3Freqs struct {
	dims                              int64
	base, factor, low, high, original float64
}

// llama3 reads a llama3 rope scaling; ok is false when the config has another one or none.
func (m *Model) llama3() (f llama3Freqs, ok bool, err error) {
	if strings.ToLower(m.ropeType()) != "llama3" {
		return f, false, nil
	}
	f.dims = m.Num("head_dim")
	for _, n := range []struct {
		to       *float64
		name     string
		fallback float64
	}{{&f.base, "rope_theta", 10000}, {&f.factor, "factor", 8}, {&f.low, "low_freq_factor", 1},
		{&f.high, "high_freq_factor", 4}, {&f.original, "original_max_position_embeddings", 8192}} {
		*n.to = n.fallback
		if v, has := m.rope[n.name]; has {
			if *n.to, err = float(n.name, v); err != nil {
				return f, false, err
			}
		}
		if *n.to <= 0 {
			return f, false, fault.New(fault.Malformed, configFile, "%s is %v, expected a positive number", n.name, *n.to)
		}
	}
	if f.high <= f.low {
		return f, false, fault.New(fault.Malformed, configFile, "high_freq_factor is %v, expected more than low_freq_factor %v", f.high, f.low)
	}
	return f, true, nil
}

// factors computes the divisors, one for each pair.
func (f llama3Freqs) factors() []float32 {
	factors := make([]float32, (f.dims+1)/2)
	base, dims := float32(f.base), float32(f.dims)
	old, low, factor := float32(f.original), float32(f.low), float32(f.factor)
	lowWavelen, highWavelen := float32(f.original/f.low), float32(f.original/f.high)
	span := float32(f.high - f.low)
	powered := powers(base, len(factors), func(i int) float32 { return float32(2*i) / dims })
	for i := range factors {
		freq := 1 / powered[i]
		wavelen := float32((1 / freq) * float32(2*math.Pi))
		switch {
		case wavelen < highWavelen:
			factors[i] = 1
		case wavelen > lowWavelen:
			factors[i] = factor
		default:
			smooth := float32(float32((1/wavelen)*old)-low) / span
			factors[i] = 1 / float32(float32(float32(1-smooth)/factor)+smooth)
		}
	}
	return factors
}

// ropeFreqs is Spec.Extra of architectures whose angles may be divided; Check has seen the scaling.
func ropeFreqs(m *Model) []Target {
	f, ok, err := m.llama3()
	if err != nil || !ok {
		return nil
	}
	values := f.factors()
	return []Target{{Name: "rope_freqs.weight", Shape: []int64{int64(len(values))}, Op: Generated, Values: values, F32: true}}
}

// dynamicContext is the context that the reference gives HunYuan's dynamic scaling, whatever the config says.
const dynamicContext = 256 * 1024

// dynamicBase is HunYuan's rope base after alpha scaling, theta·alpha^(d/(d-2)) (NTK-aware scaling).
func dynamicBase(theta, alpha float64, dims int64) float64 {
	d := float64(dims)
	return theta * math.Pow(alpha, d/(d-2))
}

// dynamicAlpha reads theta and alpha of HunYuan's dynamic scaling and checks what the reference asserts.
func (m *Model) dynamicAlpha(byDefault float64) (theta, alpha float64, err error) {
	if theta, err = m.number(m.ropeRoot, 10000, "rope_theta"); err != nil {
		return 0, 0, err
	}
	if alpha, err = m.number(m.ropeRoot, byDefault, "alpha"); err != nil {
		return 0, 0, err
	}
	if theta <= 0 || alpha <= 0 || m.Num("head_dim") <= 2 {
		return 0, 0, fault.New(fault.Malformed, configFile, "rope_theta %v, alpha %v and head_dim %d give no rope base", theta, alpha, m.Num("head_dim"))
	}
	context, err := integer("max_position_embeddings", m.value("max_position_embeddings"), 1, math.MaxUint32)
	if err != nil {
		return 0, 0, err
	}
	if m.rootType() == "dynamic" && (theta != 10000 || context != 32*1024 && context != dynamicContext) {
		return 0, 0, fault.New(fault.Unsupported, configFile, "dynamic rope scaling with rope_theta %v and max_position_embeddings %d; known are 10000 with 32768 or 262144", theta, context)
	}
	return theta, alpha, nil
}

// rootType is the kind of scaling that HunYuan's classes look at.
func (m *Model) rootType() string {
	t, _ := m.ropeRoot["rope_type"].Str()
	return t
}
