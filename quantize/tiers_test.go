package quantize

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unsafe"

	"github.com/qconv/qconv/quantize/internal/kernel"
	"github.com/qconv/qconv/quantize/internal/kernel/kerneltest"
)

// Every tier gives the bytes of plain Go, for every distribution and for row counts around the width of a tile, in
// buffers that start at odd addresses and end at pages that cannot be touched.
func TestTiersEncode(t *testing.T) {
	plain := map[string][]byte{} // made once, for it takes long
	kerneltest.Each(t, func(t *testing.T) {
		for _, c := range List() {
			if c.encodeFast == nil && !kernelsInside(c) {
				continue
			}
			for k, shape := range [][2]int{{256, 1}, {256, 15}, {256, 16}, {256, 17}, {512, 33}, {768, 3}, {1280, 7}, {4096, 2}} {
				cols, rows := shape[0], shape[1]
				for dist := range distributions {
					if slow(c) && (k+dist)%3 != 0 {
						continue
					}
					x, weight := sampleRows(dist, cols, rows, uint64(cols+rows))
					for _, w := range [][]float32{nil, weight} {
						if w == nil && c.NeedWeight {
							continue
						}
						size := blockBytes(c, len(x))
						key := fmt.Sprint(c.Type, shape, dist, w != nil)
						want := plain[key]
						if want == nil {
							want = make([]byte, size)
							plainEncode(c, want, x, w)
							plain[key] = want
						}
						got := kerneltest.Guarded(t, size, rows%2 == 0)
						c.Encode(got, guardedFloats(t, x), guardedFloats(t, w))
						if !bytes.Equal(got, want) {
							t.Fatalf("%v %s, %d rows of %d, weighted=%v: %d bytes differ from plain Go's", c.Type, distributions[dist].name, rows, cols, w != nil, countDiffer(got, want))
						}
						odd := bytes.Repeat([]byte{0xa5}, size+64)
						c.Encode(odd[1:][:size], x, w)
						if !bytes.Equal(odd[1:][:size], want) || odd[0] != 0xa5 || !bytes.Equal(odd[1+size:], bytes.Repeat([]byte{0xa5}, 63)) {
							t.Fatalf("%v %s: wrong bytes at an odd address", c.Type, distributions[dist].name)
						}
					}
				}
			}
		}
	})
}

// slow tells types whose plain encoder takes about a microsecond a value: they get a part of the cases.
func slow(c *Codec) bool { return strings.HasPrefix(c.Type.String(), "IQ") }

// Every tier decodes what plain Go decodes, for real and for arbitrary blocks.
func TestTiersDecode(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T) {
		for _, c := range List() {
			if c.decodeFast == nil {
				continue
			}
			elems, size, _ := c.Type.Block()
			for _, n := range []int{1, 2, 3, 7, 8, 9, 16, 31, 64} {
				for dist := range distributions {
					if slow(c) && n > 9 && dist%2 != 0 {
						continue
					}
					x, weight := sampleRows(dist, int(elems)*n, 1, uint64(n))
					blocks := make([]byte, int(size)*n)
					if dist%2 == 0 { // arbitrary bytes
						r := rand.New(rand.NewPCG(uint64(n), uint64(dist)))
						for i := range blocks {
							blocks[i] = byte(r.Uint32())
						}
					} else {
						c.Encode(blocks, x, weight)
					}
					want := make([]float32, len(x))
					c.decode(want, blocks)
					src := kerneltest.Guarded(t, len(blocks), n%2 == 0)
					copy(src, blocks)
					got := floatsAt(kerneltest.Guarded(t, 4*len(x), n%2 == 0))
					c.Decode(got, src)
					if !bytes.Equal(floatsOf(floatBytes(got)), floatsOf(floatBytes(want))) {
						t.Fatalf("%v %s, %d blocks: decoded values differ from plain Go's", c.Type, distributions[dist].name, n)
					}
					odd := append(make([]byte, 1, 1+len(blocks)), blocks...)
					c.Decode(got, odd[1:])
					if !bytes.Equal(floatsOf(floatBytes(got)), floatsOf(floatBytes(want))) {
						t.Fatalf("%v %s: wrong values from an odd address", c.Type, distributions[dist].name)
					}
				}
			}
		}
	})
}

// kernelsInside tells types whose plain encoder searches grids, which kernels do a sub-block at a time.
func kernelsInside(c *Codec) bool {
	return strings.HasPrefix(c.Type.String(), "IQ2") || strings.HasPrefix(c.Type.String(), "IQ3")
}

// plainEncode is Encode without kernels.
func plainEncode(c *Codec, dst []byte, x, weight []float32) {
	defer kernel.Use(kernel.Use(kernel.Plain))
	p := *c
	p.encodeFast = nil
	p.Encode(dst, x, weight)
}

func blockBytes(c *Codec, n int) int {
	elems, size, _ := c.Type.Block()
	return n / int(elems) * int(size)
}

// guardedFloats copies x to where it ends at a guard page.
func guardedFloats(t *testing.T, x []float32) []float32 {
	if x == nil {
		return nil
	}
	f := floatsAt(kerneltest.Guarded(t, 4*len(x), false))
	copy(f, x)
	return f
}

// floatsAt sees aligned bytes as float32.
func floatsAt(b []byte) []float32 { return unsafe.Slice((*float32)(unsafe.Pointer(&b[0])), len(b)/4) }
