// Package device defines what a forward pass asks of the machine that runs it: buffers of float32, weights that stay in
// their GGUF blocks, and a dozen operations on them. Package cpu is one; package devicetest is the suite that each must pass.
//
// The interface is made for machines that work on their own. Buffers belong to the device and are written and read
// explicitly; an operation may return before it is done, and works after the ones before it; operations cover whole
// batches, so that few calls carry much work; faults show in Wait. Views are described by numbers, so that no operation
// needs its operands to be contiguous.
//
// Shapes are the caller's duty, which package arch has checked against the file: a device may panic where they contradict
// each other.
package device

import "github.com/qconv/qconv/formats/gguf"

// Buffer is float32 values on a device.
type Buffer interface {
	Len() int // values
}

// View is Rows rows of Cols values: row r begins at value At + r·Stride of the buffer.
type View struct {
	Buffer     Buffer
	At         int
	Rows, Cols int
	Stride     int
}

// Dense is rows of a buffer that lie one after the other, from its beginning.
func Dense(b Buffer, rows, cols int) View {
	return View{Buffer: b, Rows: rows, Cols: cols, Stride: cols}
}

// Range is n rows of v, from row first on.
func (v View) Range(first, n int) View {
	v.At, v.Rows = v.At+first*v.Stride, n
	return v
}

// Columns is n columns of v, from column first on.
func (v View) Columns(first, n int) View {
	v.At, v.Cols = v.At+first, n
	return v
}

// Weight is one or more matrices of the same shape, in GGUF blocks.
type Weight interface {
	Type() gguf.Type
	Cols() int // inner dimension: values of an input vector
	Rows() int // of one matrix: values of an output vector
	Matrices() int
}

// Product is Dst[t] = matrix Matrix of W times X[t], for every row t.
type Product struct {
	Dst, X View // Dst has W.Rows() columns, X has W.Cols(), both as many rows
	W      Weight
	Matrix int
}

// Rotation says which values of each head a rotary embedding turns: pair j of head h are two of the Dims values from
// h·HeadDim + First on.
type Rotation struct {
	Heads, HeadDim int
	First, Dims    int
	Neighbours     bool   // pairs are 2j and 2j+1, else j and j + Dims/2
	Angles         Buffer // for every position Dims/2 pairs of cosine and sine, both already times the magnitude
	Positions      []int32
}

// Attention is softmax(Scale·q·k)·v under a causal mask. Heads of queries share those of keys and values in equal runs.
type Attention struct {
	Heads, HeadsKV   int
	KeyDim, ValueDim int
	Scale            float64
	Window           int // a query sees this many latest positions, its own included; 0: all
}

// Span is a run of queries of one sequence: row First+i of the queries, i < Count, is at position Past+i and sees the
// first Past+i+1 rows of K and V.
type Span struct {
	First, Count int
	Past         int
	K, V         View
}

// Routing chooses experts: p = softmax or sigmoid of the logits; those Used with the highest p (+ bias) are taken, among
// the GroupsUsed best of Groups equal runs of experts when Groups > 1, a group being as good as the sum of its GroupTop
// best; their weights are p without the bias, divided by their sum when Normalize, times Scale.
type Routing struct {
	Used               int
	Sigmoid            bool
	Normalize          bool
	Scale              float64
	Groups, GroupsUsed int
	GroupTop           int
}

// Choice is an expert that a token goes to.
type Choice struct {
	Expert int32
	Weight float32
}

// Device is a machine with its memory. Operations are called from one goroutine.
type Device interface {
	Name() string

	New(values int) (Buffer, error) // its contents are undefined
	Free(Buffer)
	Write(dst View, src []float32)      // len(src) = Rows·Cols
	Read(dst []float32, src View) error // waits for what src depends on
	// Load makes a weight of matrices·rows rows of cols values. read fills p with the blocks from byte off on; it is called
	// from several goroutines.
	Load(t gguf.Type, cols, rows, matrices int, read func(p []byte, off int64) error) (Weight, error)
	Release(Weight)

	Lookup(dst View, w Weight, ids []int32)                   // dst[t] = row ids[t] of w
	Multiply(products []Product)                              // in any order: none reads what another writes
	Norm(dst, x View, w Buffer, eps float64)                  // dst[t] = w·x[t]/sqrt(mean(x[t]²)+eps); dst may be x
	Rotate(x View, r *Rotation)                               // row t is at r.Positions[t]
	Attend(dst, q View, spans []Span, a *Attention)           //
	Gate(dst, gate, up View)                                  // dst = gate/(1+exp(-gate))·up; dst may be gate or up
	Add(dst, x View)                                          // dst += x; one row of x is added to every row
	Copy(dst, x View)                                         //
	Route(logits View, bias Buffer, r *Routing) []Choice      // r.Used for each row, best first; equal ones by number; bias may be nil
	Gather(dst, x View, rows []int32)                         // dst[i] = x[rows[i]]
	Scatter(dst, x View, rows []int32, weight []float32)      // dst[rows[i]] += weight[i]·x[i], in order of i
	LogProbs(logits View, targets []int32) ([]float64, error) // ln softmax(logits[t])[targets[t]], in float64
	Wait() error                                              // for everything; gives the first fault
}
