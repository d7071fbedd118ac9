package arch

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/wire"
)

// A shape expression is an integer expression over a model's numbers: names as config.json has them,
// decimal literals, + - * / and parentheses, the usual precedence, / rounding down. Every step is
// checked: no overflow, no negative result, no division by zero.

// exprDepth bounds the nesting of parentheses.
const exprDepth = 16

// eval computes a shape expression.
func (m *Model) eval(expr string) (int64, error) {
	p := exprParser{text: expr, nums: m.nums}
	n, err := p.sum()
	if err == nil && p.skip() < len(p.text) {
		err = fmt.Errorf("unexpected %q", p.text[p.pos:])
	}
	if err != nil {
		return 0, fault.New(fault.Malformed, configFile, "%s: %w", expr, err)
	}
	return n, nil
}

type exprParser struct {
	text  string
	pos   int
	depth int
	nums  map[string]int64
}

// skip passes spaces and gives the position.
func (p *exprParser) skip() int {
	for p.pos < len(p.text) && p.text[p.pos] == ' ' {
		p.pos++
	}
	return p.pos
}

// operator consumes one of ops, or gives 0.
func (p *exprParser) operator(ops string) byte {
	if p.skip() < len(p.text) && strings.IndexByte(ops, p.text[p.pos]) >= 0 {
		p.pos++
		return p.text[p.pos-1]
	}
	return 0
}

func (p *exprParser) sum() (int64, error) {
	a, err := p.product()
	for err == nil {
		op := p.operator("+-")
		if op == 0 {
			return a, nil
		}
		var b int64
		if b, err = p.product(); err != nil {
			break
		}
		if op == '-' {
			if a -= b; a < 0 {
				return 0, fmt.Errorf("%d is negative", a)
			}
			continue
		}
		var ok bool
		if a, ok = wire.Add(a, b); !ok {
			return 0, fmt.Errorf("the sum exceeds 64 bits")
		}
	}
	return 0, err
}

func (p *exprParser) product() (int64, error) {
	a, err := p.atom()
	for err == nil {
		op := p.operator("*/")
		if op == 0 {
			return a, nil
		}
		var b int64
		if b, err = p.atom(); err != nil {
			break
		}
		if op == '/' {
			if b == 0 {
				return 0, fmt.Errorf("division by zero")
			}
			a /= b
			continue
		}
		var ok bool
		if a, ok = wire.Mul(a, b); !ok {
			return 0, fmt.Errorf("the product exceeds 64 bits")
		}
	}
	return 0, err
}

func (p *exprParser) atom() (int64, error) {
	if p.operator("(") != 0 {
		if p.depth++; p.depth > exprDepth {
			return 0, fmt.Errorf("parentheses nest deeper than %d", exprDepth)
		}
		n, err := p.sum()
		if err == nil && p.operator(")") == 0 {
			err = fmt.Errorf("a parenthesis is not closed")
		}
		p.depth--
		return n, err
	}
	start := p.skip()
	for p.pos < len(p.text) && strings.IndexByte("+-*/() ", p.text[p.pos]) < 0 {
		p.pos++
	}
	word := p.text[start:p.pos]
	if word == "" {
		return 0, fmt.Errorf("a name or a number is missing")
	}
	if word[0] >= '0' && word[0] <= '9' {
		return strconv.ParseInt(word, 10, 64)
	}
	n, ok := p.nums[word]
	if !ok {
		return 0, fmt.Errorf("%s is not a number of this model", word)
	}
	return n, nil
}

// shape evaluates a list of expressions, outermost dimension first.
func (m *Model) shape(exprs []string) ([]int64, error) {
	dims := make([]int64, len(exprs))
	for i, e := range exprs {
		n, err := m.eval(e)
		if err != nil {
			return nil, err
		}
		dims[i] = n
	}
	return dims, nil
}

// checkShape compares a source with its rule's shape.
func checkShape(src *Source, exprs []string, want []int64) error {
	if len(src.Shape) != len(want) {
		return fault.New(fault.Mismatch, "", "shape %v has %d dimensions, config.json says [%s] = %v",
			src.Shape, len(src.Shape), strings.Join(exprs, ", "), want).In(src.Name)
	}
	for i, n := range want {
		if src.Shape[i] != n {
			return fault.New(fault.Mismatch, "", "dimension %d of shape %v is %d, config.json says %s = %d",
				i, src.Shape, src.Shape[i], exprs[i], n).In(src.Name)
		}
	}
	return nil
}

// reversed gives dims with the innermost dimension first: here, and only here, the two ways of
// writing a shape meet.
func reversed(hfShape []int64) []int64 {
	shape := make([]int64, len(hfShape))
	for i, n := range hfShape {
		shape[len(hfShape)-1-i] = n
	}
	return shape
}
