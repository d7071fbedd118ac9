package pipeline

import (
	"fmt"
	"slices"

	"github.com/qconv/qconv/formats/arch"
	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/quantize"
)

// source gives the origin tensor of a unit's slab.
func (s *Step) source(slab int64) int {
	if len(s.target.Src) > 1 {
		return s.target.Src[slab]
	}
	return s.target.Src[0]
}

// sourceRow gives the row of the source tensor that output row r of a slab comes from. A transposed
// slab has no such row; it reads the whole range of its head.
func (s *Step) sourceRow(slab, r, sourceRows int64) int64 {
	switch s.op {
	case arch.PermuteQK:
		if s.rows == 1 {
			return 0 // a bias: its elements are permuted, see encode
		}
		return permuted(r, s.rows/s.target.Heads)
	case arch.Split, arch.SplitTransposed:
		return slab*(sourceRows/s.target.Heads) + s.target.Skip + r
	}
	if len(s.target.Src) > 1 {
		return r // each slab has a source of its own
	}
	return slab*s.slab + r
}

// permuted gives where element r comes from: a head of d elements is stored as two halves, the output interleaves them.
func permuted(r, d int64) int64 {
	head, i := r/d, r%d
	return head*d + i%2*(d/2) + i/2
}

// fetched is the source bytes of one unit.
type fetched struct {
	src   int
	first int64   // source row of the first bytes
	rows  []int64 // source rows in ascending order; nil when they follow on first
	data  []byte
}

// fetch reads what a unit needs into buf, which has room for u.srcBytes.
func (p *Plan) fetch(u *unit, buf []byte) (f fetched, err error) {
	s := &p.Steps[u.step]
	if s.op == arch.Generated {
		return f, nil
	}
	f.src = s.source(u.slab)
	g := p.origin.tensor(f.src)
	n := u.nRows
	switch s.op {
	case arch.SplitTransposed:
		n = s.target.Take
		f.first = s.sourceRow(u.slab, 0, g.rows)
	case arch.PermuteQK:
		f.rows = make([]int64, n)
		for i := range f.rows {
			f.rows[i] = s.sourceRow(u.slab, u.row+int64(i), g.rows)
		}
		slices.Sort(f.rows)
		f.first = f.rows[0]
	default:
		f.first = s.sourceRow(u.slab, u.row, g.rows)
	}
	f.data = buf[:n*g.rowBytes]
	if f.rows == nil {
		return f, p.origin.readAt(f.src, f.data, f.first*g.rowBytes)
	}
	for i := 0; i < len(f.rows); {
		j := i + 1
		for j < len(f.rows) && f.rows[j] == f.rows[j-1]+1 {
			j++
		}
		at := f.data[int64(i)*g.rowBytes : int64(j)*g.rowBytes]
		if err := p.origin.readAt(f.src, at, f.rows[i]*g.rowBytes); err != nil {
			return f, err
		}
		i = j
	}
	return f, nil
}

// row gives the bytes of source row r.
func (f *fetched) row(r, rowBytes int64) []byte {
	i := r - f.first
	if f.rows != nil {
		at, _ := slices.BinarySearch(f.rows, r)
		i = int64(at)
	}
	return f.data[i*rowBytes : (i+1)*rowBytes]
}

// batchValues is how many values are widened before they are encoded: kernels take several rows side by side, and
// float32 rows of this size stay in the second-level cache.
const batchValues = 1 << 15

// batchRows is how many rows of a step are encoded in one go.
func (s *Step) batchRows() int64 { return max(batchValues/s.cols, 1) }

// encode fills dst, which has u.len bytes, with the unit's output rows. values, unless it is nil, gets what they are before they
// are rounded and encoded.
func (p *Plan) encode(u *unit, f *fetched, dst []byte, values []float32, w *scratch) error {
	s := &p.Steps[u.step]
	if s.raw && !s.transposed() {
		err := p.copyRows(u, f, dst)
		if err == nil && values != nil {
			s.codec.Decode(values, dst)
		}
		return err
	}
	var heads []float32 // the source rows of a transposed head
	if s.transposed() {
		var err error
		if heads, err = p.widenHead(u, f, w); err != nil {
			return err
		}
	}
	rowLen, batch := u.len/u.nRows, min(s.batchRows(), u.nRows)
	for first := int64(0); first < u.nRows; first += batch {
		n := min(batch, u.nRows-first)
		out := w.floats(batch * s.cols)[:n*s.cols]
		for i := range n {
			if err := p.makeRow(u, f, u.row+first+i, out[i*s.cols:(i+1)*s.cols], heads, w); err != nil {
				return err
			}
		}
		if values != nil {
			copy(values[first*s.cols:], out)
		}
		if err := p.encodeRows(u, first, out, dst[first*rowLen:(first+n)*rowLen], w); err != nil {
			return err
		}
	}
	return nil
}

// copyRows copies rows that have the output's type already, and refuses damaged ones.
func (p *Plan) copyRows(u *unit, f *fetched, dst []byte) error {
	s := &p.Steps[u.step]
	g := p.origin.tensor(f.src)
	rowLen := u.len / u.nRows
	for i := range u.nRows {
		sr := s.sourceRow(u.slab, u.row+i, g.rows)
		to := dst[i*rowLen : (i+1)*rowLen]
		copy(to, f.row(sr, g.rowBytes))
		if err := p.checkRow(s, g, to, sr); err != nil {
			return err
		}
	}
	return nil
}

// makeRow gives the values of output row r.
func (p *Plan) makeRow(u *unit, f *fetched, r int64, out, heads []float32, w *scratch) error {
	s := &p.Steps[u.step]
	switch {
	case s.op == arch.Generated:
		at := (u.slab*s.slab + r) * s.cols
		copy(out, s.target.Values[at:at+s.cols])
		return nil
	case s.transposed():
		cols := p.origin.tensor(f.src).cols
		for k := range out {
			out[k] = heads[int64(k)*cols+r]
		}
		return nil
	}
	g := p.origin.tensor(f.src)
	sr := s.sourceRow(u.slab, r, g.rows)
	from := f.row(sr, g.rowBytes)
	if s.op != arch.PermuteQK || s.rows != 1 {
		return p.widen(s, u.slab, g, sr, out, from, w)
	}
	row := w.slab(s.cols)
	if err := p.widen(s, u.slab, g, sr, row, from, w); err != nil {
		return err
	}
	for k := range s.cols {
		out[k] = row[permuted(k, s.cols/s.target.Heads)]
	}
	return nil
}

// widenHead gives the source rows of a head that is written transposed.
func (p *Plan) widenHead(u *unit, f *fetched, w *scratch) ([]float32, error) {
	s := &p.Steps[u.step]
	g := p.origin.tensor(f.src)
	all := w.slab(s.target.Take * g.cols)
	for i := range s.target.Take {
		sr := f.first + i
		if err := p.widen(s, u.slab, g, sr, all[i*g.cols:(i+1)*g.cols], f.row(sr, g.rowBytes), w); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// widen decodes one source row to float32 and refuses NaN and infinity.
func (p *Plan) widen(s *Step, slab int64, g *grid, r int64, dst []float32, src []byte, w *scratch) error {
	if g.fp8 != nil {
		if err := p.widenFP8(s, slab, g, r, dst, src, w); err != nil {
			return err
		}
	} else {
		if g.check != nil {
			if err := g.check(src); err != nil {
				return g.damaged(r, err)
			}
		}
		g.decode(dst, src)
	}
	if c := quantize.FirstNonFinite(dst); c >= 0 {
		return fault.New(fault.Malformed, g.file, "row %d, column %d is %v; a model with such values cannot be converted", r, c, dst[c]).In(g.name)
	}
	return nil
}

// encodeRows rounds rows as the two-step route does and encodes them. They are the unit's rows from first on.
func (p *Plan) encodeRows(u *unit, first int64, rows []float32, dst []byte, w *scratch) error {
	s := &p.Steps[u.step]
	before := rows
	if s.via != nil {
		if w.distance != nil {
			w.before = append(w.before[:0], rows...)
			before = w.before
		}
		w.raw = grow(w.raw, s.viaBytes)
		for i := range int64(len(rows)) / s.cols {
			row := rows[i*s.cols : (i+1)*s.cols]
			s.via.Encode(w.raw, row, nil)
			if err := s.via.Check(w.raw); err != nil {
				return p.misfit(u, first+i, "%v, the source's 16-bit type: %w", s.via.Type, err)
			}
			s.via.Decode(row, w.raw)
		}
	}
	weights, largest := s.weights(u.slab), s.largest
	if s.late {
		if w.late != nil {
			weights = w.late.of(u)
		}
		if weights == nil {
			return fmt.Errorf("pipeline: slab %d of %s is made before its importance is known", u.slab, s.Name)
		}
	}
	if weights != nil {
		largest = overflowOf(weights)
	}
	if largest > 0 {
		if k := quantize.FirstBeyond(rows, largest); k >= 0 {
			i, c := int64(k)/s.cols, int64(k)%s.cols
			return fault.New(fault.Malformed, "", "row %d, column %d is %g: %v rows lose everything from %g on; %s", p.sourceRowOf(u, first+i), c, rows[k], s.Type, largest, p.otherType()).In(s.Name)
		}
	}
	w.found.look(p, u.step, rows)
	s.codec.Encode(dst, rows, weights)
	rowLen := u.len / u.nRows
	for i := range int64(len(rows)) / s.cols {
		if err := s.codec.Check(dst[i*rowLen : (i+1)*rowLen]); err != nil {
			advice := p.otherType()
			if s.codec.Damages != nil && s.codec.Damages(rows[i*s.cols:(i+1)*s.cols]) {
				advice += ", or give --correct"
			}
			return p.misfit(u, first+i, "%v: %w; %s", s.Type, err, advice)
		}
	}
	if w.distance != nil {
		w.after = grow(w.after, int64(len(rows)))
		s.codec.Decode(w.after, dst)
		w.distance.add(u, first, before, w.after)
	}
	return nil
}

// misfit is the fault of row i of a unit that its type cannot hold.
func (p *Plan) misfit(u *unit, i int64, format string, args ...any) error {
	args = append([]any{p.sourceRowOf(u, i)}, args...)
	return fault.New(fault.Malformed, "", "row %d does not fit "+format, args...).In(p.Steps[u.step].Name)
}

// sourceRowOf names row i of a unit in messages: by the row of the source where there is one.
func (p *Plan) sourceRowOf(u *unit, i int64) int64 {
	s := &p.Steps[u.step]
	if s.op == arch.Generated || s.transposed() {
		return u.row + i
	}
	return s.sourceRow(u.slab, u.row+i, p.origin.tensor(s.source(u.slab)).rows)
}

// otherType says how to get another type for a tensor.
func (p *Plan) otherType() string {
	if p.Recipe.Converter() {
		return "make a file of --type BF16 or F32"
	}
	return "choose another type for it with --tensor-type"
}

func (p *Plan) checkRow(s *Step, g *grid, row []byte, r int64) error {
	if s.codec == nil {
		return nil
	}
	if err := s.codec.Check(row); err != nil {
		return g.damaged(r, err)
	}
	return nil
}

func (g *grid) damaged(r int64, err error) error {
	return fault.New(fault.Malformed, g.file, "row %d is damaged: %w", r, err).In(g.name)
}

// widenFP8 decodes a row whose scales are another tensor: one scale for a block of rows and columns.
func (p *Plan) widenFP8(s *Step, slab int64, g *grid, r int64, dst []float32, src []byte, w *scratch) error {
	sc := -1
	if s.target.Scale != nil {
		sc = s.target.Scale[min(int(slab), len(s.target.Scale)-1)]
	}
	if sc < 0 {
		g.fp8.Decode(dst, src)
		return nil
	}
	sg := p.origin.tensor(sc)
	at, n := s.blocks.ScaleRow(r), s.blocks.ScaleCols(g.cols)
	if w.scaleOf != sc+1 || w.scaleRow != at {
		one := sg.rowBytes / sg.cols
		w.raw = grow(w.raw, n*one)
		if err := p.origin.readAt(sc, w.raw, at*n*one); err != nil {
			return err
		}
		w.scale = grow(w.scale, n)
		sg.decode(w.scale, w.raw)
		w.scaleOf, w.scaleRow = sc+1, at
	}
	s.blocks.Decode(g.fp8, dst, src, r, g.cols, w.scale)
	return nil
}
