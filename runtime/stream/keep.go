package stream

import (
	"context"
	"slices"
	"time"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/quantize/imatrix"
	"github.com/qconv/qconv/runtime/model"
)

// keeper decides when a run saves what it did.
type keeper struct {
	path  string        // "": never
	every time.Duration // at most; negative: behind every layer
	saved time.Time
	cost  time.Duration // of saving
}

// keepShare is how many times longer than saving took a run works before it saves again.
const keepShare = 20

// due tells whether it is time to save: unless that was done a short while ago and there is no reason to hurry.
func (k *keeper) due(ctx context.Context) bool {
	return k.path != "" && (k.every < 0 || ctx.Err() != nil || time.Since(k.saved) >= max(k.every, keepShare*k.cost))
}

func (k *keeper) save(s State, numbers func(*StateWriter) error) error {
	begun := time.Now()
	err := SaveState(k.path, s, numbers)
	k.saved = time.Now()
	k.cost = k.saved.Sub(begun)
	return err
}

// sums writes counts and sums of all entries.
func (w *StateWriter) sums(sums *imatrix.Sums) error {
	for i := range sums.Entries {
		e := &sums.Entries[i]
		if err := w.Ints(e.Counts); err != nil {
			return err
		}
		if err := w.Doubles(e.Values); err != nil {
			return err
		}
	}
	return nil
}

// sums reads what StateWriter.sums wrote.
func (s *SavedState) sums(sums *imatrix.Sums) error {
	for i := range sums.Entries {
		e := &sums.Entries[i]
		if err := s.Ints(e.Counts); err != nil {
			return unfit(err)
		}
		if err := s.Doubles(e.Values); err != nil {
			return unfit(err)
		}
		if err := e.Check(); err != nil || slices.Min(e.Counts) < 0 {
			return unfit(errState)
		}
	}
	return nil
}

// streams writes the residual streams of passes.
func (w *StateWriter) streams(passes []*model.Pass) error {
	return eachRows(passes, func(p *model.Pass, first int, rows []float32) error {
		if err := p.Read(rows, first); err != nil {
			return err
		}
		return w.Floats(rows)
	})
}

// streams reads what StateWriter.streams wrote; last tells that nothing follows.
func (s *SavedState) streams(passes []*model.Pass, last bool) error {
	err := eachRows(passes, func(p *model.Pass, first int, rows []float32) error {
		err := s.Floats(rows)
		if err == nil {
			p.Write(rows, first)
		}
		return err
	})
	if err == nil && last && s.Left != 0 {
		err = errState
	}
	return unfit(err)
}

// unfit is for a state that has the digest of a run which it does not fit: nobody but us writes such a digest.
func unfit(err error) error {
	if err == nil || fault.KindOf(err) != 0 {
		return err
	}
	return fault.New(fault.Malformed, "", "what an interrupted run did cannot be used: %w; remove the .state file", fault.Cause(err))
}

// eachRows goes through the rows of residual streams, some at a time; rows has room for those from first on.
func eachRows(passes []*model.Pass, use func(p *model.Pass, first int, rows []float32) error) error {
	for _, p := range passes {
		x := p.X()
		buf := make([]float32, min(compareRows, x.Rows)*x.Cols)
		for first := 0; first < x.Rows; first += compareRows {
			if err := use(p, first, buf[:min(compareRows, x.Rows-first)*x.Cols]); err != nil {
				return err
			}
		}
	}
	return nil
}
