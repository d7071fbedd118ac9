package verify

import (
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/qconv/qconv/quantize/pipeline"
)

// group runs functions side by side. A panic in one is an error of wait, so that the command can end in order.
type group struct {
	wg  sync.WaitGroup
	mu  sync.Mutex
	err error // the first
}

func (g *group) run(f func() error) {
	g.wg.Go(func() {
		defer func() {
			if v := recover(); v != nil {
				g.fail(&pipeline.Panic{Value: v, Stack: debug.Stack()})
			}
		}()
		if err := f(); err != nil {
			g.fail(err)
		}
	})
}

// each calls f for 0 … n-1 on so many workers, which each have memory of their own, until one fails.
func each(workers, n int, f func(i int, w *work) error) error {
	var next atomic.Int64
	var g group
	for range workers {
		g.run(func() error {
			var w work
			for {
				i := int(next.Add(1)) - 1
				if i >= n || g.failed() {
					return nil
				}
				if err := f(i, &w); err != nil {
					return err
				}
			}
		})
	}
	return g.wait()
}

func (g *group) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil {
		g.err = err
	}
}

// failed tells whether one of them failed already.
func (g *group) failed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err != nil
}

func (g *group) wait() error {
	g.wg.Wait()
	return g.err
}

// threads is how many goroutines compute.
func (s *Subject) threads() int {
	if s.Threads > 0 {
		return s.Threads
	}
	return runtime.GOMAXPROCS(0)
}

func grow[T any](b []T, n int64) []T {
	if int64(cap(b)) < n {
		return make([]T, n)
	}
	return b[:n]
}
