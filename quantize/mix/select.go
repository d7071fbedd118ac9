package mix

import (
	"fmt"
	"strings"
	"time"

	"github.com/dlclark/regexp2/v2"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
)

// Options change what a recipe does. The zero value changes nothing.
type Options struct {
	Copy        bool       // every tensor keeps its type
	Pure        bool       // no mixture: the default type for every tensor; shapes may still force another
	LeaveOutput bool       // output.weight keeps its type
	Output      *gguf.Type // type of output.weight, whatever its shape; nil: as the recipe says
	Embedding   *gguf.Type // type of the token embeddings, whatever their shape; nil: as the recipe says
	Patterns    []Pattern  // the first that matches a name decides; they apply to quantized recipes only
	Importance  bool       // an importance matrix is given
}

// Pattern gives a type to tensors by name.
type Pattern struct {
	expr *regexp2.Regexp
	typ  gguf.Type
}

// patternTime bounds one match, so that a pattern that backtracks without end is an error.
const patternTime = 2 * time.Second

// NewPattern compiles expr, an ECMAScript regular expression that may match anywhere in a name. Like
// the reference it lower-cases the expression, but not the names. Errors are Usage, or Unsupported for
// POSIX classes, which the reference's regular expressions have and ECMAScript has not.
func NewPattern(expr string, t gguf.Type) (Pattern, error) {
	if expr == "" {
		return Pattern{}, fault.New(fault.Usage, "", "the pattern is empty: give part of a tensor's name, such as ffn_down")
	}
	for _, class := range []string{"[:", "[.", "[="} {
		if strings.Contains(expr, class) {
			return Pattern{}, fault.New(fault.Unsupported, "", "pattern %q: POSIX classes are not understood: write \\d, \\w or a range", expr)
		}
	}
	re, err := regexp2.Compile(strings.ToLower(expr), regexp2.ECMAScript)
	if err != nil {
		return Pattern{}, fault.New(fault.Usage, "", "pattern %q: %w", expr, err)
	}
	re.MatchTimeout = patternTime
	return Pattern{expr: re, typ: t}, nil
}

// Choice is the type of one tensor.
type Choice struct {
	Type       gguf.Type
	Reason     string // why it is not the type that was wanted; "" when it is
	NeedWeight bool   // the reference refuses to make this tensor without importance
}

// Select chooses a type for every site. Sites are in the order of Order: rules count tensors as they
// come. Errors are Usage (an option cannot be met), Limit (a pattern takes too long), Malformed (a
// tensor's layer) or Unsupported (no type fits the shape).
func Select(m Model, sites []Site, r *Recipe, o Options) ([]Choice, error) {
	choices, err := choose(m, sites, r, o)
	if err != nil || o.Importance {
		return choices, err
	}
	for i, c := range choices {
		if c.NeedWeight {
			return nil, fault.New(fault.Usage, "", "%v in a %s file needs an importance matrix: give --imatrix, or choose a larger type", c.Type, r.Name).In(sites[i].Name)
		}
	}
	return choices, nil
}

// choose is Select without the demand for importance.
func choose(m Model, sites []Site, r *Recipe, o Options) ([]Choice, error) {
	v := visit{model: m, recipe: r, options: &o, tied: true}
	for i := range sites {
		switch role := roleOf(sites[i].Name); {
		case role.holdsValues():
			v.values++
		case role == output:
			v.tied = false
		}
	}
	choices := make([]Choice, len(sites))
	for i := range sites {
		s := &sites[i]
		c := &choices[i]
		c.Type = s.Type
		if !s.quantizable(&o) {
			continue
		}
		if err := v.site(s, c); err != nil {
			return nil, err
		}
		c.NeedWeight = v.needWeight(s, c.Type)
	}
	return choices, nil
}

// visit is the state of one walk over the sites.
type visit struct {
	model   Model
	recipe  *Recipe
	options *Options

	tied   bool  // no output.weight: the embeddings serve as output too
	values int64 // tensors that make attention values

	nthValue, nthDown, nthGate, nthUp int64 // how many of each came before
}

// site chooses the type of one tensor that may change.
func (v *visit) site(s *Site, c *Choice) error {
	o := v.options
	role := roleOf(s.Name)
	if role == embedding && o.Embedding != nil {
		named := false
		if s.Name == perLayerEmbedding {
			t, err := v.pattern(s)
			if err != nil {
				return err
			}
			named = t != nil
		}
		if !named {
			c.Type = *o.Embedding
			return nil
		}
	}
	if role == output && o.Output != nil {
		c.Type = *o.Output
		return nil
	}
	c.Type = v.recipe.Default
	if v.recipe.Converter() {
		return nil
	}
	t, err := v.pattern(s)
	switch {
	case err != nil:
		return err
	case t != nil:
		c.Type = *t
	case !o.Pure:
		if c.Type, err = v.rule(s, role, c.Type); err != nil {
			return err
		}
	}
	return fit(s, c)
}

// pattern gives the type of the first pattern that matches, nil when none does.
func (v *visit) pattern(s *Site) (*gguf.Type, error) {
	for i := range v.options.Patterns {
		p := &v.options.Patterns[i]
		ok, err := p.expr.MatchString(s.Name)
		if err != nil {
			return nil, fault.New(fault.Limit, "", "pattern %q takes longer than %v: write it without nested repetition", p.expr.String(), patternTime).In(s.Name)
		}
		if ok {
			return &p.typ, nil
		}
	}
	return nil, nil
}

// needWeight tells whether the reference refuses the tensor without importance.
func (v *visit) needWeight(s *Site, t gguf.Type) bool {
	if r := roleOf(s.Name); r == embedding || r == output {
		return false
	}
	switch t {
	case gguf.TypeIQ3_XXS, gguf.TypeIQ2_XXS, gguf.TypeIQ2_XS, gguf.TypeIQ2_S, gguf.TypeIQ1_M, gguf.TypeIQ1_S:
		return true
	case gguf.TypeQ2_K:
		return v.recipe.FileType == fileQ2_K_S
	}
	return false
}

// fit replaces a type whose blocks do not fit the rows: first by one of smaller blocks, then by F16.
func fit(s *Site, c *Choice) error {
	wanted := c.Type
	elems, _, _ := wanted.Block()
	if s.dim(0)%elems == 0 {
		return nil
	}
	switch wanted {
	case gguf.TypeIQ1_S, gguf.TypeIQ1_M, gguf.TypeIQ2_XXS, gguf.TypeIQ2_XS, gguf.TypeIQ2_S, gguf.TypeIQ3_XXS, gguf.TypeIQ3_S, gguf.TypeIQ4_XS:
		c.Type = gguf.TypeIQ4_NL
	case gguf.TypeQ2_0, gguf.TypeQ2_K, gguf.TypeQ3_K, gguf.TypeTQ1_0, gguf.TypeTQ2_0:
		c.Type = gguf.TypeQ4_0
	case gguf.TypeQ4_K:
		c.Type = gguf.TypeQ5_0
	case gguf.TypeQ5_K:
		c.Type = gguf.TypeQ5_1
	case gguf.TypeQ6_K:
		c.Type = gguf.TypeQ8_0
	default:
		if elems > 32 {
			return fault.New(fault.Unsupported, "", "rows of %d do not fit %v, whose blocks hold %d, and no other type stands in for it: choose one with --tensor-type", s.dim(0), wanted, elems).In(s.Name)
		}
	}
	if elems, _, _ := c.Type.Block(); s.dim(0)%elems != 0 {
		c.Type = gguf.TypeF16
	}
	c.Reason = fmt.Sprintf("rows of %d do not fit %v, whose blocks hold %d", s.dim(0), wanted, elems)
	return nil
}
