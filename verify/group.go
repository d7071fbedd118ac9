package verify

import (
	"runtime"
	"runtime/debug"
	"sync"

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
