package verify

import (
	"runtime"

	"golang.org/x/sync/errgroup"
)

// LogitComparison compares rows of logits on several threads.
type LogitComparison struct {
	Comparison
	Threads int // 0: all cores
	pairs   []Pair
}

// Add compares the logits of scored positions, row after row, and adds them in order; next are the tokens that follow.
func (c *LogitComparison) Add(source, file []float32, next []int32) error {
	if len(next) == 0 {
		return nil
	}
	threads := c.Threads
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	vocab := len(source) / len(next)
	if cap(c.pairs) < len(next) {
		c.pairs = make([]Pair, len(next))
	}
	pairs := c.pairs[:len(next)]
	var g errgroup.Group
	g.SetLimit(threads)
	each := (len(next) + threads - 1) / threads
	for first := 0; first < len(next); first += each {
		g.Go(func() (err error) {
			for i := first; i < min(first+each, len(next)) && err == nil; i++ {
				pairs[i], err = Compare(source[i*vocab:(i+1)*vocab], file[i*vocab:(i+1)*vocab], next[i])
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, p := range pairs {
		c.Comparison.Add(p)
	}
	return nil
}
