package pipeline

import "github.com/qconv/qconv/formats/arch"

// maxUnitRows bounds a unit whose rows are tiny.
const maxUnitRows = 1 << 16

func (s *Step) transposed() bool { return s.op == arch.SplitTransposed }

// cut divides the step's rows into units of about unitSource bytes of source. The division depends
// on shapes only, so that an interrupted run can be resumed with other threads or memory.
func (p *Plan) cut(step int, rowLen int64) (units []unit) {
	s := &p.Steps[step]
	off := s.Offset
	for slab := range s.rows / s.slab {
		var srcRow, n int64
		switch {
		case s.op == arch.Generated:
			n = s.slab
		case s.transposed():
			// Every output row needs every source row of the head.
			srcRow, n = s.target.Take*p.origin.tensor(s.source(slab)).rowBytes, s.slab
		default:
			srcRow = p.origin.tensor(s.source(slab)).rowBytes
			n = min(max(unitSource/max(srcRow, 1), 1), maxUnitRows)
		}
		for row := int64(0); row < s.slab; row += n {
			u := unit{step: step, slab: slab, row: row, nRows: min(n, s.slab-row), off: off}
			u.len = u.nRows * rowLen
			u.srcBytes = u.nRows * srcRow
			if s.transposed() {
				u.srcBytes = srcRow
			}
			off += u.len
			units = append(units, u)
		}
	}
	return units
}
