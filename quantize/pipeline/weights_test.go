package pipeline

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize"
)

// TestIgnoresWeight: the list of types that importance does not change is true for every codec.
func TestIgnoresWeight(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 7))
	src, weight, ones := make([]float32, 1024), make([]float32, 1024), make([]float32, 1024)
	for i := range src {
		src[i], weight[i], ones[i] = float32(rng.NormFloat64()), rng.Float32()*rng.Float32(), 1
	}
	for _, c := range quantize.List() {
		n, ok := c.Type.RowBytes(1024)
		if !ok {
			t.Fatal(c.Type)
		}
		a, b := make([]byte, n), make([]byte, n)
		c.Encode(a, src, weight)
		c.Encode(b, src, ones)
		if bytes.Equal(a, b) != IgnoresWeight(c.Type) {
			t.Errorf("%v: IgnoresWeight says %v", c.Type, IgnoresWeight(c.Type))
		}
		if c.NeedWeight {
			continue
		}
		if c.Encode(b, src, nil); IgnoresWeight(c.Type) && !bytes.Equal(a, b) {
			t.Errorf("%v: other bytes without weights", c.Type)
		}
	}
}

// TestDefects: every codec that differs from a correct one says how.
func TestDefects(t *testing.T) {
	for _, c := range quantize.List() {
		if (c.Correct == nil) != (c.Damages == nil) {
			t.Errorf("%v has one of Correct and Damages", c.Type)
		}
		if c.Correct != nil && defects[c.Type] == "" {
			t.Errorf("%v: no text says what the reference does wrong", c.Type)
		}
	}
	for _, n := range []gguf.Type{gguf.TypeIQ3_S, gguf.TypeMXFP4} {
		if defects[n] == "" {
			t.Errorf("%v: no text", n)
		}
	}
}
