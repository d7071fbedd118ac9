package verify

import (
	"bytes"
	"context"
	"math"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/quantize"
	"github.com/qconv/qconv/quantize/pipeline"
)

// unitValues is about how many values are compared in one go. It does not depend on threads or memory, so that sums are
// always added in the same order.
const unitValues = 1 << 18

// compared is a tensor that both have.
type compared struct {
	number     int // in Set.Tensors
	step       int // in the plan
	codec      *quantize.Codec
	cols, rows int64
	matrix     int64 // rows that share their importance
	rowLen     int64
	units      []sums
	total      sums
	variant    string // what makes its bytes, when it is not what is made by default
	strange    strange
}

// unit gives the rows of unit i.
func (c *compared) unit(i int) (first, n int64) {
	each := max(unitValues/c.cols, 1)
	first = int64(i) * each
	return first, min(each, c.rows-first)
}

// sums is what a range of rows has to do with the source's. Rows of the file that hold NaN or infinity are left out.
type sums struct {
	err, src, dot, out float64 // Σ(q-s)², Σs², Σqs, Σq²
	own                float64 // Σ of the squared error that the source's encoding has
	largest            float64 // max |q-s|
	worst              int64   // the row with the largest relative error, and that
	worstError         float64

	differ int64 // rows whose bytes are not those that the source gives
	first  int64 // the first of them
	alike  int64 // rows whose bytes are, and that are not all zero
}

// add appends the rows behind those of s.
func (s *sums) add(o *sums) {
	s.err, s.src, s.dot, s.out, s.own = s.err+o.err, s.src+o.src, s.dot+o.dot, s.out+o.out, s.own+o.own
	s.largest = max(s.largest, o.largest)
	if o.worstError > s.worstError {
		s.worst, s.worstError = o.worst, o.worstError
	}
	if s.differ == 0 {
		s.first = o.first
	}
	s.differ, s.alike = s.differ+o.differ, s.alike+o.alike
}

// most bounds figures that would be infinite, such as the relative error of a row that is zero in the source.
const most = 1e9

// relative is the root of err/src.
func relative(err, src float64) float64 {
	if err == 0 {
		return 0
	}
	return min(math.Sqrt(err/src), most)
}

func (s *sums) cosine() float64 {
	if s.src == 0 || s.out == 0 {
		if s.src == s.out {
			return 1
		}
		return 0
	}
	return s.dot / math.Sqrt(s.src) / math.Sqrt(s.out)
}

// tensors compares every tensor with the source's: whether it is there, how far its values are, and whether they are the
// bytes that this version makes of the source.
func (s *Subject) tensors(ctx context.Context, r *Report) error {
	list, found, err := s.measure(ctx, r)
	if err == nil {
		s.judge(r, list, found)
	}
	return err
}

// measure finds out all about the tensors that both have; found is those that only one has, or in another shape.
func (s *Subject) measure(ctx context.Context, r *Report) (list []compared, found []Finding, err error) {
	if list, found, err = s.match(r); err != nil {
		return nil, nil, err
	}
	o := s.options(list)
	plan, err := s.Source.with(o)
	if err != nil {
		return nil, nil, err
	}
	index := plan.Tensors().Index()
	for i := range list {
		list[i].step = index[s.Set.Tensors[list[i].number].Name]
	}
	if err := s.compare(ctx, plan, list); err != nil {
		return nil, nil, err
	}
	for i := range list {
		c := &list[i]
		for k := range c.units {
			c.total.add(&c.units[k])
		}
		v := &r.Tensors[c.number]
		v.Compared = true
		v.RMSE, v.Cosine, v.Largest = relative(c.total.err, c.total.src), c.total.cosine(), c.total.largest
		v.WorstRow, v.RowRMSE = c.total.worst, c.total.worstError
	}
	if err := s.variants(ctx, o, list); err != nil {
		return nil, nil, err
	}
	return list, found, s.columns(ctx, plan, list)
}

// work is one goroutine's memory.
type work struct {
	want, got    []float32 // the source's values and the file's
	own          []float32 // what the source's encoding decodes to
	data, remade []byte
}

// workBytes is how much memory one goroutine needs for the largest unit.
func workBytes(list []compared) (n int64) {
	for i := range list {
		c := &list[i]
		rows := max(unitValues/c.cols, 1)
		// Source bytes and another copy of the values are the plan's.
		n = max(n, rows*(c.cols*(4+4+4+4+8)+2*c.rowLen)+columnBytes*c.cols)
	}
	return n
}

// workers is how many goroutines --ram has room for.
func (s *Subject) workers(list []compared, base int64) (int, error) {
	each := workBytes(list)
	if room := s.RAM - base; room < each {
		return 0, fault.New(fault.Budget, "", "--ram %d MiB is too small: comparing tensors needs at least %d MiB", s.RAM>>20, (base+each)>>20+1)
	}
	return max(int(min(int64(s.threads()), (s.RAM-base)/max(each, 1))), 1), nil
}

// compare fills the sums of all units.
func (s *Subject) compare(ctx context.Context, plan *pipeline.Plan, list []compared) error {
	workers, err := s.workers(list, plan.Memory.Base)
	if err != nil {
		return err
	}
	type place struct{ tensor, unit int }
	var places []place
	var total int64
	for i := range list {
		total += list[i].rowLen * list[i].rows
		for k := range list[i].units {
			places = append(places, place{i, k})
		}
	}
	s.begin("compare", total)
	tensors := plan.Tensors()
	return each(workers, len(places), func(i int, w *work) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		c, unit := &list[places[i].tensor], places[i].unit
		first, rows := c.unit(unit)
		if err := s.fetch(tensors, c, first, rows, w); err != nil {
			return err
		}
		c.units[unit] = c.sum(w, first, rows)
		s.done(rows * c.rowLen)
		return nil
	})
}

// fetch reads rows of a tensor from the file and makes them of the source.
func (s *Subject) fetch(tensors *pipeline.Tensors, c *compared, first, rows int64, w *work) error {
	w.want, w.got = grow(w.want, rows*c.cols), grow(w.got, rows*c.cols)
	w.data, w.remade = grow(w.data, rows*c.rowLen), grow(w.remade, rows*c.rowLen)
	if err := s.Set.ReadAt(c.number, w.data, first*c.rowLen); err != nil {
		return err
	}
	if err := tensors.Rows(c.step, first, w.want, w.remade); err != nil {
		return err
	}
	c.codec.Decode(w.got, w.data)
	return nil
}

// sum compares rows that were fetched.
func (c *compared) sum(w *work, first, rows int64) (u sums) {
	w.own = grow(w.own, c.cols)
	for i := range rows {
		want, got := w.want[i*c.cols:][:c.cols], w.got[i*c.cols:][:c.cols]
		data, remade := w.data[i*c.rowLen:][:c.rowLen], w.remade[i*c.rowLen:][:c.rowLen]
		row := distance(got, want)
		alike := bytes.Equal(data, remade)
		if !alike {
			if u.differ == 0 {
				u.first = first + i
			}
			u.differ++
		} else if row.src > 0 {
			u.alike++
		}
		if math.IsNaN(row.err) || math.IsInf(row.err, 0) {
			continue // the check of blocks says so
		}
		own := row.err
		if !alike {
			c.codec.Decode(w.own, remade)
			own = distance(w.own, want).err
		}
		u.err, u.src, u.dot, u.out, u.own = u.err+row.err, u.src+row.src, u.dot+row.dot, u.out+row.out, u.own+own
		u.largest = max(u.largest, row.largest)
		e := relative(row.err, row.src)
		if e > u.worstError {
			u.worst, u.worstError = first+i, e
		}
	}
	return u
}

// distance sums up one row.
func distance(got, want []float32) (r sums) {
	got = got[:len(want)]
	for i, x := range want {
		s, q := float64(x), float64(got[i])
		d := q - s
		r.err += d * d
		r.src += s * s
		r.dot += q * s
		r.out += q * q
		r.largest = max(r.largest, math.Abs(d))
	}
	return r
}
