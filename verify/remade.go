package verify

import (
	"bytes"
	"context"
	"fmt"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/mix"
	"github.com/qconv/qconv/quantize/pipeline"
)

// Values of Tensor.Remade.
const (
	remadeSame      = "same"
	remadeDifferent = "different"
	remadeUnknown   = "unknown"
)

// How large the relative error of a tensor may be whose bytes nobody explained: as a multiple of that of the source's encoding,
// for files that do not say that importance made plain errors larger; and altogether, where rows are too short for more. Half of
// the values of another tensor have an error of 1.4.
const (
	tensorFactor = 2.0
	tensorMost   = 1.2
	tensorFloor  = 1e-3 // below it a tensor is as good as the source's
)

// anyQuantized is a recipe of the two-step route; Options.Types takes the place of its choice.
func anyQuantized() *mix.Recipe {
	r, _ := mix.ParseRecipe("Q8_0")
	return r
}

// variants finds tensors that are what this version makes of the source in another way than by default, so that what is left
// differs for a reason that nobody knows.
func (s *Subject) variants(ctx context.Context, o pipeline.Options, list []compared) error {
	type variant struct {
		name    string
		options pipeline.Options
	}
	var all []variant
	add := func(name string, change func(*pipeline.Options)) {
		v := variant{name, o}
		change(&v.options)
		all = append(all, v)
	}
	add("with --correct", func(o *pipeline.Options) { o.Correct = true })
	if o.Importance != nil {
		add("without importance", func(o *pipeline.Options) { o.Importance = nil })
	}
	if s.Source.checkpoint && !o.Recipe.Converter() {
		for _, t := range []gguf.Type{gguf.TypeF16, gguf.TypeBF16, gguf.TypeF32} {
			add("through "+t.String(), func(o *pipeline.Options) { o.Via = &t })
		}
	}
	for _, v := range all {
		var left []*compared
		for i := range list {
			if c := &list[i]; c.total.differ > 0 && c.variant == "" {
				left = append(left, c)
			}
		}
		if len(left) == 0 {
			return nil
		}
		plan, err := s.Source.with(v.options)
		if err != nil {
			continue // a way that the source does not go
		}
		if err := s.try(ctx, plan, left, v.name); err != nil {
			return err
		}
	}
	return nil
}

// try notes which tensors are what a plan makes.
func (s *Subject) try(ctx context.Context, plan *pipeline.Plan, left []*compared, name string) error {
	tensors, index := plan.Tensors(), plan.Tensors().Index()
	var list []compared
	for _, c := range left {
		list = append(list, *c)
	}
	workers, err := s.workers(list, plan.Memory.Base)
	if err != nil {
		return err
	}
	return each(workers, len(left), func(i int, w *work) error {
		c := list[i]
		c.step = index[s.Set.Tensors[c.number].Name]
		same, err := s.makes(ctx, tensors, &c, w)
		if same && err == nil {
			left[i].variant = name
		}
		return err
	})
}

// makes tells whether a tensor is what is made of the source, beginning with rows that differed before.
func (s *Subject) makes(ctx context.Context, tensors *pipeline.Tensors, c *compared, w *work) (bool, error) {
	for _, differed := range []bool{true, false} {
		for i := range c.units {
			if c.units[i].differ > 0 != differed {
				continue
			}
			if ctx.Err() != nil {
				return false, context.Cause(ctx)
			}
			first, rows := c.unit(i)
			if err := s.fetch(tensors, c, first, rows, w); fault.KindOf(err) == fault.Malformed {
				return false, nil // values that do not fit on this way
			} else if err != nil {
				return false, err
			}
			if !bytes.Equal(w.data, w.remade) {
				return false, nil
			}
		}
	}
	return true, nil
}

// verdict is what was found out about tensors together.
type verdict struct {
	same, different, unknown int
	byType                   map[gguf.Type][2]int // same and different ones, of types in blocks
	variants                 map[string]int
}

// judge decides which differences are damage.
func (s *Subject) judge(r *Report, list []compared, found []Finding) {
	file, withImportance := gguf.Value[string](s.Set.First, "quantize.imatrix.file")
	v := verdict{byType: map[gguf.Type][2]int{}, variants: map[string]int{}}
	for i := range list {
		c := &list[i]
		typ := s.Set.Tensors[c.number].Type
		to, n := &r.Tensors[c.number].Remade, v.byType[typ]
		switch {
		case c.total.differ == 0 || c.variant != "":
			*to = remadeSame
			v.same++
			if n[0]++; c.variant != "" {
				v.variants[c.variant]++
			}
		case withImportance && s.Source.Importance == nil && !pipeline.IgnoresWeight(typ) && !c.isolated():
			*to = remadeUnknown
			v.unknown++
		default:
			*to = remadeDifferent
			v.different++
			n[1]++
		}
		v.byType[typ] = n
	}
	var odd, other []Finding
	unexplained := 0
	for i := range list {
		c := &list[i]
		t := &s.Set.Tensors[c.number]
		remade := r.Tensors[c.number].Remade
		if remade == remadeSame {
			continue
		}
		n := v.byType[t.Type]
		f, far := c.farOff(t.Name, withImportance)
		switch {
		case far && !c.isolated():
			odd = append(odd, f)
			continue
		case remade == remadeUnknown:
			continue
		case isFloat(t.Type) || c.isolated() || n[0] > 0 && n[0] >= n[1]:
			other = append(other, finding(t.Name, "row %d is not what the source gives (rows that differ: %d of %d): damaged or altered", c.total.first, c.total.differ, c.rows))
			continue
		}
		unexplained++
	}
	if n := len(odd) + len(other); n > 10 && 2*n > len(list) {
		worst := r.worst()
		odd, other = []Finding{finding(worst.Name, "its relative error is %.3g; tensors that are not the source's: %d of %d: the file was made of another checkpoint, or most of it is damaged", worst.RMSE, n, len(list))}, nil
	}
	text := fmt.Sprintf("%d of %d compared", len(list), len(s.Set.Tensors))
	if worst := r.worst(); worst != nil {
		text += fmt.Sprintf(", relative error at most %.3g (%s)", worst.RMSE, fault.Printable(worst.Name))
	}
	r.Add(checkTensors, text, append(found, odd...)...)
	r.Add(checkRemade, fmt.Sprintf("%d the same bytes as this version makes, %d different, %d unknown", v.same, v.different, v.unknown), other...)
	if v.unknown > 0 {
		r.note("tensors that depend on the importance matrix %s, so that their bytes cannot be compared without it: %d; --imatrix names it", fault.Printable(file), v.unknown)
	}
	if unexplained > 0 {
		r.note("tensors with other bytes than this version makes: %d; another program, version or option made them, and their errors are no larger than that explains", unexplained)
	}
	for _, name := range []string{"with --correct", "without importance", "through F16", "through BF16", "through F32"} {
		if n := v.variants[name]; n > 0 {
			r.note("tensors that were made %s: %d", name, n)
		}
	}
}

// isolated tells that some rows differ among many that do not, which no other way of encoding explains.
func (c *compared) isolated() bool { return c.total.differ > 0 && c.total.differ*32 <= c.total.alike }

// farOff finds a tensor, or rows of it, that are much further from the source than an encoding of it.
func (c *compared) farOff(name string, withImportance bool) (Finding, bool) {
	t, odd := &c.total, &c.strange
	e, own := relative(t.err, t.src), relative(t.own, t.src)
	if e > tensorFloor && (e > tensorMost && e > tensorFactor*own || odd.matrixBest > strangeMatrix || !withImportance && e > tensorFactor*own) {
		return finding(name, "its relative error is %.3g, that of an encoding of the source %.3g: it is damaged, or another tensor's", e, own), true
	}
	if odd.rows > 0 && odd.err > tensorFloor {
		return finding(name, "row %d, columns %d to %d: the relative error is %.3g, that of an encoding of the source %.3g, and other rows do not explain it (rows like this: %d of %d): damaged, or another row's",
			odd.row, odd.from, odd.to-1, odd.err, odd.own, odd.rows, c.rows), true
	}
	return Finding{}, false
}

// worst gives the tensor with the largest relative error, nil when none was compared.
func (r *Report) worst() (t *Tensor) {
	for i := range r.Tensors {
		if v := &r.Tensors[i]; v.Compared && (t == nil || v.RMSE > t.RMSE) {
			t = v
		}
	}
	return t
}
