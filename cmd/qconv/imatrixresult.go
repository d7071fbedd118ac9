package main

import (
	"context"
	"fmt"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/quantize/imatrix"
	"github.com/qconv/qconv/runtime/stream"
)

type importanceJSON struct {
	Event     string           `json:"event"`
	Source    string           `json:"source,omitempty"`
	File      *fileJSON        `json:"file,omitempty"`
	Datasets  []string         `json:"datasets"`
	Chunks    int64            `json:"chunks"`
	ChunkSize int64            `json:"chunk_size"`
	Entries   int              `json:"entries"`
	Scarce    []scarceJSON     `json:"scarce_experts"` // those that saw few tokens
	Left      []string         `json:"left_out,omitempty"`
	Tokens    int64            `json:"tokens,omitempty"`
	Peak      int64            `json:"memory_bytes,omitempty"`
	Seconds   float64          `json:"seconds,omitempty"`
	Rate      float64          `json:"tokens_per_second,omitempty"`
	Tensors   []statisticsJSON `json:"statistics,omitempty"`
	Layers    []layerJSON      `json:"layers,omitempty"`
}

type scarceJSON struct {
	Tensor string `json:"tensor"`
	Expert int    `json:"expert"`
	Tokens int64  `json:"tokens"`
}

type statisticsJSON struct {
	Tensor    string  `json:"tensor"`
	Layer     *int    `json:"layer"`
	Kind      string  `json:"kind"`
	Elements  int     `json:"elements"`
	Sum       float64 `json:"sum"`
	Min       float64 `json:"min"`
	Max       float64 `json:"max"`
	Mean      float64 `json:"mean"`
	Deviation float64 `json:"deviation"`
	Active    float64 `json:"active"`
	Entropy   float64 `json:"entropy_bits"`
	Evenness  float64 `json:"normalized_entropy"`
	ZD        float64 `json:"zd"`
	Cosine    float64 `json:"cosine"`
}

type layerJSON struct {
	Layer  int     `json:"layer"`
	Sum    float64 `json:"sum"`
	ZD     float64 `json:"zd"`
	Cosine float64 `json:"cosine"`
}

// writeImportance writes the file and says what was made.
func (u *ui) writeImportance(ctx context.Context, q *collecting, sums *imatrix.Sums, done importanceJSON) error {
	w, err := sums.Write(ctx, q.out)
	if err != nil {
		return err
	}
	stream.RemoveState(q.state())
	u.partial = ""
	done.Event, done.File, done.Left = "done", &fileJSON{Path: q.out.Path, Bytes: w.Size, SHA256: w.SHA256}, w.Left
	if err := u.importance(&done, q, sums); err != nil {
		return fault.New(fault.IO, q.out.Path, "is complete; %w", err)
	}
	return nil
}

// importance says what sums are, and what is in the file that was made of them, if one was.
func (u *ui) importance(done *importanceJSON, q *collecting, sums *imatrix.Sums) error {
	done.Datasets, done.Chunks, done.ChunkSize, done.Entries = orEmpty(sums.Datasets), sums.Chunks(), sums.ChunkSize, len(sums.Entries)
	scarce := sums.Scarce()
	var list []imatrix.Statistics
	if q.statistics {
		list = sums.Statistics()
	}
	if u.json {
		done.Scarce = []scarceJSON{}
		for _, s := range scarce {
			done.Scarce = append(done.Scarce, scarceJSON{s.Tensor, s.Matrix, s.Rows})
		}
		for _, t := range list {
			s := statisticsJSON{t.Tensor, nil, t.Kind, t.Elements, t.Sum, t.Min, t.Max, t.Mean, t.Deviation, t.Active, t.Entropy, t.Evenness, t.ZD, t.Cosine}
			if t.Layer >= 0 {
				s.Layer = &t.Layer
			}
			done.Tensors = append(done.Tensors, s)
		}
		for _, l := range imatrix.ByLayer(list) {
			done.Layers = append(done.Layers, layerJSON{l.Layer, l.Sum, l.ZD, l.Cosine})
		}
		return u.object(done)
	}
	u.scarce(scarce)
	if len(done.Left) > 0 {
		u.note("note: entries without any data, which the dat format leaves out: %d (%s)", len(done.Left), some(done.Left))
	}
	if len(list) > 0 {
		if err := u.statistics(list); err != nil {
			return err
		}
	}
	if done.File == nil {
		return nil
	}
	if u.quiet {
		return nil
	}
	return u.printf("%s (%s, %d entries, %d chunks of %d tokens)\n", quoted(done.File.Path), size(done.File.Bytes), done.Entries, done.Chunks, done.ChunkSize)
}

// scarce names experts that saw no token, and those that saw few: once a layer, for all matrices of an expert see the same.
func (u *ui) scarce(list []imatrix.Scarce) {
	var none, few []string
	seen := map[string]bool{}
	for _, s := range list {
		name := fmt.Sprintf("%s expert %d", quoted(s.Tensor[:max(0, strings.LastIndex(strings.TrimSuffix(s.Tensor, ".weight"), "."))]), s.Matrix)
		switch {
		case seen[name]:
		case s.Rows == 0:
			none = append(none, name)
		default:
			few = append(few, fmt.Sprintf("%s: %d", name, s.Rows))
		}
		seen[name] = true
	}
	if len(none) > 0 {
		u.note("note: experts that saw no token, whose columns all count the same: %d (%s)", len(none), some(none))
	}
	if len(few) > 0 {
		u.note("note: experts that saw fewer than %d tokens, whose importance is uncertain: %d (%s); a longer text reaches more", imatrix.FewRows, len(few), some(few))
	}
}

// some is the first of many names.
func some(names []string) string {
	const most = 6
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + ", ..."
}

// statistics prints them as llama-imatrix orders them.
func (u *ui) statistics(list []imatrix.Statistics) error {
	w := tabwriter.NewWriter(u.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(cells ...string) { fmt.Fprintln(w, strings.Join(cells, "\t")+"\t") }
	row("layer", "tensor", "sum(act^2)", "min", "max", "mean", "deviation", "active", "N", "entropy", "E(norm)", "ZD", "cosine")
	number := func(x float64) string {
		if a := math.Abs(x); a != 0 && (a < 1e-3 || a >= 1e6) {
			return fmt.Sprintf("%.3e", x)
		}
		return fmt.Sprintf("%.4f", x)
	}
	share := func(x float64) string { return fmt.Sprintf("%.2f%%", 100*x) }
	for _, t := range list {
		layer := "-"
		if t.Layer >= 0 {
			layer = fmt.Sprint(t.Layer)
		}
		row(layer, quoted(t.Kind), number(t.Sum), number(t.Min), number(t.Max), number(t.Mean), number(t.Deviation), share(t.Active),
			fmt.Sprint(t.Elements), number(t.Entropy), share(t.Evenness), share(t.ZD), number(t.Cosine))
	}
	fmt.Fprintln(w)
	row("layer", "sum(act^2)", "ZD", "cosine")
	for _, l := range imatrix.ByLayer(list) {
		row(fmt.Sprint(l.Layer), number(l.Sum), share(l.ZD), number(l.Cosine))
	}
	return printFault(w.Flush())
}
