package cpu_test

import (
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/runtime/device"
	"github.com/qconv/qconv/runtime/device/cpu"
)

// Benchmarks run on one thread and report the least processor time of a call, which a machine that is busy with other
// things disturbs least. Shapes are those of Qwen2.5-1.5B and, for experts and latents, of DeepSeek V3.

// threadTime is the processor time of this thread in nanoseconds.
func threadTime() float64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err)
	}
	return float64(t.Nano())
}

// least reports the least time of f, and what it makes of work in the given unit.
func least(b *testing.B, work float64, unit string, f func()) {
	b.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	best := math.Inf(1)
	for b.Loop() {
		start := threadTime()
		f()
		best = min(best, threadTime()-start)
	}
	b.ReportMetric(best, "ns/call")
	b.ReportMetric(work/best, unit)
	b.ReportMetric(0, "ns/op")
}

// eachBench runs a benchmark on every set of instructions.
func eachBench(b *testing.B, f func(b *testing.B, d *bench)) {
	before := cpu.Kernels()
	defer cpu.Use(before)
	for _, name := range cpu.AllKernels() {
		if err := cpu.Use(name); err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) { f(b, newBench(1)) })
	}
}

func BenchmarkAttend(b *testing.B) {
	for _, c := range []struct {
		name          string
		queries, past int
		device.Attention
		latent bool
	}{
		{"Prompt512", 512, 0, device.Attention{Heads: 12, HeadsKV: 2, KeyDim: 128, ValueDim: 128}, false},
		{"Prompt512Heads", 512, 0, device.Attention{Heads: 12, HeadsKV: 12, KeyDim: 128, ValueDim: 128}, false},
		{"Prompt512Dim64", 512, 0, device.Attention{Heads: 14, HeadsKV: 2, KeyDim: 64, ValueDim: 64}, false},
		{"Prompt128Latent", 128, 0, device.Attention{Heads: 128, HeadsKV: 1, KeyDim: 576, ValueDim: 512}, true},
		{"One512", 1, 511, device.Attention{Heads: 12, HeadsKV: 2, KeyDim: 128, ValueDim: 128}, false},
		{"One4096", 1, 4095, device.Attention{Heads: 12, HeadsKV: 2, KeyDim: 128, ValueDim: 128}, false},
		{"One32768", 1, 32767, device.Attention{Heads: 12, HeadsKV: 2, KeyDim: 128, ValueDim: 128}, false},
		{"One32768Heads", 1, 32767, device.Attention{Heads: 12, HeadsKV: 12, KeyDim: 128, ValueDim: 128}, false},
		{"One4096Latent", 1, 4095, device.Attention{Heads: 128, HeadsKV: 1, KeyDim: 576, ValueDim: 512}, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			eachBench(b, func(b *testing.B, d *bench) {
				a := c.Attention
				a.Scale = 1 / math.Sqrt(float64(a.KeyDim))
				n := c.queries + c.past
				k := d.view(n, a.HeadsKV*a.KeyDim)
				v := k.Columns(0, a.ValueDim)
				if !c.latent {
					v = d.view(n, a.HeadsKV*a.ValueDim)
				}
				q, dst := d.view(c.queries, a.Heads*a.KeyDim), d.view(c.queries, a.Heads*a.ValueDim)
				seen := float64(c.queries)*float64(c.past) + float64(c.queries)*float64(c.queries+1)/2
				flops := 2 * seen * float64(a.Heads*(a.KeyDim+a.ValueDim))
				least(b, flops, "GFLOP/s", func() { d.Attend(dst, q, []device.Span{{Count: c.queries, Past: c.past, K: k, V: v}}, &a) })
			})
		})
	}
}

func BenchmarkEach(b *testing.B) {
	const rows, width, mlp, vocab = 512, 1536, 8960, 151936
	positions, ids := make([]int32, rows), make([]int32, rows)
	for i := range positions {
		positions[i], ids[i] = int32(i), int32(i*7919%vocab)
	}
	for _, c := range []struct {
		name   string
		values int
		make   func(d *bench) func()
	}{
		{"Norm", rows * width, func(d *bench) func() {
			x, y, w := d.view(rows, width), d.view(rows, width), d.view(1, width).Buffer
			return func() { d.Norm(y, x, w, 1e-6) }
		}},
		{"NormOne", width, func(d *bench) func() {
			x, y, w := d.view(1, width), d.view(1, width), d.view(1, width).Buffer
			return func() { d.Norm(y, x, w, 1e-6) }
		}},
		{"RotateHalves", rows * 12 * 128, func(d *bench) func() {
			x, angles := d.view(rows, 12*128), d.view(rows, 128).Buffer
			return func() {
				d.Rotate(x, &device.Rotation{Heads: 12, HeadDim: 128, Dims: 128, Angles: angles, Positions: positions})
			}
		}},
		{"RotateNeighbours", rows * 12 * 128, func(d *bench) func() {
			x, angles := d.view(rows, 12*128), d.view(rows, 128).Buffer
			return func() {
				d.Rotate(x, &device.Rotation{Heads: 12, HeadDim: 128, Dims: 128, Angles: angles, Positions: positions, Neighbours: true})
			}
		}},
		{"Gate", rows * mlp, func(d *bench) func() {
			gate, up := d.view(rows, mlp), d.view(rows, mlp)
			dst := d.view(rows, mlp)
			return func() { d.Gate(dst, gate, up) }
		}},
		{"GateOne", mlp, func(d *bench) func() {
			dst, gate, up := d.view(1, mlp), d.view(1, mlp), d.view(1, mlp)
			return func() { d.Gate(dst, gate, up) }
		}},
		{"Add", rows * width, func(d *bench) func() {
			x, y := d.view(rows, width), d.view(rows, width)
			return func() { d.Add(y, x); d.Add(y, x) }
		}},
		{"Scatter", 8 * rows * width, func(d *bench) func() {
			x, y := d.view(8*rows, width), d.view(rows, width)
			to, weight := make([]int32, 8*rows), make([]float32, 8*rows)
			for i := range to {
				to[i] = int32(rand.IntN(rows))
			}
			return func() { d.Scatter(y, x, to, weight) }
		}},
		{"LogProbs", 16 * vocab, func(d *bench) func() {
			x := d.view(16, vocab)
			return func() { d.LogProbs(x, ids[:16]) }
		}},
		{"Lookup", rows * width, func(d *bench) func() {
			w, dst := d.weight(gguf.TypeQ8_0, width, 4096), d.view(rows, width)
			some := make([]int32, rows)
			for i := range some {
				some[i] = int32(i * 5)
			}
			return func() { d.Lookup(dst, w, some) }
		}},
		{"Route", rows * 256, func(d *bench) func() {
			x, bias := d.view(rows, 256), d.view(1, 256).Buffer
			r := &device.Routing{Used: 8, Sigmoid: true, Normalize: true, Scale: 2.5, Groups: 8, GroupsUsed: 4, GroupTop: 2}
			return func() { d.Route(x, bias, r) }
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			eachBench(b, func(b *testing.B, d *bench) { least(b, float64(c.values), "values/ns", c.make(d)) })
		})
	}
}
