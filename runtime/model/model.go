// Package model runs the forward pass that arch.Block describes, on a device.
package model

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/qconv/qconv/formats/arch"
	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/quantize"
	"github.com/qconv/qconv/runtime/device"
)

// Model is a model's recipe with its weights. It is for one goroutine.
type Model struct {
	Block  arch.Block
	dev    device.Device
	src    Source
	global *tensors
	layers []*Layer
	angles device.Buffer
	limit  int       // positions that there are angles for
	logits []float32 // that EachLogits read
}

// New makes a model that can run positions below limit. Its weights are not there yet: Load brings all of them, or
// LoadEmbedding, LoadLayer, LoadExpert and LoadHead some at a time.
func New(ctx context.Context, dev device.Device, block arch.Block, src Source, limit int) (*Model, error) {
	m := &Model{Block: block, dev: dev, src: src, limit: limit}
	m.global = m.none()
	if err := m.bring(ctx, "rope_freqs.weight", "output_norm.weight"); err != nil {
		return nil, err
	}
	if err := m.makeAngles(); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// makeAngles computes the rotations of all positions.
func (m *Model) makeAngles() (err error) {
	block, dev := &m.Block, m.dev
	var divisors []float32
	if block.Rope.Scaling == arch.RopeDivided {
		divisors = make([]float32, block.Rope.Dims/2)
		if err := dev.Read(divisors, device.Dense(m.global.vector("rope_freqs.weight"), 1, len(divisors))); err != nil {
			return err
		}
		for j, d := range divisors {
			if !(d > 0) {
				return fault.New(fault.Malformed, "", "value %d is %v, expected a positive number", j, d).In("rope_freqs.weight")
			}
		}
	}
	table := angles(&block.Rope, divisors, m.limit)
	if m.angles, err = dev.New(len(table)); err != nil {
		return err
	}
	dev.Write(device.Dense(m.angles, 1, len(table)), table)
	return nil
}

// Load brings the whole model onto the device.
func (m *Model) Load(ctx context.Context) error {
	if err := m.LoadEmbedding(ctx); err != nil {
		return err
	}
	if err := m.LoadHead(ctx); err != nil {
		return err
	}
	for l := len(m.layers); l < int(m.Block.Layers); l++ {
		t, err := m.LoadLayer(ctx, l, true)
		if err != nil {
			return err
		}
		m.layers = append(m.layers, t)
	}
	return m.dev.Wait()
}

// Device is where the model is.
func (m *Model) Device() device.Device { return m.dev }

// Limit is how many positions there are.
func (m *Model) Limit() int { return m.limit }

// Close frees what is on the device.
func (m *Model) Close() {
	for _, l := range m.layers {
		l.Release()
	}
	m.global.release()
	m.dev.Free(m.angles)
	m.layers = nil
}

// Layer is a layer's weights on the device.
type Layer struct {
	*tensors
	number int
}

// LoadLayer brings a layer onto the device, with or without its routed experts.
func (m *Model) LoadLayer(ctx context.Context, l int, experts bool) (*Layer, error) {
	inputs := m.Block.Layer(int64(l))
	if !experts {
		inputs = slices.DeleteFunc(inputs, stacked)
	}
	t, err := m.load(ctx, inputs)
	if err != nil {
		return nil, err
	}
	t.prefix = prefix(l)
	return &Layer{t, l}, nil
}

// Number counts from 0.
func (l *Layer) Number() int { return l.number }

// Release frees the layer.
func (l *Layer) Release() { l.release() }

// Sparse tells whether the layer has experts.
func (l *Layer) Sparse() bool { return l.weight("ffn_gate_inp.weight") != nil }

// tensors are those of a layer or of one expert, or those outside the layers. Names are without "blk.N.".
type tensors struct {
	dev     device.Device
	prefix  string // "blk.N."
	expert  int    // the matrix that all weights are
	experts int    // of how many; 0: weights are whole tensors
	weights map[string]device.Weight
	vectors map[string]device.Buffer
}

func (t *tensors) weight(name string) device.Weight { return t.weights[name] }

// vector is nil for a tensor that the model does not have.
func (t *tensors) vector(name string) device.Buffer { return t.vectors[name] }

func (t *tensors) release() {
	for _, w := range t.weights {
		t.dev.Release(w)
	}
	for _, b := range t.vectors {
		t.dev.Free(b)
	}
}

// load reads tensors whose shapes are known to be right.
func (m *Model) load(ctx context.Context, inputs []arch.Input) (*tensors, error) {
	t := m.none()
	for _, in := range inputs {
		if err := m.loadInto(ctx, t, in); err != nil {
			t.release()
			return nil, err
		}
	}
	return t, nil
}

func (m *Model) loadInto(ctx context.Context, t *tensors, in arch.Input) error {
	src, ok := m.src.Tensor(in.Name)
	if !ok {
		return fault.New(fault.Mismatch, "", "is missing").In(in.Name)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(in.Shape) == 1 {
		v, err := m.loadVector(src, int(in.Shape[0]))
		if err != nil {
			return named(err, in.Name)
		}
		t.vectors[short(in.Name)] = v
		return nil
	}
	w, err := m.loadWeight(ctx, src, in.Shape, 0, matrices(in.Shape))
	if err != nil {
		return named(err, in.Name)
	}
	t.weights[short(in.Name)] = w
	return nil
}

func (m *Model) none() *tensors {
	return &tensors{dev: m.dev, weights: map[string]device.Weight{}, vectors: map[string]device.Buffer{}}
}

// prefix is what names of a layer's tensors begin with.
func prefix(layer int) string { return "blk." + strconv.Itoa(layer) + "." }

// short is a name without "blk.N.".
func short(name string) string {
	if strings.HasPrefix(name, "blk.") {
		return strings.SplitN(name, ".", 3)[2]
	}
	return name
}

func matrices(shape []int64) int {
	if len(shape) < 3 {
		return 1
	}
	return int(shape[2])
}

// loadWeight loads n matrices of a tensor, from number first on. It ends between two pieces when ctx is done: a tensor may be
// larger than what a disk reads in a second.
func (m *Model) loadWeight(ctx context.Context, src Tensor, shape []int64, first, n int) (device.Weight, error) {
	elems, bytes, _ := src.Type.Block()
	skip := int64(first) * shape[1] * (shape[0] / elems * bytes)
	return m.dev.Load(src.Type, int(shape[0]), int(shape[1]), n, func(p []byte, off int64) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return src.Read(p, skip+off)
	})
}

// loadVector widens a vector, which writers keep in F32, but need not.
func (m *Model) loadVector(src Tensor, n int) (device.Buffer, error) {
	codec, ok := quantize.For(src.Type)
	if !ok {
		return nil, fault.New(fault.Unsupported, "", "vectors of type %s cannot be read", src.Type)
	}
	elems, bytes, _ := src.Type.Block()
	raw := make([]byte, n/int(elems)*int(bytes))
	if err := src.Read(raw, 0); err != nil {
		return nil, err
	}
	if err := codec.Check(raw); err != nil {
		return nil, fault.New(fault.Malformed, "", "%w", err)
	}
	values := make([]float32, n)
	codec.Decode(values, raw)
	b, err := m.dev.New(n)
	if err == nil {
		m.dev.Write(device.Dense(b, 1, n), values)
	}
	return b, err
}

// named says which tensor a fault is about.
func named(err error, tensor string) error {
	var f *fault.Error
	if errors.As(err, &f) && f.Tensor == "" {
		return f.In(tensor)
	}
	return err
}
