package cpu

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/qconv/qconv/runtime/device/cpu/internal/vector"
)

// smallWork is how many values read, added and written are worth a second thread: some 10 µs of work.
const smallWork = 1 << 15

// worker is what a thread keeps between operations.
type worker struct {
	attend attendWorker
	router router
	angles vector.Matrix
}

// alone is the device with one thread, for work that is not worth more.
func (d *Device) alone() *Device { return &Device{threads: 1, workers: d.workers[:1]} }

// job is a function to call for 0 … n-1.
type job struct {
	f    func(worker, i int)
	n    int64
	next atomic.Int64
	busy atomic.Int32 // helpers that may still call f
	done sync.WaitGroup
}

func (j *job) work(worker int) {
	for i := j.next.Add(1) - 1; i < j.n; i = j.next.Add(1) - 1 {
		j.f(worker, int(i))
	}
}

func (j *job) leave() {
	j.busy.Add(-1)
	j.done.Done()
}

// helper is a thread beside the caller's. After a job it looks out for the next one for a while, because a goroutine that
// has to be woken comes as late as a small operation takes; then it ends.
type helper struct {
	next  atomic.Pointer[job]
	mu    sync.Mutex
	alive bool
}

// patience is how often a thread looks before it gives up: for some 100 µs.
const patience = 1000

// give hands a job to a helper that has none waiting.
func (h *helper) give(j *job, worker int) bool {
	if !h.next.CompareAndSwap(nil, j) {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.alive {
		h.alive = true
		go h.run(worker)
	}
	return true
}

func (h *helper) run(worker int) {
	for h.wait() {
		if j := h.next.Swap(nil); j != nil {
			j.work(worker)
			j.leave()
		}
	}
}

// wait tells that there is a job, or that the helper is to end.
func (h *helper) wait() bool {
	for range patience {
		if h.next.Load() != nil {
			return true
		}
		runtime.Gosched()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.alive = h.next.Load() != nil
	return h.alive
}

// run calls f for 0 … n-1 on the device's threads, in no order. worker tells the threads apart: 0 is the caller's.
func (d *Device) run(n int, f func(worker, i int)) {
	threads := min(d.threads, n)
	if threads <= 1 {
		for i := range n {
			f(0, i)
		}
		return
	}
	j := &job{f: f, n: int64(n)}
	helpers := d.helpers[:threads-1]
	for i := range helpers {
		j.busy.Add(1)
		j.done.Add(1)
		if !helpers[i].give(j, i+1) {
			j.leave()
		}
	}
	j.work(0)
	for i := range helpers {
		if helpers[i].next.CompareAndSwap(j, nil) { // it has not come yet, and need not
			j.leave()
		}
	}
	for i := 0; i < patience && j.busy.Load() > 0; i++ {
		runtime.Gosched()
	}
	j.done.Wait()
}

// spread calls f for ranges of 0 … n-1 of which each costs as much as cost values: all at once when that is little work,
// else a few for each thread.
func (d *Device) spread(n, cost int, f func(worker, first, end int)) {
	parts := min(n, n*max(cost, 1)/smallWork, 4*d.threads)
	if parts <= 1 || d.threads == 1 {
		if n > 0 {
			f(0, 0, n)
		}
		return
	}
	d.run(parts, func(worker, i int) { f(worker, i*n/parts, (i+1)*n/parts) })
}

// rows is spread, row by row.
func (d *Device) rows(n, cost int, f func(worker, t int)) {
	d.spread(n, cost, func(worker, first, end int) {
		for t := first; t < end; t++ {
			f(worker, t)
		}
	})
}
