package cpu

import (
	"sync"
	"sync/atomic"

	"github.com/qconv/qconv/runtime/device/cpu/internal/vector"
)

// smallWork is how many values read, added and written are worth the start of a thread: about 20 µs of work.
const smallWork = 1 << 16

// worker is what a thread keeps between operations.
type worker struct {
	attend attendWorker
	router router
	angles vector.Matrix
}

// alone is the device with one thread, for work that is not worth more.
func (d *Device) alone() *Device { return &Device{threads: 1, workers: d.workers[:1]} }

// run calls f for 0 … n-1 on the device's threads, in no order. worker tells the threads apart: 0 is the caller's.
func (d *Device) run(n int, f func(worker, i int)) {
	threads := min(d.threads, n)
	if threads <= 1 {
		for i := range n {
			f(0, i)
		}
		return
	}
	var next atomic.Int64
	work := func(worker int) {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			f(worker, i)
		}
	}
	var group sync.WaitGroup
	for worker := 1; worker < threads; worker++ {
		group.Go(func() { work(worker) })
	}
	work(0)
	group.Wait()
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
