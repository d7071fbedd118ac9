package main

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/qconv/qconv/quantize/pipeline"
	"github.com/qconv/qconv/verify"
)

type tensorJSON struct {
	Name   string  `json:"name"`
	Shape  []int64 `json:"shape"` // innermost dimension first
	From   string  `json:"from,omitempty"`
	Type   string  `json:"type"`
	Bytes  int64   `json:"bytes"`
	File   string  `json:"file,omitempty"`
	Reason string  `json:"reason,omitempty"`
}

type fileJSON struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256,omitempty"`
}

type memoryJSON struct {
	Budget  int64 `json:"budget_bytes"`
	Peak    int64 `json:"peak_bytes"`
	Slot    int64 `json:"buffer_bytes"`
	Slots   int   `json:"buffers"`
	Workers int   `json:"workers"`
}

type diskJSON struct {
	Directory string `json:"directory"`
	Needed    int64  `json:"needed_bytes"`
	Free      *int64 `json:"free_bytes"` // null where the system does not say
}

type totalsJSON struct {
	Event         string     `json:"event,omitempty"`
	Source        string     `json:"source"`
	Arch          string     `json:"architecture"`
	Type          string     `json:"type"`
	Weights       int64      `json:"weights"`
	Tensors       int        `json:"tensor_count"`
	SourceBytes   int64      `json:"source_bytes"`
	Bytes         int64      `json:"bytes"`
	BitsPerWeight float64    `json:"bits_per_weight"`
	Files         []fileJSON `json:"files"`
	Notices       []string   `json:"notices"`
}

func planJSON(p *pipeline.Plan, dir string) any {
	v := struct {
		totalsJSON
		Memory  memoryJSON   `json:"memory"`
		Disk    diskJSON     `json:"disk"`
		Digest  string       `json:"plan_digest"`
		Tensors []tensorJSON `json:"tensors"`
	}{
		totalsJSON: totalsJSON{Source: p.Name, Arch: p.Arch, Type: p.Recipe.Name, Weights: p.Elements, Tensors: len(p.Steps),
			SourceBytes: p.SourceBytes, Bytes: p.Bytes, BitsPerWeight: p.BitsPerWeight(), Files: []fileJSON{}, Notices: orEmpty(p.Notices)},
		Memory: memoryJSON{p.Memory.Budget, p.Memory.Peak, p.Memory.Slot, p.Memory.Slots, p.Memory.Workers},
		Disk:   diskJSON{Directory: dir, Needed: p.Bytes},
		Digest: p.Digest,
	}
	if free, known := pipeline.Free(dir); known {
		v.Disk.Free = &free
	}
	for i := range p.Parts {
		v.Files = append(v.Files, fileJSON{Path: filepath.Join(dir, p.Parts[i].Name), Bytes: p.Parts[i].Layout.Size})
	}
	for i := range p.Steps {
		s := &p.Steps[i]
		v.Tensors = append(v.Tensors, tensorJSON{s.Name, s.Shape, s.From, s.Type.String(), s.Bytes, p.Parts[s.Part].Name, s.Reason})
	}
	return v
}

// converted prints what a conversion made.
func (u *ui) converted(r *pipeline.Report, took time.Duration) error {
	return u.convertedWith(r, took, nil, nil)
}

// convertedWith prints what a conversion made that ran its source or was verified; read tells how many bytes of the source were
// read, and may be nil.
func (u *ui) convertedWith(r *pipeline.Report, took time.Duration, verification *verify.Report, read func() int64) error {
	var bytes int64
	if read != nil {
		bytes = read()
	}
	if u.json {
		v := struct {
			totalsJSON
			Seconds   float64      `json:"seconds"`
			Reused    int64        `json:"reused_bytes"`
			Read      int64        `json:"source_bytes_read,omitempty"`
			Fallbacks []tensorJSON `json:"fallbacks"`
			Damaged   []string     `json:"damaged"`
			Warnings  []string     `json:"warnings"`

			Verification *verify.Report `json:"verification,omitempty"`
		}{
			totalsJSON: totalsJSON{Event: "done", Source: r.Source, Arch: r.Arch, Type: r.Type, Weights: r.Elements, Tensors: r.Tensors,
				SourceBytes: r.SourceBytes, Bytes: r.Bytes, BitsPerWeight: r.BitsPerWeight, Files: []fileJSON{}, Notices: orEmpty(r.Notices)},
			Seconds: took.Seconds(), Reused: r.Reused, Read: bytes, Fallbacks: []tensorJSON{}, Damaged: orEmpty(r.Damaged), Warnings: orEmpty(r.Warnings), Verification: verification,
		}
		for _, f := range r.Files {
			v.Files = append(v.Files, fileJSON(f))
		}
		for _, f := range r.Fallbacks {
			v.Fallbacks = append(v.Fallbacks, tensorJSON{Name: f.Tensor, Type: f.Type.String(), Reason: f.Reason})
		}
		return u.object(v)
	}
	for _, f := range r.Fallbacks {
		u.note("note: %s is %v: %s", quoted(f.Tensor), f.Type, f.Reason)
	}
	for _, w := range r.Warnings {
		u.note("warning: %s", w)
	}
	for _, f := range r.Files {
		if u.quiet {
			continue
		}
		if err := u.printf("%s  %s  sha256 %s\n", quoted(f.Path), size(f.Bytes), f.SHA256); err != nil {
			return err
		}
	}
	if err := u.flush(); err != nil {
		return err
	}
	speed := ""
	if r.Reused == 0 {
		speed = fmt.Sprintf(", %s of source a second", size(int64(float64(r.SourceBytes)/took.Seconds())))
	}
	if took > 10*time.Second {
		took = took.Round(time.Second)
	}
	u.note("%s in %v%s", size(r.Bytes), took.Round(time.Millisecond), speed)
	return nil
}

func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
