package outfile

import (
	"context"
	"crypto/sha256"
	"runtime"
	"sync"
	"sync/atomic"
)

// readers is how many goroutines read at the same time, for n things to read.
func readers(n int) int { return max(1, min(runtime.GOMAXPROCS(0), maxReaders, n)) }

// rehash reads every unit that the record names, and keeps the mark of those whose bytes have the
// recorded hash. A unit that cannot be read is written again. Only the end of the context is an error.
func (s *Set) rehash(courses []course) error {
	type unit struct{ part, unit int }
	var todo []unit
	longest, total := int64(1), int64(0)
	for k := range s.parts {
		if courses[k] == anew {
			continue
		}
		for u := range s.parts[k].units {
			if s.parts[k].units[u].state == recorded {
				todo = append(todo, unit{k, u})
				longest = max(longest, s.parts[k].Units[u].Len)
				total += s.parts[k].Units[u].Len
			}
		}
	}
	if len(todo) == 0 {
		return nil
	}
	if s.opts.OnResume != nil {
		s.opts.OnResume(total)
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	var mu sync.Mutex
	report := func(n int64) {
		if s.opts.OnRehash != nil {
			mu.Lock()
			defer mu.Unlock()
			s.opts.OnRehash(n)
		}
	}
	for range readers(len(todo)) {
		wg.Go(func() {
			buf := make([]byte, min(longest, chunkLen))
			for {
				i := int(next.Add(1)) - 1
				if i >= len(todo) || s.opts.Context.Err() != nil {
					return
				}
				p := &s.parts[todo[i].part]
				m, at := &p.units[todo[i].unit], p.Units[todo[i].unit]
				f := p.file
				if p.final != nil {
					f = p.final
				}
				if sum, err := hashUnit(s.opts.Context, f, at, buf, report); err == nil && sum == m.sum {
					m.state = reused
				} else {
					*m = mark{}
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(s.opts.Context)
}

// hashUnit hashes the bytes of one unit.
func hashUnit(ctx context.Context, f file, u Unit, buf []byte, report func(int64)) (sum [sha256.Size]byte, err error) {
	h := sha256.New()
	for off, end := u.Off, u.Off+u.Len; off < end; {
		if err := ctx.Err(); err != nil {
			return sum, err
		}
		b := buf[:min(int64(len(buf)), end-off)]
		if err := readFull(f, b, off); err != nil {
			return sum, err
		}
		h.Write(b)
		off += int64(len(b))
		report(int64(len(b)))
	}
	h.Sum(sum[:0])
	return sum, nil
}

// hashRange hashes [off, end).
func hashRange(f file, off, end int64) ([sha256.Size]byte, error) {
	buf := make([]byte, min(chunkLen, max(end-off, 1)))
	return hashUnit(context.Background(), f, Unit{off, end - off}, buf, func(int64) {})
}

// gaps calls visit for each range after the header area that belongs to no unit.
func (p *Part) gaps(visit func(off, end int64) error) error {
	at := p.area()
	for _, u := range p.Units {
		if u.Off > at {
			if err := visit(at, u.Off); err != nil {
				return err
			}
		}
		at = u.Off + u.Len
	}
	if at < p.Size {
		return visit(at, p.Size)
	}
	return nil
}

// firstStain is the place of the first byte in the gaps that is not zero, or -1.
func (p *Part) firstStain(f file) (int64, error) {
	bad := int64(-1)
	var buf []byte
	err := p.gaps(func(off, end int64) error {
		for off < end && bad < 0 {
			n := min(end-off, int64(len(zeros)))
			if int64(len(buf)) < n {
				buf = make([]byte, n)
			}
			if err := readFull(f, buf[:n], off); err != nil {
				return err
			}
			if i := nonZero(buf[:n]); i >= 0 {
				bad = off + int64(i)
			}
			off += n
		}
		return nil
	})
	return bad, err
}

// scrub makes the gaps of a partial zero again where they are not.
func (p *part) scrub() error {
	if bad, err := p.firstStain(p.file); err == nil && bad < 0 {
		return nil
	}
	return p.gaps(func(off, end int64) error { return writeZeros(p.file, off, end) })
}

// nonZero is the index of the first byte that is not zero, or -1.
func nonZero(b []byte) int {
	for i, c := range b {
		if c != 0 {
			return i
		}
	}
	return -1
}
