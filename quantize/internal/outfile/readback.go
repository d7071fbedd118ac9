package outfile

import (
	"context"
	"crypto/sha256"
	"hash"
	"sync"

	"github.com/qconv/qconv/formats/fault"
)

// readBack compares every part with what was meant to be written and returns the hash that each whole
// file will have, its header included. Parts are read side by side, each once.
func (s *Set) readBack(ctx context.Context, headers [][]byte, onRead func(int64)) ([][sha256.Size]byte, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	report := func(n int64) {
		if onRead != nil {
			mu.Lock()
			defer mu.Unlock()
			onRead(n)
		}
	}
	sums := make([][sha256.Size]byte, len(s.parts))
	errs := make([]error, len(s.parts))
	todo := make(chan int)
	var wg sync.WaitGroup
	for range readers(min(len(s.parts), maxReaders/2)) {
		wg.Go(func() {
			bufs := [2][]byte{}
			for k := range todo {
				if sums[k], errs[k] = s.readPart(ctx, k, headers[k], &bufs, report); errs[k] != nil {
					cancel(errs[k])
				}
			}
		})
	}
	for k := range s.parts {
		todo <- k
	}
	close(todo)
	wg.Wait()
	return sums, context.Cause(ctx)
}

// readPart reads one part in chunks. While one chunk is hashed, once for the whole file and once for
// its units, the next is read.
func (s *Set) readPart(ctx context.Context, k int, header []byte, bufs *[2][]byte, report func(int64)) (sum [sha256.Size]byte, err error) {
	p := &s.parts[k]
	f := p.file
	if p.final != nil {
		f = p.final
	}
	whole := sha256.New()
	hashHeader(whole, header, p.area())
	w := walk{p: p, pos: p.area(), h: sha256.New()}
	for i := range bufs {
		if want := min(chunkLen, p.Size-p.area()); int64(len(bufs[i])) < want {
			bufs[i] = make([]byte, want)
		}
	}
	var next int
	off := w.pos
	fetch := func(b []byte) error {
		next = int(min(int64(len(b)), p.Size-off))
		if err := readFull(f, b[:next], off); err != nil {
			return ioFaultAt(p.name(), err, "read back", off)
		}
		off += int64(next)
		return nil
	}
	if err := fetch(bufs[0]); err != nil {
		return sum, err
	}
	for turn := 0; next > 0; turn ^= 1 {
		if err := context.Cause(ctx); err != nil {
			return sum, err
		}
		b := bufs[turn][:next]
		var wg sync.WaitGroup
		var failed error
		wg.Go(func() { failed = fetch(bufs[turn^1]) })
		wg.Go(func() { whole.Write(b) })
		err := w.feed(b)
		wg.Wait()
		if err != nil {
			return sum, err
		}
		if failed != nil {
			return sum, failed
		}
		report(int64(len(b)))
	}
	if err := w.feed(nil); err != nil {
		return sum, err
	}
	whole.Sum(sum[:0])
	return sum, nil
}

// hashHeader hashes a header area: the header, then zeros.
func hashHeader(h hash.Hash, header []byte, area int64) {
	h.Write(header)
	for left := area - int64(len(header)); left > 0; {
		n := min(left, int64(len(zeros)))
		h.Write(zeros[:n])
		left -= n
	}
}

// walk compares a part's bytes, which come in order, with its units and gaps.
type walk struct {
	p   *part
	pos int64
	u   int // the unit that pos is in or before
	h   hash.Hash
}

// feed takes the bytes that follow. It must be called once with none after the last byte, for units
// that end there.
func (w *walk) feed(b []byte) error {
	for {
		for w.u < len(w.p.Units) && w.pos == w.p.Units[w.u].Off+w.p.Units[w.u].Len {
			if err := w.finish(); err != nil {
				return err
			}
		}
		if len(b) == 0 {
			return nil
		}
		end, inUnit := w.p.Size, false
		if w.u < len(w.p.Units) {
			unit := w.p.Units[w.u]
			if end = unit.Off; w.pos >= unit.Off {
				end, inUnit = unit.Off+unit.Len, true
			}
		}
		n := min(int64(len(b)), end-w.pos)
		if inUnit {
			w.h.Write(b[:n])
		} else if i := nonZero(b[:n]); i >= 0 {
			return fault.New(fault.IO, w.p.name(), "read back: the byte between two tensors is %d, it was left 0: check memory and disk, then run again",
				b[i]).At(w.pos + int64(i))
		}
		w.pos += n
		b = b[n:]
	}
}

// finish compares the unit that ends at pos.
func (w *walk) finish() error {
	var sum [sha256.Size]byte
	w.h.Sum(sum[:0])
	w.h.Reset()
	unit := w.p.Units[w.u]
	if sum != w.p.units[w.u].sum {
		return fault.New(fault.IO, w.p.name(), "read back: the %d bytes on the disk are not those that were written: check memory and disk, then run again",
			unit.Len).At(unit.Off)
	}
	w.u++
	return nil
}
