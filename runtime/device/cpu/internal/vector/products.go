package vector

import (
	"fmt"
	"math"
)

// Matrix is rows of float32 in a slice, Stride values apart.
type Matrix struct {
	Values []float32
	Stride int
}

// Row is n values of row r.
func (m Matrix) Row(r, n int) []float32 { return m.Values[r*m.Stride:][:n] }

// From is the matrix from row r on, without some columns.
func (m Matrix) From(r, col int) Matrix { return Matrix{m.Values[r*m.Stride+col:], m.Stride} }

// check panics unless there are rows of n values.
func (m Matrix) check(rows, n int) {
	if rows > 0 && (rows-1)*m.Stride+n > len(m.Values) || rows > 1 && m.Stride < 0 || n < 0 {
		panic(fmt.Sprintf("vector: %d rows of %d values, %d apart, in %d", rows, n, m.Stride, len(m.Values)))
	}
}

// Dots computes out[r][t] = q[r]·k[t], r < rows, t < keys, of vectors of dim values, a multiple of Group. Every product is
// computed in the same way, whatever the rest.
func Dots(out, q, k Matrix, rows, keys, dim int) {
	if rows <= 0 || keys <= 0 {
		return
	}
	out.check(rows, keys)
	q.check(rows, dim)
	k.check(keys, dim)
	if dim < 0 || dim%Group != 0 {
		panic("vector: dim is no multiple of a group")
	}
	if dotsFast(out, q, k, rows, keys, dim) {
		return
	}
	for r := range rows {
		x, to := q.Row(r, dim), out.Row(r, keys)
		for t := range to {
			to[t] = dot(x, k.Row(t, dim))
		}
	}
}

func dot(x, y []float32) float32 {
	var lanes [Group]float32
	for ; len(x) >= Group; x, y = x[Group:], y[Group:] {
		x, y := x[:Group], y[:Group]
		for i := range lanes {
			if r := math.FMA(float64(x[i]), float64(y[i]), float64(lanes[i])); doubtful(r) {
				lanes[i] = fmaOdd(x[i], y[i], lanes[i])
			} else {
				lanes[i] = float32(r)
			}
		}
	}
	return fold(&lanes)
}

// Mix computes out[r][d] += Σ_t p[r][t]·v[t][d], r < rows, t < keys, d < dim, a multiple of Group; in order of t.
func Mix(out, p, v Matrix, rows, keys, dim int) {
	if rows <= 0 || keys <= 0 {
		return
	}
	out.check(rows, dim)
	p.check(rows, keys)
	v.check(keys, dim)
	if dim < 0 || dim%Group != 0 {
		panic("vector: dim is no multiple of a group")
	}
	if mixFast(out, p, v, rows, keys, dim) {
		return
	}
	for r := range rows {
		sum := out.Row(r, dim)
		for t, w := range p.Row(r, keys) {
			for i, x := range v.Row(t, dim) {
				if r := math.FMA(float64(w), float64(x), float64(sum[i])); doubtful(r) {
					sum[i] = fmaOdd(w, x, sum[i])
				} else {
					sum[i] = float32(r)
				}
			}
		}
	}
}

// Touch reads n values of some rows one after the other, and so brings them near faster than who reads a part of each row
// first: the processor sees what is next.
func Touch(m Matrix, rows, n int) {
	if rows <= 0 || n <= 0 {
		return
	}
	m.check(rows, n)
	if m.Stride == n {
		rows, n = 1, rows*n
	}
	for r := range rows {
		touchFast(m.Row(r, n))
	}
}
