package devicetest

import (
	"errors"
	"slices"
	"sync/atomic"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize"
	"github.com/qconv/qconv/runtime/device"
)

// testMemory writes and reads views of all layouts.
func testMemory(s *suite) {
	if s.dev.Name() == "" {
		s.Error("the device has no name")
	}
	for range layouts {
		for _, shape := range [][2]int{{1, 1}, {1, 33}, {7, 1}, {31, 5}, {3, 1000}} {
			v := s.view(shape[0], shape[1], zero)
			src := make([]float32, v.Rows*v.Cols)
			for i := range src {
				src[i] = float32(i) + 0.5
			}
			want := slices.Clone(src)
			s.run(func() {
				s.dev.Write(v, src)
				clear(src) // belongs to the caller again
			}, v)
			got := make([]float32, len(src))
			if err := s.dev.Read(got, v); err != nil {
				s.Fatal(err)
			}
			if !slices.Equal(got, want) {
				s.Fatalf("%d rows of %d, %d apart: read %v, wrote %v", v.Rows, v.Cols, v.Stride, got, want)
			}
			s.forget()
		}
	}
	s.forget()
}

// testOrder issues operations that depend on each other without waiting, on buffers that are freed at once.
func testOrder(s *suite) {
	const n, times = 1000, 50
	sum := s.view(3, n, zero)
	buffer := func() device.View {
		b, err := s.dev.New(n)
		if err != nil {
			s.Fatal(err)
		}
		return device.Dense(b, 1, n)
	}
	s.run(func() {
		for i := range times {
			x, y := buffer(), buffer()
			s.dev.Write(x, slices.Repeat([]float32{float32(i)}, n))
			s.dev.Copy(y, x)
			s.dev.Add(x, y)
			s.dev.Free(y.Buffer)
			s.dev.Add(sum, x)
			s.dev.Free(x.Buffer)
		}
	}, sum)
	want := make([][]float64, 3)
	for t := range want {
		want[t] = slices.Repeat([]float64{times * (times - 1)}, n)
	}
	s.near("sums", boundCopied, sum, want)
}

// testLoad refuses what no device can load, and gives the faults of reading.
func testLoad(s *suite) {
	broken := errors.New("broken")
	var calls atomic.Int64
	_, err := s.dev.Load(gguf.TypeQ8_0, 64, 100, 3, func([]byte, int64) error { calls.Add(1); return broken })
	if !errors.Is(err, broken) || calls.Load() == 0 {
		s.Errorf("a weight that cannot be read: error %v after %d calls", err, calls.Load())
	}
	_, err = s.dev.Load(gguf.TypeI32, 64, 100, 3, func(p []byte, _ int64) error { clear(p); return nil })
	if fault.KindOf(err) != fault.Unsupported {
		s.Errorf("a weight of integers: error %v", err)
	}
	_, err = s.dev.Load(gguf.TypeQ8_0, 64, 100, 3, func(p []byte, _ int64) error {
		for i := range p {
			p[i] = 0xff // scales are NaN
		}
		return nil
	})
	if fault.KindOf(err) != fault.Malformed {
		s.Errorf("a weight with scales that are NaN: error %v", err)
	}
	for _, c := range quantize.List() {
		elems, _, _ := c.Type.Block()
		w := s.weight(c, int(elems), 3, 2)
		if w.Type() != c.Type || w.Cols() != int(elems) || w.Rows() != 3 || w.Matrices() != 2 {
			s.Errorf("%v: loaded a weight of type %v, %d matrices of %d rows of %d", c.Type, w.Type(), w.Matrices(), w.Rows(), w.Cols())
		}
		s.dev.Release(w.Weight)
	}
}

// testNothing runs operations without rows.
func testNothing(s *suite) {
	x, y, z, b := s.view(0, 8, zero), s.view(0, 8, zero), s.view(0, 8, zero), s.vector(8, zero)
	filled := s.view(2, 8, zero)
	codec, _ := quantize.For(gguf.TypeF32)
	w := s.weight(codec, 8, 8, 1)
	s.run(func() {
		d := s.dev
		d.Free(nil)
		d.Release(nil)
		d.Write(x, nil)
		d.Lookup(x, w.Weight, nil)
		d.Multiply(nil)
		d.Multiply([]device.Product{{Dst: x, X: y, W: w.Weight}})
		d.Norm(x, y, b, 1e-6)
		d.Rotate(x, &device.Rotation{Heads: 1, HeadDim: 8, Dims: 8, Angles: b})
		d.Attend(x, y, nil, &device.Attention{Heads: 1, HeadsKV: 1, KeyDim: 8, ValueDim: 8, Scale: 1})
		d.Attend(filled, filled, []device.Span{{K: y, V: z}}, &device.Attention{Heads: 1, HeadsKV: 1, KeyDim: 8, ValueDim: 8, Scale: 1})
		d.Gate(x, y, z)
		d.Add(x, y)
		d.Copy(x, y)
		d.Gather(x, filled, nil)
		d.Scatter(filled, x, nil, nil)
		if c, err := d.Route(x, nil, &device.Routing{Used: 2, Scale: 1}); len(c) != 0 || err != nil {
			s.Errorf("Route of nothing: %v, %v", c, err)
		}
		if p, err := d.LogProbs(x, nil); len(p) != 0 || err != nil {
			s.Errorf("LogProbs of nothing: %v, %v", p, err)
		}
		if err := d.Read(nil, x); err != nil {
			s.Error(err)
		}
	})
}
