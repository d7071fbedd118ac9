package model_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize"
)

// plain is a Qwen2 model evaluated in float64, as its definition reads (transformers, models/qwen2): no device, no rounding of
// activations, the numbers of config.json. With the runtime it shares the decoding of blocks, which goldens of package
// quantize tie to the reference, and nothing else.
type plain struct {
	Width   int     `json:"hidden_size"`
	Layers  int     `json:"num_hidden_layers"`
	Heads   int     `json:"num_attention_heads"`
	HeadsKV int     `json:"num_key_value_heads"`
	Base    float64 `json:"rope_theta"`
	Eps     float64 `json:"rms_norm_eps"`

	values map[string][]float64      // of all tensors, under their GGUF names
	watch  func(name string, x rows) // is told what a matrix is multiplied with; may be nil
}

// rows is a vector a token.
type rows [][]float64

// newPlain takes the weights from a file and everything else from the checkpoint that it was made of.
func newPlain(t testing.TB, dir string, set *gguf.Set) *plain {
	t.Helper()
	m := &plain{values: map[string][]float64{}}
	doc, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err == nil {
		err = json.Unmarshal(doc, m)
	}
	if err != nil {
		t.Fatal(err)
	}
	for i := range set.Tensors {
		tensor := &set.Tensors[i]
		codec, ok := quantize.For(tensor.Type)
		_, _, size := set.Section(i)
		raw := make([]byte, size)
		if err := set.ReadAt(i, raw, 0); err != nil || !ok {
			t.Fatal(tensor.Name, tensor.Type, err)
		}
		n := int64(1)
		for _, d := range tensor.Shape {
			n *= d
		}
		decoded := make([]float32, n)
		codec.Decode(decoded, raw)
		values := make([]float64, n)
		for i, v := range decoded {
			values[i] = float64(v)
		}
		m.values[tensor.Name] = values
	}
	return m
}

// logits gives those behind every token.
func (m *plain) logits(ids []int32) rows {
	x := make(rows, len(ids))
	for t, id := range ids {
		x[t] = append([]float64(nil), m.values["token_embd.weight"][int(id)*m.Width:][:m.Width]...)
	}
	for l := range m.Layers {
		in := func(name string) string { return "blk." + string(rune('0'+l)) + "." + name }
		h := m.norm(x, in("attn_norm.weight"))
		q, k, v := m.multiply(in("attn_q"), h), m.multiply(in("attn_k"), h), m.multiply(in("attn_v"), h)
		m.rotate(q)
		m.rotate(k)
		add(x, m.multiply(in("attn_output"), m.attend(q, k, v)))
		h = m.norm(x, in("ffn_norm.weight"))
		gate, up := m.multiply(in("ffn_gate"), h), m.multiply(in("ffn_up"), h)
		for t := range gate {
			for i, g := range gate[t] {
				gate[t][i] = g / (1 + math.Exp(-g)) * up[t][i]
			}
		}
		add(x, m.multiply(in("ffn_down"), gate))
	}
	return m.multiply("output", m.norm(x, "output_norm.weight"))
}

// multiply is x through a matrix, plus its bias where there is one.
func (m *plain) multiply(name string, x rows) rows {
	if m.watch != nil {
		m.watch(name+".weight", x)
	}
	cols := len(x[0])
	w, bias := m.values[name+".weight"], m.values[name+".bias"]
	y := make(rows, len(x))
	var all sync.WaitGroup
	for t := range x {
		all.Go(func() {
			y[t] = make([]float64, len(w)/cols)
			for r := range y[t] {
				y[t][r] = dot(w[r*cols:][:cols], x[t])
				if bias != nil {
					y[t][r] += bias[r]
				}
			}
		})
	}
	all.Wait()
	return y
}

func dot(a, b []float64) (sum float64) {
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

func add(x, y rows) {
	for t := range x {
		for i, v := range y[t] {
			x[t][i] += v
		}
	}
}

// norm is the root mean square norm.
func (m *plain) norm(x rows, name string) rows {
	y := make(rows, len(x))
	for t := range x {
		scale := 1 / math.Sqrt(dot(x[t], x[t])/float64(m.Width)+m.Eps)
		y[t] = make([]float64, m.Width)
		for i, w := range m.values[name] {
			y[t][i] = x[t][i] * scale * w
		}
	}
	return y
}

// rotate turns value j of each head with value j + half by an angle that falls with j.
func (m *plain) rotate(x rows) {
	dim := m.Width / m.Heads
	half := dim / 2
	for t := range x {
		for at := 0; at < len(x[t]); at += dim {
			for j := range half {
				sin, cos := math.Sincos(float64(t) * math.Pow(m.Base, -float64(j)/float64(half)))
				a, b := &x[t][at+j], &x[t][at+j+half]
				*a, *b = *a*cos-*b*sin, *b*cos+*a*sin
			}
		}
	}
}

// attend mixes the values of a token and those before it, head by head.
func (m *plain) attend(q, k, v rows) rows {
	dim := m.Width / m.Heads
	y := make(rows, len(q))
	for t := range q {
		y[t] = make([]float64, m.Width)
		for h := range m.Heads {
			kv := h / (m.Heads / m.HeadsKV) * dim
			p := make([]float64, t+1)
			most := math.Inf(-1)
			for s := range p {
				p[s] = dot(q[t][h*dim:][:dim], k[s][kv:][:dim]) / math.Sqrt(float64(dim))
				most = max(most, p[s])
			}
			var sum float64
			for s := range p {
				p[s] = math.Exp(p[s] - most)
				sum += p[s]
			}
			for s := range p {
				for i := range dim {
					y[t][h*dim+i] += p[s] / sum * v[s][kv+i]
				}
			}
		}
	}
	return y
}
