package pipeline

import (
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

// encode fills dst, which has u.len bytes, with the unit's output rows.
func (p *Plan) encode(u *unit, f *fetched, dst []byte, w *scratch) error {
	s := &p.Steps[u.step]
	if s.op == arch.SplitTransposed {
		return p.encodeTransposed(u, f, dst, w)
	}
	rowLen := u.len / u.nRows
	out := w.floats(s.cols)
	for i := range u.nRows {
		r := u.row + i
		to := dst[i*rowLen : (i+1)*rowLen]
		if s.op == arch.Generated {
			at := (u.slab*s.slab + r) * s.cols
			if err := p.encodeRow(s, s.target.Values[at:at+s.cols], to, r, w); err != nil {
				return err
			}
			continue
		}
		g := p.origin.tensor(f.src)
		sr := s.sourceRow(u.slab, r, g.rows)
		from := f.row(sr, g.rowBytes)
		if s.raw {
			copy(to, from)
			if err := p.checkRow(s, g, to, sr); err != nil {
				return err
			}
			continue
		}
		if err := p.widen(s, u.slab, g, sr, out, from, w); err != nil {
			return err
		}
		row := out
		if s.op == arch.PermuteQK && s.rows == 1 {
			row = w.slab(s.cols)
			for k := range s.cols {
				row[k] = out[permuted(k, s.cols/s.target.Heads)]
			}
		}
		if err := p.encodeRow(s, row, to, sr, w); err != nil {
			return err
		}
	}
	return nil
}

// encodeTransposed writes column c of the head's source rows as output row c.
func (p *Plan) encodeTransposed(u *unit, f *fetched, dst []byte, w *scratch) error {
	s := &p.Steps[u.step]
	g := p.origin.tensor(f.src)
	all := w.slab(s.target.Take * g.cols)
	for i := range s.target.Take {
		sr := f.first + i
		if err := p.widen(s, u.slab, g, sr, all[i*g.cols:(i+1)*g.cols], f.row(sr, g.rowBytes), w); err != nil {
			return err
		}
	}
	rowLen := u.len / u.nRows
	out := w.floats(s.cols)
	for i := range u.nRows {
		c := u.row + i
		for k := range s.cols {
			out[k] = all[k*g.cols+c]
		}
		if err := p.encodeRow(s, out, dst[i*rowLen:(i+1)*rowLen], c, w); err != nil {
			return err
		}
	}
	return nil
}

// widen decodes one source row to float32 and refuses NaN and infinity.
func (p *Plan) widen(s *Step, slab int64, g *grid, r int64, dst []float32, src []byte, w *scratch) error {
	if g.fp8 != nil {
		if err := p.widenFP8(s, slab, g, r, dst, src, w); err != nil {
			return err
		}
	} else {
		g.decode(dst, src)
	}
	if c := quantize.FirstNonFinite(dst); c >= 0 {
		return fault.New(fault.Malformed, g.file, "row %d, column %d is %v; a model with such values cannot be converted", r, c, dst[c]).In(g.name)
	}
	return nil
}

// encodeRow rounds the row as the two-step route does and encodes it.
func (p *Plan) encodeRow(s *Step, row []float32, dst []byte, r int64, w *scratch) error {
	if s.via != nil {
		w.raw = grow(w.raw, s.viaBytes)
		s.via.Encode(w.raw, row, nil)
		if err := s.via.Check(w.raw); err != nil {
			return fault.New(fault.Malformed, "", "row %d does not fit %v, the source's 16-bit type: %w", r, s.via.Type, err).In(s.Name)
		}
		s.via.Decode(row, w.raw)
	}
	if s.largest > 0 {
		for c, x := range row {
			if x >= s.largest || x <= -s.largest {
				return fault.New(fault.Malformed, "", "row %d, column %d is %g: %v rows lose everything from %g on; %s", r, c, x, s.Type, s.largest, p.otherType()).In(s.Name)
			}
		}
	}
	s.codec.Encode(dst, row, nil)
	if err := s.codec.Check(dst); err != nil {
		return fault.New(fault.Malformed, "", "row %d does not fit %v: %w; %s", r, s.Type, err, p.otherType()).In(s.Name)
	}
	return nil
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
		return fault.New(fault.Malformed, g.file, "row %d is damaged: %w", r, err).In(g.name)
	}
	return nil
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
