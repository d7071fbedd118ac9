package pipeline

import (
	"runtime"

	"github.com/qconv/qconv/formats/arch"
	"github.com/qconv/qconv/formats/fault"
)

// unitSource is how many source bytes one unit aims to read. Large enough that a read costs the
// same as streaming, small enough that a dozen units fit a small budget.
const unitSource = 8 << 20

// Memory is how a plan keeps to its budget. A slot holds one unit on its way from disk to disk; all
// slots have the size of the largest unit, are made once and used again.
type Memory struct {
	Budget  int64 // --ram
	Base    int64 // the program, the plan, the header and the importance
	Slot    int64 // source and output bytes of the largest unit
	Slots   int
	Workers int   // threads that decode and encode
	Scratch int64 // float32 rows, per worker
	Peak    int64 // Base + Slots*Slot + Workers*Scratch
}

// programBytes is what the program needs without any buffer: code, runtime, stacks.
const programBytes = 40 << 20

// spare is how many units may wait between the stages beside those being computed, so that reading,
// computing and writing overlap.
const spare = 4

// budget divides the memory. It fails when not even one slot and one worker fit.
func (p *Plan) budget(o Options) error {
	m := &p.Memory
	m.Budget = o.RAM
	if m.Budget == 0 {
		m.Budget = DefaultRAM
	}
	m.Workers = o.Threads
	if m.Workers <= 0 {
		m.Workers = runtime.GOMAXPROCS(0)
	}
	var srcMax, dstMax int64
	for i := range p.Parts {
		m.Base += int64(len(p.Parts[i].Layout.Header))
		for _, u := range p.Parts[i].units {
			srcMax, dstMax = max(srcMax, u.srcBytes), max(dstMax, u.len)
			m.Scratch = max(m.Scratch, p.scratchBytes(&u))
		}
	}
	m.Base = programBytes + 3*m.Base + int64(len(p.Steps))*stepBytes
	if o.Importance != nil {
		m.Base += o.Importance.Bytes()
	}
	m.Slot = srcMax + dstMax
	free := m.Budget - m.Base
	if least := m.Slot + m.Scratch; free < least {
		return fault.New(fault.Budget, "", "--ram %d MiB is too small: this conversion needs at least %d MiB", m.Budget>>20, (m.Base+least)>>20+1)
	}
	if o.Buffers > 0 {
		free = min(free, max(o.Buffers, m.Slot+m.Scratch))
	}
	for m.Workers > 1 && int64(m.Workers)*(m.Slot+m.Scratch) > free {
		m.Workers--
	}
	m.Slots = m.Workers + spare
	for m.Slots > 1 && int64(m.Slots)*m.Slot+int64(m.Workers)*m.Scratch > free {
		m.Slots--
	}
	m.Peak = m.Base + int64(m.Slots)*m.Slot + int64(m.Workers)*m.Scratch
	return nil
}

// stepBytes is what one tensor costs in the plan and the journal.
const stepBytes = 2 << 10

func (p *Plan) scratchBytes(u *unit) int64 {
	s := &p.Steps[u.step]
	n := s.cols * min(s.batchRows(), u.nRows)
	if s.op == arch.PermuteQK && s.rows == 1 {
		n += s.cols // the row before its elements are moved
	}
	if s.transposed() {
		n += s.target.Take * p.origin.tensor(s.source(u.slab)).cols
	}
	return 4 * n
}

// scratch is one worker's float32 memory.
type scratch struct {
	found             damage   // of the run
	late              *late    // weights that come while a job runs; nil: the steps have them
	distance          *measure // measures blocks; nil: nobody wants to know
	row, whole, scale []float32
	raw               []byte
	scaleOf           int
	scaleRow          int64
	before, after     []float32 // rows as they were, and what their blocks give
}

func grow[T any](b []T, n int64) []T {
	if int64(cap(b)) < n {
		return make([]T, n)
	}
	return b[:n]
}

func (w *scratch) floats(n int64) []float32 { w.row = grow(w.row, n); return w.row }
func (w *scratch) slab(n int64) []float32   { w.whole = grow(w.whole, n); return w.whole }
