// Package cpu runs the operations of package device on the processor, on several threads. Results do not depend on how
// many: every value is computed by one thread, in one order.
package cpu

import (
	"runtime"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize"
	"github.com/qconv/qconv/runtime/device"
	"github.com/qconv/qconv/runtime/device/cpu/internal/matrix"
)

// Device is the processor.
type Device struct {
	threads int
	mode    matrix.Mode
	exact   bool
	workers []worker // one a thread
	helpers []helper // one a thread but the caller's
	pool    pool
}

var _ device.Device = (*Device)(nil)

// New gives a device that works on up to threads threads; 0 takes all that the process may use. A fast one rounds what is
// multiplied with weights in blocks to eight bits, to the very integers of llama.cpp, where the default keeps about sixteen.
func New(threads int, fast bool) *Device {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	d := &Device{threads: threads, workers: make([]worker, threads), helpers: make([]helper, threads-1)}
	if fast {
		d.mode = matrix.Fast
	}
	return d
}

// NewExact gives a device that rounds nothing but in float32, whatever the type of a weight: what it computes is 1e-6 from
// the truth, not 1e-5, at the speed of float weights.
func NewExact(threads int) *Device {
	d := New(threads, false)
	d.exact = true
	return d
}

func (d *Device) Name() string { return "CPU" }

// Close leaves the rest to the collector.
func (d *Device) Close() { d.pool.free, d.workers = nil, nil }

// Wait has nothing to wait for: operations are done when they return.
func (d *Device) Wait() error { return nil }

type buffer struct{ values []float32 }

func (b *buffer) Len() int { return len(b.values) }

func floats(b device.Buffer) []float32 { return b.(*buffer).values }

// New never fails: a size that cannot be is the caller's to refuse before.
func (d *Device) New(values int) (device.Buffer, error) {
	return &buffer{d.pool.take(values)}, nil
}

// Free leaves a buffer without values, so that who uses it after is found out.
func (d *Device) Free(b device.Buffer) {
	if b == nil {
		return
	}
	d.pool.give(floats(b))
	b.(*buffer).values = nil
}

func (d *Device) Write(dst device.View, src []float32) {
	for t := range dst.Rows {
		copy(row(dst, t), src[t*dst.Cols:])
	}
}

func (d *Device) Read(dst []float32, src device.View) error {
	for t := range src.Rows {
		copy(dst[t*src.Cols:], row(src, t))
	}
	return nil
}

// row is row t of a view.
func row(v device.View, t int) []float32 {
	at := v.At + t*v.Stride
	return floats(v.Buffer)[at : at+v.Cols : at+v.Cols]
}

// weight keeps blocks in memory, row after row, matrix after matrix.
type weight struct {
	codec      *quantize.Codec
	cols, rows int
	blocks     []byte
	matrices   []*matrix.Weight
}

func (w *weight) Type() gguf.Type { return w.codec.Type }
func (w *weight) Cols() int       { return w.cols }
func (w *weight) Rows() int       { return w.rows }
func (w *weight) Matrices() int   { return len(w.matrices) }

// chunk is about how many bytes are read at a time.
const chunk = 4 << 20

// Load reads a weight and checks its blocks: scales that are not finite and codes that no encoder writes are Malformed.
func (d *Device) Load(t gguf.Type, cols, rows, matrices int, read func(p []byte, off int64) error) (device.Weight, error) {
	codec, ok := quantize.For(t)
	if !ok {
		return nil, fault.New(fault.Unsupported, "", "matrices of type %s cannot be multiplied", t)
	}
	elems, bytes, _ := t.Block()
	rowBytes := cols / int(elems) * int(bytes)
	w := &weight{codec: codec, cols: cols, rows: rows, blocks: make([]byte, matrices*rows*rowBytes)}
	inHugePages(w.blocks)
	each := max(1, chunk/max(rowBytes, 1)) * rowBytes
	faults := make([]error, (len(w.blocks)+each-1)/max(each, 1))
	d.run(len(faults), func(_, i int) {
		p := w.blocks[i*each : min((i+1)*each, len(w.blocks))]
		if faults[i] = read(p, int64(i*each)); faults[i] == nil {
			faults[i] = checkRows(codec, p, rowBytes, i*each/max(rowBytes, 1))
		}
	})
	for _, err := range faults {
		if err != nil {
			return nil, err
		}
	}
	for i := range matrices {
		m, err := matrix.NewWeight(t, rows, cols, w.blocks[i*rows*rowBytes:(i+1)*rows*rowBytes])
		if err != nil {
			return nil, err
		}
		if d.exact {
			m.Exact()
		}
		m.Weave(func(n int, f func(i int)) { d.run(n, func(_, i int) { f(i) }) })
		w.matrices = append(w.matrices, m)
	}
	return w, nil
}

// checkRows checks the blocks of whole rows, of which the first has a number.
func checkRows(codec *quantize.Codec, p []byte, rowBytes, first int) error {
	err := codec.Check(p)
	if err == nil {
		return nil
	}
	row := first
	for at := 0; at < len(p); at += rowBytes {
		if e := codec.Check(p[at : at+rowBytes]); e != nil {
			row, err = first+at/rowBytes, e
			break
		}
	}
	return fault.New(fault.Malformed, "", "row %d is damaged: %w", row, err)
}

func (d *Device) Release(device.Weight) {}
