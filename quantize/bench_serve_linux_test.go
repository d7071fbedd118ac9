package quantize

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/internal/kernel"
)

var serveBench = flag.String("bench.serve", "", "folder with the rows of testdata/bench.py: answer its questions on the standard input")

// TestServeBench measures one thing at a time for testdata/bench.py, which asks the reference in between. A question is
//
//	VERB TYPE TIER ROWS COLS MILLISECONDS
//
// and the answer is the nanoseconds of the fastest of as many calls as the time allows, at least one, on the clock of the
// thread. What has no
// answer gives a dash.
func TestServeBench(t *testing.T) {
	if *serveBench == "" {
		t.Skip("testdata/bench.py runs this")
	}
	read := func(name string) []float32 {
		b, err := os.ReadFile(*serveBench + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		x := make([]float32, len(b)/4)
		decodeF32(x, b)
		return x
	}
	s := benchServer{x: read("rows.f32"), weight: read("weight.f32"), blocks: map[*Codec][]byte{}}
	s.out = make([]byte, 4*len(s.x))
	s.values = make([]float32, len(s.x))
	runtime.LockOSThread()
	fmt.Print("tiers")
	for _, tier := range kernel.Available() {
		fmt.Print(" ", tier)
	}
	fmt.Println()
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var verb, typ, tier string
		var rows, cols, ms int
		if _, err := fmt.Sscan(in.Text(), &verb, &typ, &tier, &rows, &cols, &ms); err != nil {
			t.Fatalf("%q: %v", in.Text(), err)
		}
		f := s.work(verb, typ, rows, cols)
		if f == nil {
			fmt.Println("-")
			continue
		}
		use, _ := kernel.ParseTier(tier)
		before := kernel.Use(use)
		fmt.Println(fastest(f, time.Duration(ms)*time.Millisecond).Nanoseconds())
		kernel.Use(before)
	}
}

type benchServer struct {
	x, weight []float32
	out       []byte
	values    []float32
	blocks    map[*Codec][]byte // encoded rows
}

// work gives the function to measure, nil when there is none.
func (s *benchServer) work(verb, typ string, rows, cols int) func() {
	x := s.x[:rows*cols]
	t, ok := gguf.ParseType(typ)
	c, found := For(t)
	if !ok || !found {
		return nil
	}
	dst, weight := s.out[:blockBytes(c, len(x))], s.weight[:cols]
	switch {
	case verb == "encode" && !c.NeedWeight:
		return func() { c.Encode(dst, x, nil) }
	case verb == "weighted":
		return func() { c.Encode(dst, x, weight) }
	case verb == "decode":
		if s.blocks[c] == nil {
			s.blocks[c] = make([]byte, len(dst))
			c.Encode(s.blocks[c], x, weight)
		}
		return func() { c.Decode(s.values[:len(x)], s.blocks[c]) }
	}
	return nil
}

// batch is what a measurement takes at least: short calls are repeated, so that reading the clock does not count.
const batch = 200 * time.Microsecond

// fastest repeats f until the time is over and gives what the fastest call took of the processor's time.
func fastest(f func(), limit time.Duration) time.Duration {
	start := threadTime()
	f()
	best := threadTime() - start
	n := max(1, int(batch/max(best, 1)))
	for end := time.Now().Add(limit); time.Now().Before(end); {
		start := threadTime()
		for range n {
			f()
		}
		best = min(best, (threadTime()-start)/time.Duration(n))
	}
	return best
}

// threadTime is how long the thread has run, which does not count the time that others took.
func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err)
	}
	return time.Duration(t.Nano())
}
