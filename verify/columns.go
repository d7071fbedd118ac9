package verify

import (
	"bytes"
	"context"
	"math"
	"slices"
	"sync"

	"github.com/qconv/qconv/quantize/pipeline"
)

// A tensor that was encoded with importance that is not at hand has other errors than this version's encoding of the source:
// columns that matter less have larger ones, at will. But which columns those are is the same for all rows of a matrix, so
// each row is held against the others: where they are near the source, it has to be near too. Medians are taken
// throughout, since where one column outweighs its whole block, the others of the block may hold anything.

const (
	sampleRows   = 256 // of a matrix, about, by which its columns are judged
	sampleGroups = 9   // of neighbouring rows; a median of groups bears with damage in less than half of them
	columnBlock  = 32  // columns that share a scale in most types
	window       = 256 // columns that are judged together
	leastWindow  = 128 // fewer say too little
	columnBytes  = 8 * (2*sampleGroups + 4)
)

// How much larger than expected the squared error of half of a window's columns may be, and that of the best sixteenth of a
// matrix's columns. The largest that TestFactors meets are 2.4 (IQ1_M; 1.2 in types of four bits and more) and 1.0, with all
// file types and importance that differs a hundredfold between columns, has zeros, and has columns that count 10^8 times as much.
// A row of the test model whose scale is doubled has 67 in Q4_K and 4.6 in Q2_K; in types of less than two bits it may be missed.
const (
	strangeWindow = 4.0
	strangeMatrix = 3.0
)

// strange is what in a tensor the other rows do not explain.
type strange struct {
	rows       int64   // with such a window
	row        int64   // the one that is furthest
	from, to   int64   // its columns
	factor     float64 // how many times as large as expected the median squared error there is
	err, own   float64 // relative errors there: of the file, and of an encoding of the source
	matrix     int64   // the matrix whose best columns are furthest
	matrixBest float64
}

// profile says how large the squared errors of a matrix's columns are, as multiples of those of the source's encoding.
type profile struct {
	factor []float64
	best   float64 // what the best sixteenth of the columns is not above
}

// columns looks for rows, in tensors whose bytes nobody explained, that are further from the source than the other rows.
func (s *Subject) columns(ctx context.Context, plan *pipeline.Plan, list []compared) error {
	type job struct {
		c      *compared
		matrix int64
	}
	var jobs []job
	var total int64
	for i := range list {
		c := &list[i]
		if c.total.differ == 0 || c.variant != "" || isFloat(c.codec.Type) || c.isolated() || c.cols < leastWindow {
			continue
		}
		total += c.rows * c.rowLen
		for m := range c.rows / c.matrix {
			jobs = append(jobs, job{c, m})
		}
	}
	if len(jobs) == 0 {
		return nil
	}
	workers, err := s.workers(list, plan.Memory.Base)
	if err != nil {
		return err
	}
	s.begin("compare rows", total)
	tensors := plan.Tensors()
	var mu sync.Mutex
	return each(workers, len(jobs), func(i int, w *work) error {
		c := jobs[i].c
		found, err := s.oneMatrix(ctx, tensors, c, jobs[i].matrix, w)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		c.strange.add(&found)
		return nil
	})
}

// add joins what was found in another matrix of the tensor; the order does not matter.
func (s *strange) add(o *strange) {
	s.rows += o.rows
	if o.factor > s.factor || o.factor == s.factor && o.row < s.row {
		s.row, s.from, s.to, s.factor, s.err, s.own = o.row, o.from, o.to, o.factor, o.err, o.own
	}
	if o.matrixBest > s.matrixBest || o.matrixBest == s.matrixBest && o.matrix < s.matrix {
		s.matrix, s.matrixBest = o.matrix, o.matrixBest
	}
}

// eachUnit gives the units of rows first to end of a tensor.
func (c *compared) eachUnit(first, end int64, f func(row, n int64) error) error {
	for each := max(unitValues/c.cols, 1); first < end; first += each {
		if err := f(first, min(each, end-first)); err != nil {
			return err
		}
	}
	return nil
}

// fetchBoth is fetch, and decodes what was made of the source too.
func (s *Subject) fetchBoth(ctx context.Context, tensors *pipeline.Tensors, c *compared, row, n int64, w *work) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := s.fetch(tensors, c, row, n, w); err != nil {
		return err
	}
	w.own = grow(w.own, n*c.cols)
	c.codec.Decode(w.own, w.remade)
	return nil
}

// oneMatrix judges one matrix of a tensor.
func (s *Subject) oneMatrix(ctx context.Context, tensors *pipeline.Tensors, c *compared, matrix int64, w *work) (found strange, err error) {
	first := matrix * c.matrix
	p, err := s.profile(ctx, tensors, c, first, w)
	if err != nil {
		return found, err
	}
	found.matrix, found.matrixBest = matrix, p.best
	x := make([]float64, 0, window+leastWindow)
	err = c.eachUnit(first, first+c.matrix, func(row, n int64) error {
		if err := s.fetchBoth(ctx, tensors, c, row, n, w); err != nil {
			return err
		}
		for i := range n {
			if bytes.Equal(w.data[i*c.rowLen:][:c.rowLen], w.remade[i*c.rowLen:][:c.rowLen]) {
				continue
			}
			r := p.judge(w.got[i*c.cols:][:c.cols], w.own[i*c.cols:][:c.cols], w.want[i*c.cols:][:c.cols], x)
			if r.factor > strangeWindow {
				r.rows = 1
			}
			r.row, r.matrix = row+i, math.MaxInt64
			found.add(&r)
		}
		return nil
	})
	return found, err
}

// profile judges the columns of the matrix that begins at row first.
func (s *Subject) profile(ctx context.Context, tensors *pipeline.Tensors, c *compared, first int64, w *work) (p profile, err error) {
	groups := min(sampleGroups, max(c.matrix/4, 1))
	file, own := make([][]float64, groups), make([][]float64, groups)
	step := max(c.matrix/sampleRows, 1)
	for g := range groups {
		file[g], own[g] = make([]float64, c.cols), make([]float64, c.cols)
		from, to := first+c.matrix*g/groups, first+c.matrix*(g+1)/groups
		add := func(row, n int64) error {
			if err := s.fetchBoth(ctx, tensors, c, row, n, w); err != nil {
				return err
			}
			for i := range n {
				addColumns(file[g], own[g], w.got[i*c.cols:][:c.cols], w.own[i*c.cols:][:c.cols], w.want[i*c.cols:][:c.cols])
			}
			return nil
		}
		if step == 1 {
			err = c.eachUnit(from, to, add)
		}
		for row := from; step > 1 && err == nil && row < to; row += step {
			err = add(row, 1)
		}
		if err != nil {
			return p, err
		}
	}
	p.factor = make([]float64, c.cols)
	ratios := make([]float64, 0, groups)
	for j := range p.factor {
		ratios = ratios[:0]
		for g := range groups {
			if own[g][j] > 0 {
				ratios = append(ratios, file[g][j]/own[g][j])
			}
		}
		p.factor[j] = 1
		if len(ratios) > 0 {
			slices.Sort(ratios)
			p.factor[j] = ratios[len(ratios)/2]
		}
	}
	p.best = slices.Sorted(slices.Values(p.factor))[len(p.factor)/16]
	return p, nil
}

// addColumns adds the squared errors of a row, relative to the row's Σs², to those of the columns.
func addColumns(fileSums, ownSums []float64, got, own, want []float32) {
	row := distance(got, want)
	if row.src == 0 || math.IsNaN(row.err) || math.IsInf(row.err, 0) {
		return
	}
	for j, x := range want {
		s := float64(x)
		d, o := float64(got[j])-s, float64(own[j])-s
		fileSums[j] += d * d / row.src
		ownSums[j] += o * o / row.src
	}
}

// judge finds the window of a row that is furthest from what its columns lead to expect: x has room for one. Windows in which
// less than half is larger than expected are not worth a figure.
func (p *profile) judge(got, own, want []float32, x []float64) (worst strange) {
	row := squaredError(got, want)
	if row == 0 || math.IsNaN(row) || math.IsInf(row, 0) {
		return worst
	}
	least := 0.05 * squaredError(own, want) / float64(len(want))
	for at, end := 0, 0; end < len(want); at = end {
		if end = at + window; end+leastWindow > len(want) {
			end = len(want)
		}
		x = x[:0]
		larger := 0
		for b := at; b < end; b += columnBlock {
			to := min(b+columnBlock, end)
			expect := max(squaredError(own[b:to], want[b:to])/float64(to-b), least)
			for j := b; j < to; j++ {
				d := float64(got[j]) - float64(want[j])
				f := relativeSquare(d*d, expect*max(p.factor[j], 0.05))
				if f > 1 {
					larger++
				}
				x = append(x, f)
			}
		}
		if 2*larger < len(x) {
			continue
		}
		slices.Sort(x)
		if f := x[len(x)/2]; f > worst.factor {
			d, o := distance(got[at:end], want[at:end]), distance(own[at:end], want[at:end])
			worst = strange{from: int64(at), to: int64(end), factor: f, err: relative(d.err, d.src), own: relative(o.err, o.src)}
		}
	}
	return worst
}

// squaredError is Σ(a-b)².
func squaredError(a, b []float32) (sum float64) {
	a = a[:len(b)]
	for i, v := range b {
		d := float64(a[i]) - float64(v)
		sum += d * d
	}
	return sum
}

// relativeSquare is err/expect, bounded.
func relativeSquare(err, expect float64) float64 {
	if err == 0 {
		return 0
	}
	return min(err/expect, most)
}
