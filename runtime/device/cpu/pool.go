package cpu

import (
	"slices"
	"sync"
)

// pool keeps freed buffers for new ones: memory from the system costs as much as the operation that writes it first. It
// never makes the device hold more than the buffers that were once in use together.
type pool struct {
	mu         sync.Mutex  // layers are loaded beside the work
	free       [][]float32 // the smallest first
	size, used int         // values in free, and in buffers given out
	most       int         // that were ever used
}

// small is how many values are not worth keeping.
const small = 1 << 12

// take gives n values, of any contents.
func (p *pool) take(n int) []float32 {
	if n < small {
		return make([]float32, n)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	i, _ := slices.BinarySearchFunc(p.free, n, func(v []float32, n int) int { return cap(v) - n })
	if i < len(p.free) && cap(p.free[i])/2 <= n {
		v := p.free[i]
		p.free = slices.Delete(p.free, i, i+1)
		p.size -= cap(v)
		p.used += cap(v)
		return v[:n]
	}
	p.used += n
	p.most = max(p.most, p.used)
	for p.used+p.size > p.most {
		last := len(p.free) - 1
		p.size -= cap(p.free[last])
		p.free = slices.Delete(p.free, last, last+1)
	}
	return make([]float32, n)
}

// give takes values back.
func (p *pool) give(v []float32) {
	if cap(v) < small {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used -= cap(v)
	p.size += cap(v)
	i, _ := slices.BinarySearchFunc(p.free, cap(v), func(v []float32, n int) int { return cap(v) - n })
	p.free = slices.Insert(p.free, i, v)
}
