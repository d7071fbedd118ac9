package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/qconv/qconv/quantize/internal/outfile"
)

// Output says where and how to write.
type Output struct {
	Dir      string        // existing directory that gets Plan.Parts
	Inputs   []os.FileInfo // files that the output must not be
	Force    bool          // replace an existing output
	NoResume bool          // forget what an interrupted run left
	NoLock   bool          // for file systems without locks
	Measure  bool          // Job.Errors is wanted, so what an interrupted run left is made again, except what Job.Have takes over
	Watcher  Watcher       // may be nil
}

// Watcher is told about progress. Methods are called from several goroutines.
type Watcher interface {
	Resuming(total int64) // an interrupted run left total output bytes, which are hashed before they are used
	Resumed(n int64)      // n more of them were hashed
	// Begin comes before the first unit: reused output bytes were found done; notices say what an earlier run left.
	Begin(p *Plan, reused int64, notices []string)
	Wrote(s *Step, n int64) // n output bytes of s are written
	Sealing(total int64)    // all units are written; total bytes will be read back
	Sealed(n int64)         // n more bytes were read back and compared
}

// outfiles names the parts. The digest covers the inputs' times too: a shard that was replaced by one
// with the same header must not be mixed with what an earlier run read.
func (p *Plan) outfiles(o *Output) ([]outfile.Part, outfile.Options) {
	parts := make([]outfile.Part, len(p.Parts))
	for i := range p.Parts {
		pt := &p.Parts[i]
		parts[i] = outfile.Part{Path: filepath.Join(o.Dir, pt.Name), Size: pt.Layout.Size}
		for _, u := range pt.units {
			parts[i].Units = append(parts[i].Units, outfile.Unit{Off: u.off, Len: u.len})
		}
	}
	h := sha256.New()
	fmt.Fprintln(h, p.Digest)
	for _, in := range o.Inputs {
		fmt.Fprintf(h, "%q %d %d\n", in.Name(), in.Size(), in.ModTime().UnixNano())
	}
	return parts, outfile.Options{Digest: hex.EncodeToString(h.Sum(nil)), Inputs: o.Inputs, Force: o.Force, NoLock: o.NoLock, NoResume: o.NoResume}
}

// CheckOutput refuses early, without touching the disk, what WriteFiles would refuse before its first
// byte: a target that exists or is an input, a missing directory, too little space.
func (p *Plan) CheckOutput(o Output) error {
	parts, opts := p.outfiles(&o)
	return outfile.Check(parts, opts)
}

// Free tells how many bytes can still be written to dir, or to the nearest directory above it that exists;
// known is false where the system does not say.
func Free(dir string) (bytes int64, known bool) { return outfile.Free(dir) }

// WriteFiles carries the plan out. On error or cancellation the partial files and their journal
// stay, and the next call with the same plan goes on from there.
func (p *Plan) WriteFiles(ctx context.Context, o Output) (*Report, error) {
	j, err := p.Start(ctx, o)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	if err := j.MakeAll(ctx); err != nil {
		return nil, err
	}
	return j.Commit(ctx)
}

// slot carries one unit through the stages.
type slot struct {
	i        int
	src, dst []byte
	f        fetched
}

// stream reads, computes and hands over all units, at most Memory.Slots of them at a time.
// write is called from several goroutines.
func (p *Plan) stream(ctx context.Context, todo []*unit, j *Job, write func(i int, data []byte) error) error {
	g, ctx := errgroup.WithContext(ctx)
	free := make(chan *slot, p.Memory.Slots)
	for range p.Memory.Slots {
		free <- &slot{}
	}
	read := make(chan *slot, p.Memory.Slots)
	made := make(chan *slot, p.Memory.Slots)
	queue := make(chan int)

	g.Go(caught(func() error {
		defer close(queue)
		for i := range todo {
			select {
			case queue <- i:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	}))
	// stage runs n copies of f; the last to return closes out, so that the next stage ends too.
	stage := func(n int, out chan *slot, f func() error) {
		left := int32(n)
		for range n {
			g.Go(caught(func() error {
				defer func() {
					if atomic.AddInt32(&left, -1) == 0 && out != nil {
						close(out)
					}
				}()
				return f()
			}))
		}
	}
	stage(readers, read, func() error {
		for i := range queue {
			var s *slot
			select {
			case s = <-free:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			u := todo[i]
			s.i = i
			s.src, s.dst = grow(s.src, u.srcBytes), grow(s.dst, u.len)
			var err error
			if s.f, err = p.fetch(u, s.src); err != nil {
				return err
			}
			read <- s // has room for every slot
		}
		return nil
	})
	stage(p.Memory.Workers, made, func() error {
		w := scratch{found: j.found, late: j.late, distance: j.measure}
		for s := range read {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := p.encode(todo[s.i], &s.f, s.dst, nil, &w); err != nil {
				return err
			}
			made <- s
		}
		return nil
	})
	stage(writers, nil, func() error {
		for s := range made {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := write(s.i, s.dst); err != nil {
				return err
			}
			free <- s
		}
		return nil
	})
	return g.Wait()
}

// Two of each keep the disk busy while one waits for it.
const readers, writers = 2, 2

// Panic is a bug that stopped a goroutine of WriteFiles. It comes back as an error so that the partial
// output is closed in order and can be resumed.
type Panic struct {
	Value any
	Stack []byte
}

func (p *Panic) Error() string { return fmt.Sprintf("internal error: %v", p.Value) }

// caught is f with its panic as an error.
func caught(f func() error) func() error {
	return func() (err error) {
		defer func() {
			if v := recover(); v != nil {
				err = &Panic{v, debug.Stack()}
			}
		}()
		return f()
	}
}
