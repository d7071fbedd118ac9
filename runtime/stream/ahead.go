package stream

import "context"

// reader brings things in, one ahead of the one that is used.
type reader[T any] struct {
	ready   chan loaded[T]
	quit    chan struct{}
	release func(T)
}

type loaded[T any] struct {
	value T
	err   error
}

// ahead loads 0 … n-1 in order on a goroutine of its own, which stop ends.
func ahead[T any](n int, load func(int) (T, error), release func(T)) *reader[T] {
	r := &reader[T]{make(chan loaded[T]), make(chan struct{}), release}
	go func() {
		defer close(r.ready)
		for i := range n {
			select {
			case <-r.quit:
				return
			default:
			}
			v, err := load(i)
			select {
			case r.ready <- loaded[T]{v, err}:
			case <-r.quit:
				if err == nil {
					release(v)
				}
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return r
}

// get gives the next one.
func (r *reader[T]) get(ctx context.Context) (v T, err error) {
	select {
	case l := <-r.ready:
		return l.value, l.err
	case <-ctx.Done():
		return v, ctx.Err()
	}
}

// stop ends the goroutine and waits for it.
func (r *reader[T]) stop() {
	close(r.quit)
	for l := range r.ready {
		if l.err == nil {
			r.release(l.value)
		}
	}
}
