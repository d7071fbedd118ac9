package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/qconv/qconv/quantize/pipeline"
	"github.com/qconv/qconv/runtime/model"
	"github.com/qconv/qconv/runtime/stream"
)

// progress shows how far a long job is: a bar with rate and time left on a terminal, a JSON object a
// second with --json, a line now and then elsewhere.
type progress struct {
	ui    *ui
	mu    sync.Mutex
	bar   *progressbar.ProgressBar
	phase string
	start time.Time
	next  time.Time // of the next object or line
	done  int64     // of total, what was found done included
	found int64
	total int64

	tokens bool    // what is counted; else bytes
	value  float64 // the perplexity so far; 0: there is none yet
	layer  string  // the last layer that was compared, and its error
}

// How often progress is told.
const (
	eachDrawing = 200 * time.Millisecond
	eachObject  = time.Second
	eachLine    = 30 * time.Second
)

func newProgress(u *ui) *progress { return &progress{ui: u} }

// Resuming implements pipeline.Watcher.
func (p *progress) Resuming(total int64) { p.open("verify", total, 0) }

// Resumed implements pipeline.Watcher.
func (p *progress) Resumed(n int64) { p.add(n) }

// Begin implements pipeline.Watcher.
func (p *progress) Begin(plan *pipeline.Plan, reused int64, notices []string) {
	p.finish()
	p.ui.notices(notices)
	total := plan.DataBytes()
	if reused > 0 {
		p.ui.note("going on from an interrupted run: %s of %s are done", size(reused), size(total))
	}
	p.open("write", total, reused)
}

// Wrote implements pipeline.Watcher.
func (p *progress) Wrote(_ *pipeline.Step, n int64) { p.add(n) }

// Sealing implements pipeline.Watcher.
func (p *progress) Sealing(total int64) { p.open("check", total, 0) }

// Sealed implements pipeline.Watcher.
func (p *progress) Sealed(n int64) { p.add(n) }

// open begins a phase of total bytes, of which found need no work.
func (p *progress) open(phase string, total, found int64) {
	p.finish()
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.phase, p.total, p.done, p.found, p.start = phase, total, found, found, now
	if total <= found || !p.ui.terminal() {
		if p.next.IsZero() {
			p.next = now.Add(p.pause())
		}
		return
	}
	p.bar = progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(io.Discard), // draw prints it
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionShowDescriptionAtLineEnd(),
		progressbar.OptionSetTheme(progressbar.Theme{Saucer: "#", SaucerPadding: "-", BarStart: "[", BarEnd: "]"}),
	)
	p.bar.RenderBlank()
	p.draw(phase)
	p.next = now.Add(p.pause())
}

// draw shows the bar with the first of texts for which the terminal has room, else the last. A line that wraps could not be
// drawn over; three columns stay free for the ^C that a terminal prints.
func (p *progress) draw(texts ...string) {
	const most, least, around = 24, 6, len("100% []  ") + 1
	room := p.ui.columns() - 3 - around
	text := ""
	for _, text = range texts {
		if len(text)+least <= room {
			break
		}
	}
	progressbar.OptionSetWidth(max(0, min(most, room-len(text))))(p.bar)
	p.bar.Set64(p.done)
	p.bar.Describe(text)
	line := strings.TrimRight(strings.TrimLeft(p.bar.String(), "\r"), " ")
	fmt.Fprintf(p.ui.err, "\r\x1b[K%.*s", max(0, p.ui.columns()-1), line)
}

// openTokens begins a phase that counts tokens.
func (p *progress) openTokens(phase string, total int64) {
	p.tokens = true
	p.open(phase, total, 0)
}

// share tells how much of all is done, and the perplexity so far.
func (p *progress) share(done, value float64) {
	p.mu.Lock()
	n := int64(math.Round(done*float64(p.total))) - p.done
	p.value = value
	p.mu.Unlock()
	p.add(n)
}

// layers tells how much of all is done, and the distances of the layers so far.
func (p *progress) layers(done float64, layers []stream.Distance) {
	p.mu.Lock()
	if n := len(layers); n > 0 {
		p.layer = fmt.Sprintf("layer %d error %.4g, ", n-1, layers[n-1].Error)
	}
	p.mu.Unlock()
	p.share(done, 0)
}

// resume tells that a share of all is what an earlier run did.
func (p *progress) resume(done float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.found = int64(math.Round(done * float64(p.total)))
	p.done = p.found
}

// loading tells how many bytes are read of a model that is going to be run.
type loading struct {
	model.Source
	bar *progress
}

// load shows how a model with weights of total bytes comes in from src.
func (p *progress) load(src model.Source, total int64) model.Source {
	p.open("load", total, 0)
	return loading{src, p}
}

func (l loading) Tensor(name string) (model.Tensor, bool) {
	t, ok := l.Source.Tensor(name)
	read := t.Read
	t.Read = func(b []byte, off int64) error {
		err := read(b, off)
		l.bar.add(int64(len(b)))
		return err
	}
	return t, ok
}

// amounts spells out what is done, how fast, and how much time is left; each text says less than the one before.
func (p *progress) amounts(rate int64, left float64) []string {
	ends := fmt.Sprintf("%v left", time.Duration(math.Ceil(left))*time.Second)
	if !p.tokens {
		fast := fmt.Sprintf("%s/s, %s", size(rate), ends)
		return []string{fmt.Sprintf("%s %s of %s, %s", p.phase, size(p.done), size(p.total), fast), p.phase + " " + fast, fast, ends}
	}
	fast := fmt.Sprintf("%d/s, %s", rate, ends)
	all := fmt.Sprintf("%d of %d tokens, %s", p.done, p.total, fast)
	if p.value > 0 {
		soFar := fmt.Sprintf("perplexity %.4f, ", p.value)
		return []string{p.phase + " " + soFar + all, soFar + fast, fast, ends}
	}
	return []string{p.phase + " " + p.layer + all, p.phase + " " + all, p.phase + " " + fast, fast, ends}
}

func (p *progress) add(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	if now := time.Now(); now.After(p.next) {
		p.next = now.Add(p.pause())
		p.tell(now)
	}
}

func (p *progress) pause() time.Duration {
	switch {
	case p.bar != nil:
		return eachDrawing
	case p.ui.json:
		return eachObject
	}
	return eachLine
}

// tell draws the bar, or prints an object or a line.
func (p *progress) tell(now time.Time) {
	took := now.Sub(p.start).Seconds()
	rate := int64(float64(p.done-p.found) / max(took, 1e-3))
	left := float64(p.total-p.done) / float64(max(rate, 1))
	amounts := p.amounts(rate, left)
	if p.bar != nil {
		p.draw(amounts...)
		return
	}
	if !p.ui.json {
		p.ui.note("%d%%: %s", 100*p.done/max(p.total, 1), amounts[0])
		return
	}
	if p.ui.quiet {
		return
	}
	if p.tokens {
		_ = p.ui.object(struct {
			Event      string  `json:"event"`
			Phase      string  `json:"phase"`
			Done       int64   `json:"done_tokens"`
			Total      int64   `json:"total_tokens"`
			Rate       int64   `json:"tokens_per_second"`
			Took       float64 `json:"seconds"`
			Left       float64 `json:"seconds_left"`
			Perplexity float64 `json:"perplexity,omitempty"`
		}{"progress", p.phase, p.done, p.total, rate, took, left, p.value})
		return
	}
	// An object that nobody reads is no reason to stop: what the job gives in the end is.
	_ = p.ui.object(struct {
		Event string  `json:"event"`
		Phase string  `json:"phase"`
		Done  int64   `json:"done_bytes"`
		Total int64   `json:"total_bytes"`
		Rate  int64   `json:"bytes_per_second"`
		Took  float64 `json:"seconds"`
		Left  float64 `json:"seconds_left"`
	}{"progress", p.phase, p.done, p.total, rate, took, left})
}

// finish removes the bar, so that the next line starts on an empty one.
func (p *progress) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		fmt.Fprint(p.ui.err, "\r\x1b[K") // and what the terminal itself printed there, such as ^C
		p.bar = nil
	}
}
