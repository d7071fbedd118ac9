package chat

import (
	"cmp"
	"math"
	"strings"
)

// sign is -v or +v.
func sign(line int, op string, v value) (value, error) {
	x, i, isInt, ok := asNumber(v)
	switch {
	case !ok:
		return nil, badOperand(line, op, v)
	case isInt && op == "-":
		if i == math.MinInt64 {
			return nil, bigInteger(line)
		}
		return -i, nil
	case isInt:
		return i, nil
	case op == "-":
		return -x, nil
	}
	return x, nil
}

func badOperand(line int, op string, vs ...value) error {
	what := make([]string, len(vs))
	for i, v := range vs {
		what[i] = typeName(v)
		if u, ok := v.(undefined); ok {
			what[i] = u.what + ", which is undefined"
		}
	}
	return syntax(line, "%s does not work on %s", quote(op), strings.Join(what, " and "))
}

func bigInteger(line int) error { return unsupported(line, "an integer of more than 64 bits") }

func (f *frame) binary(x *binaryExpr) (value, error) {
	a, err := f.eval(x.x)
	if err != nil {
		return nil, err
	}
	if x.op == "and" && !truth(a) || x.op == "or" && truth(a) {
		return a, nil
	}
	b, err := f.eval(x.y)
	if err != nil || x.op == "and" || x.op == "or" {
		return b, err
	}
	return f.arithmetic(x.line(), x.op, a, b)
}

func (f *frame) arithmetic(line int, op string, a, b value) (value, error) {
	x, i, aInt, aNum := asNumber(a)
	y, j, bInt, bNum := asNumber(b)
	switch {
	case aNum && bNum && aInt && bInt:
		return integers(line, op, i, j)
	case aNum && bNum:
		return floats(line, op, x, y)
	}
	_, aMarked := a.(markup)
	_, bMarked := b.(markup)
	if aMarked || bMarked {
		return nil, unsupported(line, "%s on a string marked safe", quote(op))
	}
	switch op {
	case "+":
		switch a := a.(type) {
		case string:
			if b, ok := b.(string); ok {
				return a + b, f.make(line, len(a)+len(b))
			}
		case *list:
			if b, ok := b.(*list); ok && a.tuple == b.tuple {
				if err := f.make(line, slot*(len(a.items)+len(b.items)+4)); err != nil {
					return nil, err
				}
				return &list{append(append(make([]value, 0, len(a.items)+len(b.items)), a.items...), b.items...), a.tuple}, nil
			}
		}
	case "*":
		if aInt {
			a, b, j, bInt = b, a, i, true
		}
		if bInt {
			return f.repeat(line, a, j)
		}
	case "%":
		if _, ok := a.(string); ok {
			return nil, unsupported(line, "formatting with %%")
		}
	}
	return nil, badOperand(line, op, a, b)
}

// repeat is a * n for sequences. The size is counted before anything is made.
func (f *frame) repeat(line int, a value, n int64) (value, error) {
	n = max(n, 0)
	size := 0
	switch a := a.(type) {
	case string:
		size = len(a)
	case *list:
		size = slot * len(a.items)
	default:
		return nil, badOperand(line, "*", a, n)
	}
	if size > 0 && n > int64(maxBytes/size) {
		return nil, limit(line, "values of more than %d MiB", maxBytes>>20)
	}
	if err := f.make(line, size*int(n)); err != nil {
		return nil, err
	}
	if s, ok := a.(string); ok {
		if s == "" {
			return "", nil
		}
		return strings.Repeat(s, int(n)), nil
	}
	l := a.(*list)
	if len(l.items) == 0 {
		return &list{tuple: l.tuple}, nil
	}
	out := make([]value, 0, len(l.items)*int(n))
	for range n {
		out = append(out, l.items...)
	}
	return &list{out, l.tuple}, nil
}

func integers(line int, op string, a, b int64) (value, error) {
	switch op {
	case "+":
		if c := a + b; (c > a) == (b > 0) {
			return c, nil
		}
	case "-":
		if c := a - b; (c < a) == (b > 0) {
			return c, nil
		}
	case "*":
		if a == 0 || b == 0 {
			return int64(0), nil
		}
		if c := a * b; c/b == a && !(a == -1 && b == math.MinInt64) && !(b == -1 && a == math.MinInt64) {
			return c, nil
		}
	case "/":
		if b == 0 {
			return nil, syntax(line, "division by zero")
		}
		const exact = 1 << 53
		if max(a, b) > exact || min(a, b) < -exact {
			return nil, unsupported(line, "division of integers beyond 2^53")
		}
		return float64(a) / float64(b), nil
	case "//", "%":
		if b == 0 {
			return nil, syntax(line, "division by zero")
		}
		if b == -1 {
			if op == "%" {
				return int64(0), nil
			}
			return integers(line, "-", 0, a)
		}
		q, m := a/b, a%b
		if m != 0 && (m < 0) != (b < 0) {
			q, m = q-1, m+b
		}
		if op == "%" {
			return m, nil
		}
		return q, nil
	case "**":
		return power(line, a, b)
	}
	return nil, bigInteger(line)
}

// power is a ** b for b that is not negative. Others give a float whose last digit depends on the C library.
func power(line int, a, b int64) (value, error) {
	if b < 0 {
		return nil, unsupported(line, "a power that is not an integer")
	}
	var out value = int64(1)
	for base := (value)(a); b > 0; b >>= 1 {
		var err error
		if b&1 == 1 {
			if out, err = integers(line, "*", out.(int64), base.(int64)); err != nil {
				return nil, err
			}
		}
		if b > 1 {
			if base, err = integers(line, "*", base.(int64), base.(int64)); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func floats(line int, op string, a, b float64) (value, error) {
	switch op {
	case "+":
		return a + b, nil
	case "-":
		return a - b, nil
	case "*":
		return a * b, nil
	case "**":
		return nil, unsupported(line, "a power of floats")
	}
	if b == 0 {
		return nil, syntax(line, "division by zero")
	}
	if op == "/" {
		return a / b, nil
	}
	m := math.Mod(a, b)
	if m != 0 && (m < 0) != (b < 0) {
		m += b
	} else if m == 0 {
		m = math.Copysign(0, b)
	}
	if op == "%" {
		return m, nil
	}
	q := (a - m) / b
	if q == 0 {
		return math.Copysign(0, a/b), nil
	}
	if floor := math.Floor(q); q-floor <= 0.5 {
		return floor, nil
	}
	return math.Ceil(q), nil
}

// compareChain is x < y == z ..., which stops at the first that does not hold.
func (f *frame) compareChain(x *compareExpr) (value, error) {
	a, err := f.eval(x.x)
	if err != nil {
		return nil, err
	}
	for i, op := range x.ops {
		b, err := f.eval(x.ys[i])
		if err != nil {
			return nil, err
		}
		ok, err := f.compare(x.line(), op, a, b)
		if err != nil || !ok {
			return false, err
		}
		a = b
	}
	return true, nil
}

func (f *frame) compare(line int, op string, a, b value) (bool, error) {
	switch op {
	case "==", "!=":
		eq, err := f.equal(line, a, b)
		return eq == (op == "=="), err
	case "in", "not in":
		in, err := f.contains(line, b, a)
		return in == (op == "in"), err
	}
	c, err := f.order(line, op, a, b)
	if err != nil || c == unordered {
		return false, err
	}
	switch op {
	case "<":
		return c < 0, nil
	case "<=":
		return c <= 0, nil
	case ">":
		return c > 0, nil
	}
	return c >= 0, nil
}

// equal is Python's a == b.
func (f *frame) equal(line int, a, b value) (bool, error) {
	if err := f.tick(line, 1); err != nil {
		return false, err
	}
	if err := f.enter(line); err != nil {
		return false, err
	}
	defer func() { f.depth-- }()
	if x, i, aInt, ok := asNumber(a); ok {
		y, j, bInt, ok := asNumber(b)
		if aInt && bInt {
			return i == j, nil
		}
		return ok && x == y, nil
	}
	if s, ok := asString(a); ok {
		t, ok := asString(b)
		return ok && s == t, f.look(line, min(len(s), len(t)))
	}
	switch a := a.(type) {
	case nil:
		return b == nil, nil
	case undefined:
		_, ok := b.(undefined)
		return ok, nil
	case *list:
		b, ok := b.(*list)
		if !ok || a.tuple != b.tuple || len(a.items) != len(b.items) {
			return false, nil
		}
		for i := range a.items {
			if eq, err := f.equal(line, a.items[i], b.items[i]); err != nil || !eq {
				return false, err
			}
		}
		return true, nil
	case *dict:
		b, ok := b.(*dict)
		if !ok || len(a.keys) != len(b.keys) {
			return false, nil
		}
		for i, k := range a.keys {
			hash, _ := hashKey(k)
			j, ok := b.index[hash]
			if !ok {
				return false, nil
			}
			if eq, err := f.equal(line, a.vals[i], b.vals[j]); err != nil || !eq {
				return false, err
			}
		}
		return true, nil
	case *namespace:
		return a == b, nil
	}
	if typeName(a) != typeName(b) {
		return false, nil
	}
	return false, unsupported(line, "comparing %ss", typeName(a))
}

// unordered is what order gives for numbers that are neither smaller, equal nor larger: NaN is one of them.
const unordered = 2

// order compares numbers, strings, and lists of them.
func (f *frame) order(line int, op string, a, b value) (int, error) {
	if err := f.enter(line); err != nil {
		return 0, err
	}
	defer func() { f.depth-- }()
	x, i, aInt, aNum := asNumber(a)
	y, j, bInt, bNum := asNumber(b)
	switch {
	case aNum && bNum && aInt && bInt:
		return cmp.Compare(i, j), nil
	case aNum && bNum && (x != x || y != y):
		return unordered, nil
	case aNum && bNum:
		return cmp.Compare(x, y), nil
	}
	if s, ok := asString(a); ok {
		if t, ok := asString(b); ok {
			return strings.Compare(s, t), f.look(line, min(len(s), len(t)))
		}
	}
	if l, ok := a.(*list); ok {
		if m, ok := b.(*list); ok && l.tuple == m.tuple {
			for k := range min(len(l.items), len(m.items)) {
				eq, err := f.equal(line, l.items[k], m.items[k])
				if err != nil {
					return 0, err
				}
				if !eq {
					return f.order(line, op, l.items[k], m.items[k])
				}
			}
			return cmp.Compare(len(l.items), len(m.items)), nil
		}
	}
	return 0, badOperand(line, op, a, b)
}

// contains is Python's x in v.
func (f *frame) contains(line int, v, x value) (bool, error) {
	switch v := v.(type) {
	case string, markup:
		hay, _ := asString(v)
		needle, ok := asString(x)
		if !ok {
			return false, badOperand(line, "in", x, v)
		}
		return strings.Contains(hay, needle), f.look(line, len(hay)+len(needle))
	case *dict:
		hash, ok := hashKey(x)
		if !ok {
			if _, isUndefined := x.(undefined); isUndefined {
				return false, nil
			}
			return false, badOperand(line, "in", x, v)
		}
		_, ok = v.index[hash]
		return ok, nil
	case *iterator:
		for len(v.rest) > 0 {
			item := v.rest[0]
			v.rest = v.rest[1:]
			if eq, err := f.equal(line, item, x); err != nil || eq {
				return eq, err
			}
		}
		return false, nil
	case *list, *view, undefined:
		items, err := f.elements(line, v)
		if err != nil {
			return false, err
		}
		for _, item := range items {
			if eq, err := f.equal(line, item, x); err != nil || eq {
				return eq, err
			}
		}
		return false, nil
	}
	return false, badOperand(line, "in", x, v)
}
