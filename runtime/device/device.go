// Package device defines what a forward pass asks of the machine that runs it: buffers of float32, weights that stay in
// their GGUF blocks, and a dozen operations on them. Package cpu is one; package devicetest is the suite that each must pass.
//
// The interface is made for machines that work on their own. Buffers belong to the device and are written and read
// explicitly; an operation may return before it is done, and works after the ones before it; operations cover whole
// batches, so that few calls carry much work; faults show in what gives an error, and at the latest in Wait. Views are
// described by numbers, so that no operation needs its operands to be contiguous.
//
// Rules for all operations:
//
//   - Shapes are the caller's duty, which package arch has checked against the file: a device may panic where they
//     contradict each other. There are no views without columns. No rows, no products and no spans are allowed and do
//     nothing.
//   - Slices and structures belong to the caller again when the operation returns. A buffer or weight may be freed while
//     operations that use it are on their way: the device keeps it until they are done.
//   - Rows of a view do not overlap each other (Stride ≥ Cols when there are several). What an operation writes overlaps
//     nothing else it reads or writes, except where its comment says that two views may be the same, that is equal. Views
//     of one buffer that do not overlap are fine. Nothing outside the views is written.
//   - Values are float32, formulas are meant exactly: how near to them a device must come is in package devicetest.
//     Intermediate sums must not overflow or lose denormals where magnitudes of operands are between 1e-15 and 1e15.
//   - NaN and infinities are values like others, and spread only as the formulas say: a row of a batch never changes
//     another row's results.
package device

import "github.com/qconv/qconv/formats/gguf"

// Buffer is float32 values on a device. Two are equal (==) when they are the same.
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

// Product is Dst[t] = matrix Matrix of W times X[t], for every row t. A device may round X to the 16 bits per block of 32
// that package cpu does when W is in blocks. A row of X with a NaN or an infinity gives a row of Dst in which every value
// is NaN or infinite.
type Product struct {
	Dst, X View // Dst has W.Rows() columns, X has W.Cols(), both as many rows
	W      Weight
	Matrix int
}

// Rotation says which values of each head a rotary embedding turns: pair j < Dims/2 of head h is (a, b), two of the Dims
// values from column h·HeadDim + First on, and becomes (a·cos - b·sin, a·sin + b·cos). Other values stay.
type Rotation struct {
	Heads, HeadDim int
	First, Dims    int
	Neighbours     bool    // pairs are values 2j and 2j+1, else j and j + Dims/2
	Angles         Buffer  // position p has Dims values from p·Dims on: cosine and sine of pair 0, of pair 1, …, already times the magnitude
	Positions      []int32 // of every row
}

// Attention is softmax(Scale·q·k)·v under a causal mask. Head h of queries has columns h·KeyDim … of q and h·ValueDim … of
// dst; it looks at head h / (Heads/HeadsKV) of keys and values, whose columns are found in the same way.
type Attention struct {
	Heads, HeadsKV   int
	KeyDim, ValueDim int
	Scale            float64
	Window           int // a query sees this many latest positions, its own included; 0: all
}

// Span is a run of queries of one sequence: row First+i of the queries and of the results, i < Count, is at position Past+i
// and sees rows 0 … Past+i of K and V, or the last Window of them. Spans of one call have different rows; their K and V may
// overlap. V may be columns of K.
type Span struct {
	First, Count int
	Past         int
	K, V         View // at least Past+Count rows
}

// Routing chooses experts, of which there are as many as logits have columns. p is the softmax of the logits, or of each
// the sigmoid; an expert ranks by p, plus its bias if there is one. Taken are the Used that rank highest, in that order.
// With Groups > 1 only the experts of GroupsUsed groups can be taken: groups are equal runs of experts, and rank by the sum
// of their GroupTop highest ranks. Of equal experts or groups the one with the lower number is first; NaN is lower than all
// numbers. Ranks that differ by less than 1e-6 count as equal if the device likes, except where logits and bias are equal.
//
// Weights are p, without the bias; when Normalize, divided by the sum of those taken, or by 2^-14 if that is more; times
// Scale. Whatever the logits, each row gets Used different experts, if need be with weight NaN.
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

// Device is a machine with its memory. Operations are called from one goroutine; New, Free, Write, Load and Release may be
// called from another one at the same time, which brings weights in.
type Device interface {
	Name() string
	Close() // frees everything that the device has; nothing of it may be used after

	New(values int) (Buffer, error)     // its contents are undefined, NaN even; 0 is allowed
	Free(Buffer)                        // nil is allowed
	Write(dst View, src []float32)      // len(src) = Rows·Cols, row after row
	Read(dst []float32, src View) error // len(dst) = Rows·Cols; waits for what src depends on

	// Load makes a weight of matrices·rows rows of cols values, whole blocks each. read fills p with the blocks from byte
	// off on; it is called from several goroutines, and not after Load has returned. Load gives the errors of read; a type
	// that the device does not know is fault.Unsupported, blocks that the type's codec refuses are fault.Malformed.
	Load(t gguf.Type, cols, rows, matrices int, read func(p []byte, off int64) error) (Weight, error)
	Release(Weight) // nil is allowed

	Lookup(dst View, w Weight, ids []int32)                       // dst[t] = row ids[t] of w's first matrix, which may repeat
	Multiply(products []Product)                                  // in any order: none reads what another writes
	Norm(dst, x View, w Buffer, eps float64)                      // dst[t] = w·x[t]/sqrt(mean(x[t]²)+eps); dst may be x
	Rotate(x View, r *Rotation)                                   // in place
	Attend(dst, q View, spans []Span, a *Attention)               // rows that are in no span stay
	Gate(dst, gate, up View)                                      // dst = gate/(1+exp(-gate))·up; dst may be gate or up; a gate of -Inf may give NaN, values below 1e-32 may be 0
	Add(dst, x View)                                              // dst += x; if x has one row, it is added to every row
	Copy(dst, x View)                                             // bit by bit
	Route(logits View, bias Buffer, r *Routing) ([]Choice, error) // r.Used for each row; bias may be nil
	Gather(dst, x View, rows []int32)                             // dst[i] = x[rows[i]], bit by bit
	Scatter(dst, x View, rows []int32, weight []float32)          // dst[rows[i]] += weight[i]·x[i], in order of i; rows may repeat
	LogProbs(logits View, targets []int32) ([]float64, error)     // ln softmax(logits[t])[targets[t]]; -Inf for a target whose logit is
	Squares(sums []float64, x View) error                         // sums[c] += x[t][c]² in float64, row after row; len(sums) = Cols; waits like Read
	Wait() error                                                  // for everything; gives the first fault
}
