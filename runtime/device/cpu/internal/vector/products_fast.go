//go:build !purego && (amd64 || arm64)

package vector

// How products are divided among kernels. Tails of keys are done again together with those before them where there are
// enough, for products do not depend on each other.

const wordBytes = 4

func dotsFast(out, q, k Matrix, rows, keys, dim int) bool {
	if now == plain || dim == 0 {
		return false
	}
	r := 0
	for ; r+4 <= rows; r += 4 {
		dotsOf(dots4, out.From(r, 0), q.From(r, 0), k, 4, keys, dim)
	}
	for ; r < rows; r++ {
		dotsOf(dots1, out.From(r, 0), q.From(r, 0), k, 1, keys, dim)
	}
	return true
}

// dotsKernel multiplies blocks of four keys.
type dotsKernel uint8

const (
	dots4  dotsKernel = iota // with four rows
	dots1                    // with one
	single                   // one key with one row
)

func dotsOf(d dotsKernel, out, q, k Matrix, rows, keys, dim int) {
	if keys < 4 {
		for r := range rows {
			single.run(out.From(r, 0), q.From(r, 0), k, keys, dim)
		}
		return
	}
	d.run(out, q, k, keys/4, dim)
	if keys%4 != 0 {
		d.run(out.From(0, keys-4), q, k.From(keys-4, 0), 1, dim)
	}
}

func mixFast(out, p, v Matrix, rows, keys, dim int) bool {
	if now == plain || dim == 0 {
		return false
	}
	r := 0
	for ; r+4 <= rows; r += 4 {
		mixRows(true, out.From(r, 0), p.From(r, 0), v, keys, dim)
	}
	for ; r < rows; r++ {
		mixRows(false, out.From(r, 0), p.From(r, 0), v, keys, dim)
	}
	return true
}
