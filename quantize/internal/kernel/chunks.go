package kernel

import "iter"

// Types without a search go through kernels in chunks: first scales of all blocks, then codes. Their values stay in
// the first cache.

// Chunk is the largest number of groups of values in a chunk. Groups are what has a largest magnitude or a range.
const Chunk = 64

// Chunked tells whether kernels take that many groups: not with plain Go, and not less than a register full.
func Chunked(groups int) bool { return tier != Plain && groups >= Lanes }

// Chunks cuts blocks of so many groups each into chunks: it yields the first block and how many. Every chunk is a
// multiple of Lanes groups, because kernels take registers full; the last may begin in the one before it, whose
// blocks are then made again. There must be Lanes groups or more, and their number in a block divides Lanes.
func Chunks(blocks, groups int) iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		least := Lanes / groups
		for at := 0; at < blocks; {
			n := min(Chunk/groups, (blocks-at)/least*least)
			if n == 0 {
				at, n = blocks-least, least
			}
			if !yield(at, n) {
				return
			}
			at += n
		}
	}
}
