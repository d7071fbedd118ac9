package main

import (
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/qconv/qconv/quantize/pipeline"
)

// progress shows how far a conversion is: a bar with rate and time left on a terminal, a JSON line a
// second with --json, nothing else.
type progress struct {
	ui    *ui
	mu    sync.Mutex
	bar   *progressbar.ProgressBar
	phase string
	done  int64
	total int64
	start time.Time
	last  time.Time
}

func newProgress(u *ui) *progress { return &progress{ui: u} }

// Begin implements pipeline.Watcher.
func (p *progress) Begin(plan *pipeline.Plan, reused int64) {
	if reused > 0 {
		p.ui.note("going on from an interrupted run: %s of %s are done", size(reused), size(plan.Bytes))
	}
	p.open("convert", "writing  ", plan.DataBytes(), reused)
}

// Wrote implements pipeline.Watcher.
func (p *progress) Wrote(_ *pipeline.Step, n int64) { p.add(n) }

// Sealing implements pipeline.Watcher.
func (p *progress) Sealing(total int64) { p.open("check", "checking ", total, 0) }

// Sealed implements pipeline.Watcher.
func (p *progress) Sealed(n int64) { p.add(n) }

func (p *progress) open(phase, label string, total, done int64) {
	p.finish()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.phase, p.total, p.done, p.start = phase, total, done, time.Now()
	if p.ui.terminal() {
		p.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(p.ui.err),
			progressbar.OptionSetDescription(label),
			progressbar.OptionShowBytes(true),
			progressbar.OptionUseIECUnits(true),
			progressbar.OptionSetPredictTime(true),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionFullWidth(),
			progressbar.OptionClearOnFinish(),
		)
		p.bar.Set64(done)
	}
}

func (p *progress) add(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	if p.bar != nil {
		p.bar.Add64(n)
	}
	if p.ui.json && !p.ui.quiet && time.Since(p.last) >= time.Second {
		p.last = time.Now()
		p.ui.object(map[string]any{"event": "progress", "phase": p.phase, "done_bytes": p.done, "total_bytes": p.total,
			"seconds": time.Since(p.start).Seconds()})
	}
}

// finish removes the bar, so that the next line starts on an empty one.
func (p *progress) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.bar.Clear()
		p.bar = nil
	}
}
